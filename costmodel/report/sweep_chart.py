"""A sweep of one or two axes as a page with charts that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from plotly.subplots import make_subplots

from costmodel.report.quantities import show
from costmodel.report.sweep import label, sentence, shown
from costmodel.sweeping import SweepError

LINES = 6  # values of the second axis that are drawn as lines; more make a map
COLOURS = ("#1F77B4", "#D95F02", "#1B9E77", "#7570B3", "#E7298A", "#666666")

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>costmodel sweep</title></head>
<body style="font-family: sans-serif; max-width: 60rem; margin: auto"><p>{said}</p>
{chart}
</body></html>
"""


def page(found: Mapping[str, Any], axes: Sequence[str]) -> str:
    """The charts as an HTML page with everything in it. Raises SweepError for more than two axes."""
    if len(axes) > 2:
        raise SweepError(f"a chart shows one or two axes, not {len(axes)}; take fewer, or leave --plot out")
    said = sentence(found, axes)
    chart = figure(found, axes).to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False})
    return PAGE.format(said=escape(said), chart=chart)


def figure(found: Mapping[str, Any], axes: Sequence[str]) -> Any:
    """One chart below the other, for the first three figures that text shows too."""
    columns = shown(found)[:3]
    chart = make_subplots(rows=len(columns), shared_xaxes=True, vertical_spacing=0.06)
    seconds = list(dict.fromkeys(map(str, found[axes[1]]))) if len(axes) == 2 else [""]
    for row, column in enumerate(columns, 1):
        words, unit = label(column)
        title = f"{words} [{unit}]" if unit != "1" else words
        if len(seconds) > LINES:
            _map(chart, row, found, axes, column, title)
            continue
        for second, colour in zip(seconds, COLOURS, strict=False):
            here = np.array([not second or str(value) == second for value in found[axes[-1]]])
            _line(chart, row, {name: values[here] for name, values in found.items()}, axes[0], column, colour, second)
        chart.update_yaxes(title=title, rangemode="tozero", row=row, col=1)
    x = found[axes[0]]
    wide = x.dtype.kind in "fi" and len(x) > 2 and x.min() > 0 and x.max() / x.min() >= 50
    chart.update_xaxes(type="log" if wide else None)
    chart.update_xaxes(title=axes[0], row=len(columns), col=1)
    chart.update_layout(
        height=300 * len(columns), template="plotly_white", legend_title=axes[-1] if seconds[0] else None
    )
    return chart


def _line(chart: Any, row: int, found: Mapping[str, Any], axis: str, column: str, colour: str, name: str) -> None:
    """A line over one axis, in its band where there are ranges; broken where a point is not feasible."""
    x, unit = found[axis].tolist(), label(column)[1]
    if f"{column}.p10" in found:
        good = found["feasible"]
        low, high = (found[f"{column}.{p}"][good].tolist() for p in ("p10", "p90"))
        over = found[axis][good].tolist()
        band = {"fill": "toself", "fillcolor": colour, "opacity": 0.2, "line": {"width": 0}, "hoverinfo": "skip"}
        chart.add_scatter(x=over + over[::-1], y=low + high[::-1], showlegend=False, row=row, col=1, **band)
    text = [reason or show(float(y), unit) for y, reason in zip(found[column], found["reason"], strict=True)]
    chart.add_scatter(
        x=x,
        y=found[column].tolist(),
        mode="lines+markers",
        name=name,
        legendgroup=name,
        showlegend=bool(name) and row == 1,
        line={"color": colour},
        text=text,
        hovertemplate="%{x}: %{text}<extra></extra>",
        row=row,
        col=1,
    )


def _map(chart: Any, row: int, found: Mapping[str, Any], axes: Sequence[str], column: str, title: str) -> None:
    """A heat map over two axes; what is not feasible stays empty, and says why when pointed at."""
    shape = [len(dict.fromkeys(map(str, found[axis]))) for axis in axes]
    unit = label(column)[1]
    words = [reason or show(float(z), unit) for z, reason in zip(found[column], found["reason"], strict=True)]
    chart.add_heatmap(
        x=list(dict.fromkeys(map(str, found[axes[0]]))),
        y=list(dict.fromkeys(map(str, found[axes[1]]))),
        z=found[column].reshape(shape).T,
        text=np.array(words, dtype=object).reshape(shape).T,
        hovertemplate=f"{axes[0]} %{{x}}, {axes[1]} %{{y}}: %{{text}}<extra></extra>",
        hoverongaps=True,
        colorscale="Cividis",
        showscale=False,
        row=row,
        col=1,
    )
    chart.update_yaxes(title=f"{axes[1]}: {title}", type="category", row=row, col=1)
