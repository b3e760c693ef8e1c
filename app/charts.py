"""Charts that a single page shows; each with the text that stands for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from costmodel.app import drawing
from costmodel.app.drawing import PART, WHOLE
from costmodel.report import evidence
from costmodel.report import roofline as shown
from costmodel.report.evidence import Run
from costmodel.report.quantities import number, scale, scaled, show, with_range
from costmodel.roofline import Roofline

if TYPE_CHECKING:
    from costmodel.plan.sizing import Candidate, SizePlan

RUNS = (("circle", PART, "bottom left"), ("diamond-open", WHOLE, "top left"))  # told apart by more than colour


def roofline(found: Roofline) -> None:
    """Operators under the ceilings of their device, on logarithmic axes."""
    figure = go.Figure()
    for name, line in shown.curves(found).items():
        x, y = zip(*line, strict=True)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+text",
            text=["", name] if y[0] == y[-1] else [name, ""],  # a ceiling at its far end, away from the slope
            textposition="top left" if y[0] == y[-1] else "bottom right",
            line={"color": drawing.GREY, "width": 1.5, "dash": "solid" if found.measured else "dash"},
            textfont_size=11,
            hoverinfo="skip",
            showlegend=False,
        )
    said = []
    for (run, points), (symbol, colour, side) in zip(shown.runs(found).items(), RUNS, strict=False):
        drawn = [p for p in points if p.flops]
        labels = shown.labels(drawn)
        figure.add_scatter(
            x=[p.intensity for p in drawn],
            y=[p.rate for p in drawn],
            mode="markers+text",
            name=run,
            text=[labels.get(p.operator, "") for p in drawn],
            textposition=side,
            marker={"symbol": symbol, "color": colour, "size": 11, "line": {"width": 2, "color": colour}},
            hovertext=[p.operator for p in drawn],
            hovertemplate="%{hovertext}<br>%{x:.3~s} FLOP/B, %{y:.3~s}FLOP/s<extra></extra>",
        )
        places = (f"{p.operator} at {number(p.intensity)} FLOP/B and {show(p.rate, 'FLOP/s')}" for p in drawn)
        said.append(f"{run}: {', '.join(places)}")
    figure.update_layout(height=460, margin=drawing.MARGIN, legend=drawing.LEGEND)
    figure.update_xaxes(type="log", title="arithmetic intensity [FLOP/B]", tickformat="~s", fixedrange=True)
    figure.update_yaxes(type="log", title="attained [FLOP/s]", tickformat="~s", dtick="D2", fixedrange=True)
    drawing.show_chart(figure, f"Roofline of {found.hardware}. {'; '.join(said)}. {shown.origin(found)}")


def verified(rows: Sequence[Any]) -> None:
    """Predicted over measured times of workloads that were run here, each with its range."""
    timed = [row for row in rows if row.measured and row.predicted and row.metric != "speed_up"]
    if not timed:
        return
    figure = go.Figure()
    figure.add_scatter(
        x=[x for row in timed for x in (row.measured, row.measured, None)],
        y=[y for row in timed for y in (row.p10, row.p90, None)],
        mode="lines",
        name="80 % range",
        line={"color": WHOLE, "width": 4},
        hoverinfo="skip",
    )
    said = (f"{row.id} measured {show(row.measured, 's')}, predicted {show(row.predicted, 's')}" for row in timed)
    _parity(figure, timed, [row.id for row in timed], "s", {"size": 9}, f"times: {'; '.join(said)}")


def published(rows: Sequence[Run], metric: str) -> None:
    """Predicted over measured figures of published runs: of one metric, so many that points overlap."""
    said = f"{evidence.words(metric)} of {len(rows)} published runs"
    mark = {"size": 5, "opacity": 0.5}
    _parity(go.Figure(), rows, [row.source for row in rows], evidence.unit(metric), mark, said)


def _parity(figure: go.Figure, rows: Sequence[Any], names: list[str], unit: str, mark: Any, said: str) -> None:
    """Predicted over measured figures, above what the figure has already, with the line where both are equal."""
    measured, predicted = [row.measured for row in rows], [row.predicted for row in rows]
    ends = [min(measured + predicted), max(measured + predicted)]
    figure.add_scatter(x=ends, y=ends, mode="lines", name="equal", line={"color": drawing.GREY, "dash": "dot"})
    figure.add_scatter(
        x=measured,
        y=predicted,
        mode="markers",
        name="prediction",
        text=names,
        marker={"color": PART, **mark},
        hovertemplate=f"%{{text}}<br>measured %{{x:.3~s}}{unit}, predicted %{{y:.3~s}}{unit}<extra></extra>",
    )
    figure.update_layout(height=420, margin=drawing.MARGIN, legend=drawing.LEGEND)
    figure.update_xaxes(type="log", title=f"measured [{unit}]", tickformat="~s", fixedrange=True)
    figure.update_yaxes(type="log", title=f"predicted [{unit}]", tickformat="~s", fixedrange=True)
    drawing.show_chart(figure, f"Predicted over measured {said}.")


def errors(judged: Mapping[str, Mapping[str, Any]]) -> None:
    """Median and 90th percentile of the errors of each law or metric; a naive rule's median where there is one."""
    names, median, most = list(judged), *([row[key] for row in judged.values()] for key in ("median", "p90"))
    series = [("median", median, "circle"), ("90 % within", most, "circle-open")]
    naive = [row.get("naive_median") for row in judged.values()]
    if any(naive):
        series.append(("naive median", naive, "x"))
    figure = go.Figure()
    figure.add_scatter(
        x=[x for ends in zip(median, most, strict=True) for x in (*ends, None)],
        y=[y for name in names for y in (name, name, None)],
        mode="lines",
        line={"color": drawing.GREY, "width": 1.5},
        hoverinfo="skip",
        showlegend=False,
    )
    for name, values, symbol in series:
        figure.add_scatter(
            x=values,
            y=names,
            mode="markers",
            name=name,
            marker={"color": WHOLE, "symbol": symbol, "size": 10}
            if symbol == "x"
            else {"color": PART, "symbol": symbol, "size": 10, "line": {"width": 2, "color": PART}},
            hovertemplate="%{y}: %{x:.0%}",
        )
    figure.update_layout(height=130 + 26 * len(names), margin=drawing.MARGIN, legend=drawing.LEGEND)
    wide = max(most) > FAR * min(median)
    axis = {"type": "log", "dtick": 1} if wide else {"rangemode": "tozero"}
    figure.update_xaxes(title="error", tickformat=",.0%", fixedrange=True, **axis)
    figure.update_yaxes(autorange="reversed", automargin=True, fixedrange=True)
    said = (
        f"{name}: " + ", ".join(f"{label} {values[place]:.0%}" for label, values, _ in series)
        for place, name in enumerate(names)
    )
    drawing.show_chart(figure, f"Errors: {'; '.join(said)}.")


