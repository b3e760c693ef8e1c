"""Charts of the page Documents: a formula along an argument, what a lever saves, how far off an example is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go

from costmodel.app import drawing
from costmodel.app.sweeps import LINES
from costmodel.documents import Example
from costmodel.plan.answer import Answer
from costmodel.report import whatif
from costmodel.report.quantities import number, scaled, show

# The largest value over the smallest from which on an axis is logarithmic, and then has powers of ten alone.
WIDE, FAR = 20, 100
LONGEST = 30  # letters of a name in one line
AROUND, EDGE = (0.1, 10.0), 0.3  # ends of an axis of factors, at least, and the room beyond them, in powers of ten

Names = tuple[str, str]  # of an axis: what is drawn, and its unit


def along(points: Mapping[float, float], x: Names, y: Names, here: float) -> None:
    """A formula's value along an argument, with a mark where the argument stands."""
    figure = go.Figure()
    across = _axis(figure.update_xaxes, list(points), *x)
    heights = _axis(figure.update_yaxes, list(points.values()), *y)
    figure.update_xaxes(rangemode="normal")
    texts = [f"{show(at, x[1])}: {show(value, y[1])}" for at, value in points.items()]
    place = list(points).index(here) if here in points else None
    figure.add_scatter(
        x=across,
        y=heights,
        mode="lines",
        line={"color": drawing.PART},
        text=texts,
        hovertemplate="%{text}<extra></extra>",
    )
    if place is not None:
        mark = {"color": drawing.WHOLE, "size": 11, "line": {"color": drawing.PART, "width": 2}}
        figure.add_scatter(x=[across[place]], y=[heights[place]], mode="markers", marker=mark, hoverinfo="skip")
    figure.update_layout(height=210, margin=drawing.MARGIN, showlegend=False)
    ends = f"from {texts[0]} to {texts[-1]}" if texts else "nowhere"
    drawing.show_chart(figure, f"{y[0].capitalize()} along {x[0]}, {ends}.", key=f"{y[0]} along {x[0]}")


def lever(found: Answer) -> None:
    """The figures that decide a what-if: bars by name, or lines along numbers."""
    if not (names := whatif.charted(found)):
        return
    first, column = next(iter(found.columns.items()))
    cells = whatif.cells(found)
    said = "; ".join(f"{row[0]}: " + ", ".join(row[list(found.columns).index(name)] for name in names) for row in cells)
    figure = go.Figure()
    if column.unit:
        _lines(figure, found, first, names)
    else:
        _bars(figure, [row[0] for row in cells], found, names[0])
    drawing.show_chart(figure, f"{', '.join(names).capitalize()} by {first}. {said}.")


def _lines(figure: go.Figure, found: Answer, first: str, names: Sequence[str]) -> None:
    column, unit = found.columns[first], found.columns[names[0]].unit
    across = _axis(figure.update_xaxes, column.values, first, column.unit)
    together = [value for name in names for value in found.columns[name].values]
    heights = iter(_axis(figure.update_yaxes, together, names[0] if len(names) == 1 else "", unit))
    for name, (colour, dash, symbol) in zip(names, LINES, strict=False):
        values = found.columns[name].values
        figure.add_scatter(
            x=across,
            y=[next(heights) for _ in values],
            mode="lines+markers",
            name=name,
            line={"color": colour, "dash": dash},
            marker={"symbol": symbol, "size": 8},
            text=[None if value is None else show(value, unit) for value in values],
            hovertemplate="%{text}",
        )
    figure.update_layout(height=340, margin=drawing.MARGIN, legend=drawing.LEGEND, showlegend=len(names) > 1)


def _bars(figure: go.Figure, labels: Sequence[str], found: Answer, name: str) -> None:
    unit, values = found.columns[name].unit, found.columns[name].values
    texts = ["–" if value is None else show(value, unit) for value in values]
    rows = [f"{'<br>'.join(wrap(label, LONGEST))} <b>{text}</b>" for label, text in zip(labels, texts, strict=True)]
    figure.add_bar(x=values, y=rows, orientation="h", marker_color=drawing.PART, hoverinfo="skip", width=0.6)
    height = 40 + sum(20 + 16 * (1 + row.count("<br>")) for row in rows)
    figure.update_layout(height=height, margin=drawing.MARGIN, title={"text": name, "font_size": 14})
    figure.update_xaxes(visible=False, fixedrange=True, rangemode="tozero")
    drawing.named_rows(figure)


def example(shown: Example) -> None:
    """How many times the computed figure each of the document's is; nothing where all are right."""
    stated = [s for s in shown.statements if s.times is not None]
    if shown.right:
        return
    factors = [s.times or 1.0 for s in stated]
    ends = min(AROUND[0], *factors), max(AROUND[1], *factors)
    figure = go.Figure()
    figure.add_vline(1, line={"color": drawing.GREY, "dash": "dot"})
    for right, name, symbol, colour in (
        (True, "right", "circle", drawing.PART),
        (False, "wrong", "diamond", drawing.WHOLE),
    ):
        here = [s for s in stated if s.right is right]
        figure.add_scatter(
            x=[s.times for s in here],
            y=["<br>".join(wrap(s.what, LONGEST)) for s in here],
            mode="markers+text",
            name=name,
            marker={"symbol": symbol, "color": colour, "size": 11},
            text=["" if right else f"  {number(s.times or 0.0)}×  " for s in here],
            textposition=["middle left" if s.times == ends[1] else "middle right" for s in here],
            hoverinfo="skip",
        )
    figure.update_layout(height=110 + 46 * len(stated), margin=drawing.MARGIN, legend=drawing.LEGEND, showlegend=True)
    _axis(figure.update_xaxes, [*factors, *AROUND], "times the computed figure", "1")
    figure.update_xaxes(range=[log10(ends[0]) - EDGE, log10(ends[1]) + EDGE])
    drawing.named_rows(figure)
    figure.update_yaxes(categoryorder="array", categoryarray=["<br>".join(wrap(s.what, LONGEST)) for s in stated])
    said = "; ".join(f"{s.what}: {number(s.times or 0.0)} times" for s in stated)
    drawing.show_chart(figure, f"The document's figures over the computed ones. {said}.")


def _axis(update: Any, values: Sequence[float | None], title: str, unit: str) -> list[float | None]:
    """Set up an axis of figures, logarithmic where they span much; returns them in its unit."""
    shown, name = scaled(values, unit)
    known = [value for value in shown if value is not None]
    wide = bool(known) and min(known) > 0 and max(known) / min(known) >= WIDE
    update(
        title=f"{title} [{name}]" if title and name else title or name,
        type="log" if wide else "linear",
        dtick=None if not wide else 1 if max(known) / min(known) >= FAR else "D2",
        exponentformat="B",
        tickformat=".0%" if unit == "fraction" else "~g" if name else None,  # whole numbers between powers of ten too
        rangemode="tozero" if known and min(known) > 0 else "normal",
        fixedrange=True,
        automargin=True,
    )
    return shown
