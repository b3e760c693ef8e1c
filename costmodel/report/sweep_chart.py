"""A sweep of one or two axes as a page with charts that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from costmodel.report.html import sheet
from costmodel.report.quantities import scale, show
from costmodel.report.sweep import at, label, sentence, shown
from costmodel.sweeping import SweepError

LINES = 6  # values of the second axis that are drawn as lines; more make a map
COLOURS = ("#1F77B4", "#D95F02", "#1B9E77", "#7570B3", "#E7298A", "#666666")


def page(found: Mapping[str, Any], axes: Sequence[str]) -> str:
    """The charts as an HTML page with everything in it. Raises SweepError for more than two axes."""
    if len(axes) > 2:
        raise SweepError(f"a chart shows one or two axes, not {len(axes)}; take fewer, or leave --plot out")
    said = sentence(found, axes)
    return sheet(said, [("chart", figure(found, axes), said)])


def figure(found: Mapping[str, Any], axes: Sequence[str]) -> Any:
    """One chart below the other, for the first three figures that text shows too."""
    from plotly.subplots import make_subplots

    columns = shown(found)[:3]
    chart = make_subplots(rows=len(columns), shared_xaxes=True, vertical_spacing=0.06)
    second = list(dict.fromkeys(map(at, found[axes[1]]))) if len(axes) == 2 else [""]
    for row, column in enumerate(columns, 1):
        size, unit = scale(float(np.nan_to_num(found[column]).max()), label(column)[1])
        title = f"{label(column)[0]} [{unit}]" if unit else label(column)[0]
        if len(second) > LINES:
            _map(chart, row, found, axes, column)
            title = f"{axes[1]}<br>{label(column)[0]}"
        else:
            for name, colour in zip(second, COLOURS, strict=False):
                here = np.array([not name or at(value) == name for value in found[axes[-1]]])
                part = {key: values[here] for key, values in found.items()}
                _line(chart, row, part, axes[0], column, size, {"name": name, "line": {"color": colour}})
        chart.update_yaxes(title=title, row=row, col=1)
    x = found[axes[0]]
    if len(second) <= LINES and x.dtype.kind in "fi" and x.min() > 0 and x.max() / x.min() >= 20:
        chart.update_xaxes(type="log", dtick="D2" if x.max() / x.min() < 1000 else None)
    chart.update_xaxes(title=axes[0], row=len(columns), col=1)
    chart.update_layout(height=300 * len(columns), margin={"t": 40, "b": 60})
    return chart.update_layout(legend_title=axes[-1] if second[0] else "")


def _line(
    chart: Any, row: int, found: Mapping[str, Any], axis: str, column: str, size: float, style: dict[str, Any]
) -> None:
    """A line over one axis, in its band where there are ranges; broken where a point is not feasible."""
    x, y, place = found[axis], found[column] / size, {"row": row, "col": 1}
    if f"{column}.p10" in found:
        good = found["feasible"]
        low, high = (found[f"{column}.{p}"][good] / size for p in ("p10", "p90"))
        chart.add_scatter(
            x=[*x[good].tolist(), *x[good][::-1].tolist()],
            y=[*low.tolist(), *high[::-1].tolist()],
            mode="lines",
            fill="toself",
            fillcolor=style["line"]["color"],
            opacity=0.2,
            line={"width": 0},
            hoverinfo="skip",
            legendgroup=style["name"],
            showlegend=False,
            **place,
        )
    chart.add_scatter(
        x=x.tolist(),
        y=y.tolist(),
        mode="lines+markers",
        legendgroup=style["name"],
        showlegend=bool(style["name"]) and row == 1,
        text=_words(found, column),
        hovertemplate="%{x}: %{text}<extra></extra>",
        **style,
        **place,
    )
    chart.update_yaxes(rangemode="tozero", **place)


def _map(chart: Any, row: int, found: Mapping[str, Any], axes: Sequence[str], column: str) -> None:
    """A map over two axes, coloured by ratio; a point that is not feasible is crossed out and says why."""
    x, y = ([at(value) for value in found[axis]] for axis in axes)
    words, good = np.array(_words(found, column), dtype=object), found["feasible"]
    say = {"hovertemplate": f"{axes[0]} %{{x}}, {axes[1]} %{{y}}: %{{text}}<extra></extra>", "row": row, "col": 1}
    chart.add_heatmap(
        x=x,
        y=y,
        z=np.log10(np.where(found[column] > 0, found[column], np.nan)),
        text=np.where(good, words, ""),
        texttemplate="%{text}" if len(dict.fromkeys(x)) <= 10 else "",
        colorscale="Blues",
        showscale=False,
        **say,
    )
    cross = {"symbol": "x-thin", "size": 10, "line": {"width": 1, "color": "#666666"}}
    points = {"x": np.array(x)[~good].tolist(), "y": np.array(y)[~good].tolist(), "text": words[~good].tolist()}
    chart.add_scatter(**points, mode="markers", marker=cross, showlegend=False, **say)
    chart.update_xaxes(type="category", row=row, col=1)
    chart.update_yaxes(type="category", row=row, col=1)


def _words(found: Mapping[str, Any], column: str) -> list[str]:
    """What each point says: its figure, or why there is none."""
    unit = label(column)[1]
    return [why or show(float(value), unit) for value, why in zip(found[column], found["reason"], strict=True)]