# Colours of Okabe and Ito's palette, and patterns for those who see no colours.
FILLS = (("#0072B2", ""), ("#E69F00", "/"), ("#009E73", "."), ("#CC79A7", "x"), ("#56B4E9", "\\"), ("#D55E00", "-"))
FAR = 100  # the largest error over the smallest from which on an axis is logarithmic
FEW = 2  # round numbers along an axis
# Of a plan of size: mark and symbol of each size that has a name.
NAMED = {"best": "star", "compute_optimal": "diamond", "stated": "square"}


def sizes(plan: SizePlan) -> None:
    """Training and serving cost of sizes around the best, one on the other, with the sizes that have a name."""
    figure = go.Figure()
    parts = {"training": (PART, {"hoverinfo": "skip"}), "serving": (WHOLE, _read(plan))}
    for name, (colour, hover) in parts.items():
        figure.add_scatter(
            x=[row.parameters for row in plan.curve],
            y=[getattr(row, f"{name}_usd") for row in plan.curve],
            name=name,
            stackgroup="cost",
            mode="lines",
            line={"color": colour, "width": 1},
            **hover,
        )
    _named(figure, plan, "total_usd")
    figure.update_yaxes(title="cost [USD]", exponentformat="B", rangemode="tozero")
    said = (
        f"{show(row.parameters, '1')} parameters: training {show(row.training_usd, 'USD')}, "
        f"serving {show(row.serving_usd, 'USD')}"
        for row in plan.rows
    )
    _against_parameters(figure, plan, f"Cost of training and serving by size. {'; '.join(said)}.")


