"""Charts of several scenarios: side by side, along axes, and around one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from costmodel.app import drawing
from costmodel.report import explore as report
from costmodel.report.explore import Columns
from costmodel.report.quantities import scale, show
from costmodel.report.sweep import at
from costmodel.tornado import Swing

# Lines told apart by more than colour.
LINES = tuple(
    zip(
        ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"),
        ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot"),
        ("circle", "diamond", "square", "triangle-up", "cross", "star"),
        strict=True,
    )
)
FEW_BANDS, MOST_TEXTS, MOST_TICKS, WIDE, MANY = 2, 60, 10, 8, 1000
BRIGHT = 0.45  # of the colours of cells: from here on black is read better than white
CHOOSE = {"on_select": "rerun", "selection_mode": "points"}


def differences(parts: Mapping[str, float], unit: str, whole: str, total: float) -> None:
    """What a difference is made of, end to end, largest first, and below it the whole."""
    values = dict(sorted(((n, v) for n, v in parts.items() if v), key=lambda part: -abs(part[1]))) | {whole: total}
    shown = {name: f"{'+' if v > 0 else ''}{show(v, unit)}".replace("-", "−") for name, v in values.items()}
    figure = go.Figure(
        go.Waterfall(
            orientation="h",
            x=list(values.values()),
            y=[f"{name} <b>{shown[name]}</b>" for name in values],
            measure=["relative"] * (len(values) - 1) + ["total"],
            increasing_marker_color=drawing.WHOLE,
            decreasing_marker_color=drawing.PART,
            totals_marker_color=drawing.GREY,
            connector_visible=False,
            hoverinfo="skip",
        )
    )
    figure.update_layout(height=30 + 34 * len(values), margin=drawing.MARGIN | {"t": 0})
    figure.update_xaxes(showticklabels=False, showgrid=False, zerolinecolor=drawing.GREY, fixedrange=True)
    drawing.named_rows(figure)
    drawing.show_chart(
        figure, f"{whole}, {shown[whole]}, made of: {'; '.join(f'{n} {shown[n]}' for n in parts if n in shown)}."
    )


def curves(found: Columns, axes: Sequence[str], name: str) -> Any:
    """A figure along the first axis, a line for each value of the second; with its 80 % range where it has one."""
    figure, said = go.Figure(), []
    size, axis = _from_nothing(found, name)
    numeric = _axis(figure.update_xaxes, found, axes[0])
    other = found[axes[1]] if len(axes) > 1 else np.full(len(found["feasible"]), "")
    lines = list(dict.fromkeys(other.tolist()))
    for number, line in enumerate(lines):
        places = np.flatnonzero(other == line).tolist()
        colour, dash, symbol = LINES[number % len(LINES)]
        label = at(line) if len(axes) > 1 else report.FIGURES[name][0]
        x = found[axes[0]][places].tolist()
        if f"{name}.p10" in found and len(lines) <= FEW_BANDS:
            _band(figure, x, found[f"{name}.p10"][places] / size, found[f"{name}.p90"][places] / size, colour, numeric)
        figure.add_scatter(
            x=x,
            y=(found[name][places] / size).tolist(),
            mode="lines+markers" if numeric else "markers",
            name=label,
            line={"color": colour, "dash": dash},
            marker={"symbol": symbol, "size": 9, "color": colour},
            customdata=places,
            hovertext=[_hover(found, axes, place, name) for place in places],
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=len(lines) > 1,
        )
        said.append(f"{label}: {', '.join(_said(found, axes, place, name) for place in places)}")
    _infeasible(figure, found, axes)
    figure.update_layout(height=420, margin=drawing.MARGIN, legend=drawing.LEGEND | {"title": " ".join(axes[1:])})
    figure.update_yaxes(**axis)
    return drawing.show_chart(figure, f"{report.FIGURES[name][0]} along {axes[0]}. {'; '.join(said)}.", **CHOOSE)


def _band(figure: go.Figure, x: list[Any], low: np.ndarray, high: np.ndarray, colour: str, numeric: bool) -> None:
    """The 80 % range: an area along numbers, a bar at each name."""
    if not numeric:
        x, y = [v for v in x for v in (v, v, None)], [v for ends in zip(low, high, strict=True) for v in (*ends, None)]
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": colour, "width": 4}, opacity=0.4, hoverinfo="skip", showlegend=False
        )
        return
    for ends, fill in ((low, None), (high, "tonexty")):
        figure.add_scatter(
            x=x,
            y=ends.tolist(),
            mode="lines",
            line={"width": 0},
            fill=fill,
            fillcolor=f"rgba({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))}, 0.2)",
            hoverinfo="skip",
            showlegend=False,
        )


def heat(found: Columns, axes: Sequence[str], name: str) -> Any:
    """A figure over two axes as coloured cells with its value; a cross, with the limit, where there is no answer."""
    columns, rows = ([at(v) for v in dict.fromkeys(found[axis].tolist())] for axis in axes)
    x, y = ([at(v) for v in found[axis].tolist()] for axis in axes)
    label, unit = report.FIGURES[name]
    places = range(len(x))
    cells: list[list[float | None]] = [[None] * len(columns) for _ in rows]
    for place in places:
        if found["feasible"][place]:
            cells[rows.index(y[place])][columns.index(x[place])] = float(found[name][place])
    figure = go.Figure(go.Heatmap(x=columns, y=rows, z=cells, colorscale="Cividis", hoverinfo="skip", xgap=2, ygap=2))
    written = len(x) <= MOST_TEXTS
    figure.update_traces(
        showscale=not written, colorbar={"title": f"{label}<br>[{unit}]", "thickness": 12, "tickformat": "~s"}
    )
    low, high = np.nanmin(found[name]), np.nanmax(found[name])
    middle = low + BRIGHT * (high - low)
    texts, inks = [], []
    for place in places:
        if found["feasible"][place]:
            text, ink = show(float(found[name][place]), unit), "white" if found[name][place] < middle else "black"
        else:
            text, ink = f"✕ {report.limit(found, place).partition('.')[0]}", drawing.GREY
        # In two lines, so that they fit the cells of a telephone; in many cells crosses alone have room.
        texts.append(text.replace(" ", "<br>", 1) if written else "" if found["feasible"][place] else "✕")
        inks.append(ink)
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers+text",
        text=texts,
        textfont={"color": inks},
        marker={"size": 24, "opacity": 0, "symbol": "square"},
        customdata=list(places),
        hovertext=[_hover(found, axes, place, name) for place in places],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )
    figure.update_layout(height=120 + 44 * len(rows), margin=drawing.MARGIN)
    figure.update_xaxes(title=axes[0], type="category", fixedrange=True, showgrid=False)
    figure.update_yaxes(title=axes[1], type="category", fixedrange=True, showgrid=False, automargin=True)
    said = "; ".join(_said(found, axes, place, name) for place in places)
    return drawing.show_chart(figure, f"{label} over {axes[0]} and {axes[1]}. {said}.", **CHOOSE)


def compromise(found: Columns, axes: Sequence[str], names: tuple[str, str], front: Sequence[int]) -> Any:
    """Every point by two figures, and the line of those that no other beats in both."""
    x, y = (report.FIGURES[name][0] for name in names)
    (size_x, across), (size_y, up) = (_from_nothing(found, name) for name in names)
    figure, rest = go.Figure(), [p for p in np.flatnonzero(found["feasible"]).tolist() if p not in front]
    for label, places, symbol, colour in (
        ("beaten in both", rest, "circle-open", drawing.GREY),
        ("not beaten", front, "diamond", drawing.PART),
    ):
        figure.add_scatter(
            x=(found[names[0]][places] / size_x).tolist(),
            y=(found[names[1]][places] / size_y).tolist(),
            mode="markers" if places is rest else "lines+markers",
            line={"color": colour, "shape": "hv", "dash": "dot"},
            marker={"symbol": symbol, "color": colour, "size": 11},
            name=label,
            customdata=list(places),
            hovertext=[_hover(found, axes, place, *names) for place in places],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    figure.update_layout(height=420, margin=drawing.MARGIN, legend=drawing.LEGEND)
    figure.update_xaxes(**across)
    figure.update_yaxes(**up)
    said = "; ".join(_said(found, axes, place, *names) for place in front)
    return drawing.show_chart(figure, f"{y} against {x}; not beaten in both: {said}.", **CHOOSE)


def tornado(swings: Sequence[Swing], value: float, label: str, unit: str) -> None:
    """A figure at both ends of each assumption's range, about its value; the widest on top."""
    figure, names = go.Figure(), [swing.label.replace(": ", ":<br>") for swing in swings]
    size, axis = _scale(value, label, unit)
    for end, colour, pattern in (("low", drawing.PART, ""), ("high", drawing.WHOLE, "/")):
        ends = [getattr(swing, f"at_{end}") for swing in swings]
        texts = [show(getattr(swing, end), swing.unit) for swing in swings]
        figure.add_bar(
            base=value / size,
            x=(np.subtract(ends, value) / size).tolist(),
            y=names,
            orientation="h",
            name=f"at its {end} end",
            marker={"color": colour, "pattern": {"shape": pattern}},
            hovertext=[f"{n} {t}<br>{label} {show(v, unit)}" for n, t, v in zip(names, texts, ends, strict=True)],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    figure.add_vline(value / size, line={"color": drawing.GREY, "width": 1})
    height = 100 + 36 * len(names)
    figure.update_layout(barmode="overlay", height=height, margin=drawing.MARGIN, legend=drawing.LEGEND)
    figure.update_xaxes(**axis)
    drawing.named_rows(figure)
    said = (f"{s.label}: {show(s.at_low, unit)} to {show(s.at_high, unit)}" for s in swings)
    drawing.show_chart(figure, f"{label} at both ends of each assumption. {'; '.join(said)}.")


def _scale(largest: float, label: str, unit: str) -> tuple[float, dict[str, Any]]:
    """The unit that a figure is best read in, as its size in SI, and an axis in it."""
    size, name = (1.0, unit) if unit == "1" else scale(largest, unit)
    form = "~s" if largest >= MANY * size else "~g"
    return size, {"title": f"{label} [{name or unit}]", "tickformat": form, "fixedrange": True}


def _from_nothing(found: Columns, name: str) -> tuple[float, dict[str, Any]]:
    """The scale of a figure of a sweep, on an axis from nothing on."""
    size, axis = _scale(float(np.nanmax(found[name])), *report.FIGURES[name])
    return size, axis | {"rangemode": "tozero"}


def _axis(update: Any, found: Columns, axis: str) -> bool:
    """Numbers on a line, logarithmic when they span much; anything else side by side. Returns whether numbers."""
    values = found[axis]
    numeric = values.dtype.kind in "iuf"
    if not numeric:
        update(title=axis, type="category", fixedrange=True)
        return False
    wide = values.min() > 0 and values.max() / values.min() >= WIDE
    ticks = list(dict.fromkeys(values.tolist()))
    shown = {"tickvals": ticks, "ticktext": [at(v) for v in ticks]} if len(ticks) <= MOST_TICKS else {}
    update(title=axis, type="log" if wide else "linear", fixedrange=True, **shown)
    return True


def _infeasible(figure: go.Figure, found: Columns, axes: Sequence[str]) -> None:
    """Crosses at the points without an answer, with the reason."""
    places = np.flatnonzero(~found["feasible"]).tolist()
    if places:
        figure.add_scatter(
            x=found[axes[0]][places].tolist(),
            y=[0.0] * len(places),
            mode="markers",
            name=f"not feasible: {', '.join(dict.fromkeys(report.limit(found, place) for place in places))}",
            cliponaxis=False,
            marker={"symbol": "x", "color": drawing.GREY, "size": 9},
            customdata=places,
            hovertext=[_hover(found, axes, place) for place in places],
            hovertemplate="%{hovertext}<extra></extra>",
        )


def _hover(found: Columns, axes: Sequence[str], place: int, *names: str) -> str:
    return _said(found, axes, place, *names).replace(": ", "<br>", 1)


def _said(found: Columns, axes: Sequence[str], place: int, *names: str) -> str:
    where = report.point(found, axes, int(place))
    if not found["feasible"][place]:
        return f"{where}: {found['reason'][place]}"
    figures = (f"{report.FIGURES[n][0]} {show(float(found[n][place]), report.FIGURES[n][1])}" for n in names)
    return f"{where}: {', '.join(figures)}"