def losses(plan: SizePlan) -> None:
    """Loss that the budget reaches with sizes around the best."""
    figure = go.Figure()
    figure.add_scatter(
        x=[row.parameters for row in plan.curve],
        y=[row.loss for row in plan.curve],
        mode="lines",
        line={"color": PART},
        showlegend=False,
        **_read(plan),
    )
    _named(figure, plan, "loss")
    figure.update_yaxes(title="loss [nats per token]")
    said = (f"{show(row.parameters, '1')} parameters: {row.loss:.4f}" for row in plan.rows)
    _against_parameters(figure, plan, f"Loss by size, for the budget. {'; '.join(said)}.")


def _named(figure: go.Figure, plan: SizePlan, height: str) -> None:
    """The sizes that have a name, with a symbol of their own."""
    for name, symbol in reversed(NAMED.items()):
        row = getattr(plan, name)
        if row is not None:
            figure.add_scatter(
                x=[row.parameters],
                y=[getattr(row, height)],
                mode="markers",
                name=f"{name.replace('_', '-')} {show(row.parameters, '1')}",
                marker={"symbol": symbol, "size": 14, "color": "white", "line": {"width": 2, "color": "black"}},
                hoverinfo="skip",
            )


def _read(plan: SizePlan) -> dict[str, Any]:
    """What to read at each size of the curve."""
    return {"customdata": [_hover(row) for row in plan.curve], "hovertemplate": "%{customdata}<extra></extra>"}


def _hover(row: Candidate) -> str:
    size, tokens, cost = show(row.parameters, "1"), show(row.tokens, "1"), show(row.total_usd, "USD")
    return f"{size} parameters on {tokens} tokens<br>loss {row.loss:.4f}, {cost}"


def _against_parameters(figure: go.Figure, plan: SizePlan, alt: str) -> None:
    """Parameters along the bottom, and behind the curves the sizes that are hardly worse."""
    if plan.flat is not None:
        figure.add_vrect(*plan.flat, fillcolor=drawing.GREY, opacity=0.25, line_width=0, layer="below")
    figure.update_layout(height=380, margin=drawing.MARGIN, legend=drawing.LEGEND)
    figure.update_xaxes(title="parameters", **_logarithmic([row.parameters for row in plan.curve]))
    figure.update_yaxes(fixedrange=True)
    drawing.show_chart(figure, alt)


def moved(plans: Mapping[float, SizePlan], asked: float) -> None:
    """The best and the compute-optimal size over the tokens served, with the range of the best."""
    found = {n: plan for n, plan in plans.items() if plan.best is not None}
    best = {n: plan.best.parameters for n, plan in found.items() if plan.best}
    ranges = {n: plan.ranges["parameters"] for n, plan in found.items() if "parameters" in plan.ranges}
    figure = go.Figure()
    for number_of, name, filled in ((0, "low", None), (1, "80 % range", "tonexty")):
        figure.add_scatter(
            x=list(ranges),
            y=[ends[number_of] for ends in ranges.values()],
            mode="lines",
            line={"width": 0},
            fill=filled,
            fillcolor="rgba(0, 114, 178, 0.25)",
            name=name,
            hoverinfo="skip",
            showlegend=filled is not None,
        )
    balanced = {n: plan.compute_optimal.parameters for n, plan in found.items() if plan.compute_optimal}
    figure.add_scatter(
        x=list(balanced),
        y=list(balanced.values()),
        mode="lines",
        name="compute-optimal",
        line={"color": WHOLE, "dash": "dash"},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=list(best),
        y=list(best.values()),
        mode="lines+markers",
        name="best",
        line={"color": PART},
        marker={"size": 8},
        customdata=[_hover(plan.best) for plan in found.values() if plan.best],
        hovertemplate="%{customdata}<extra></extra>",
    )
    if asked:
        figure.add_vline(asked, line={"color": drawing.GREY, "dash": "dot"})
    figure.update_layout(height=340, margin=drawing.MARGIN, legend=drawing.LEGEND)
    heights = [*best.values(), *balanced.values(), *(end for ends in ranges.values() for end in ends)]
    figure.update_xaxes(title="tokens served", type="log", dtick=1, exponentformat="B", fixedrange=True)
    figure.update_yaxes(title="parameters", **_logarithmic(heights))
    said = (f"{show(n, '1')} served: {show(size, '1')}" for n, size in best.items())
    drawing.show_chart(figure, f"Best size by tokens served. {'; '.join(said)}.")


def _logarithmic(values: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis of counts, with round numbers in words."""
    for digits in ((1, 2, 5), range(1, 10)):
        ticks = (float(f"{digit}e{power}") for power in range(5, 18) for digit in digits)
        shown = [tick for tick in ticks if min(values) <= tick <= max(values)]
        if len(shown) > FEW:
            break
    return {"type": "log", "tickvals": shown, "ticktext": [show(tick, "1") for tick in shown], "fixedrange": True}


def ranged(figures: Mapping[str, tuple[float, float, float]], unit: str, what: str) -> None:
    """A figure of several alternatives as points, each with its 80 % range."""
    names = {name: f"{name} <b>{show(value, unit)}</b>" for name, (value, _, _) in figures.items()}
    shown, axis = scaled([end for each in figures.values() for end in each], unit)
    points, lows, highs = shown[::3], shown[1::3], shown[2::3]
    figure = go.Figure()
    figure.add_scatter(
        x=[x for low, high in zip(lows, highs, strict=True) for x in (low, high, None)],
        y=[y for name in names.values() for y in (name, name, None)],
        mode="lines+markers",
        line={"color": WHOLE, "width": 4},
        marker={"symbol": "line-ns", "line": {"color": WHOLE, "width": 2}},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=points,
        y=list(names.values()),
        mode="markers",
        marker={"color": PART, "size": 11},
        hoverinfo="skip",
    )
    figure.update_layout(height=90 + 34 * len(names), margin=drawing.MARGIN | {"t": 0}, showlegend=False)
    figure.update_xaxes(title=f"{what} [{axis}]", rangemode="tozero", fixedrange=True)
    drawing.named_rows(figure)
    said = (f"{name} {with_range(v, low, high, unit)}" for name, (v, low, high) in figures.items())
    drawing.show_chart(figure, f"{what.capitalize()}, with 80 % ranges: {'; '.join(said)}.")


def stacks(parts: Mapping[str, Mapping[str, float]], unit: str, what: str, limit: float) -> None:
    """The parts of several totals end to end, a bar each, against a limit."""
    figure = go.Figure()
    kinds = dict.fromkeys(kind for own in parts.values() for kind, value in own.items() if value)
    size, axis = scale(limit, unit)
    for kind, (colour, pattern) in zip(kinds, FILLS, strict=False):
        figure.add_bar(
            x=[own.get(kind, 0.0) / size for own in parts.values()],
            y=list(parts),
            orientation="h",
            name=kind,
            marker={"color": colour, "pattern": {"shape": pattern}},
            hovertemplate=f"{kind} %{{x:.3~g}} {axis}<extra></extra>",
        )
    figure.add_vline(limit / size, line={"color": drawing.GREY, "width": 2, "dash": "dot"})
    figure.update_layout(
        barmode="stack",
        height=100 + 40 * len(parts),
        margin=drawing.MARGIN,
        legend=drawing.LEGEND | {"traceorder": "normal"},
    )
    figure.update_xaxes(title=f"{what} [{axis}]", fixedrange=True)
    drawing.named_rows(figure)
    said = (f"{name}: {', '.join(f'{k} {show(v, unit)}' for k, v in own.items() if v)}" for name, own in parts.items())
    drawing.show_chart(figure, f"{what.capitalize()}, of {show(limit, unit)}. {'; '.join(said)}.")
