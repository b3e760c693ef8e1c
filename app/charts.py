"""Charts that a single page shows; each with the text that stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from costmodel.app.parts import PART, WHOLE
from costmodel.report import roofline as shown
from costmodel.report.quantities import number, show
from costmodel.roofline import Roofline

CEILING = "#7F7F7F"
RUNS = (("circle", PART), ("diamond-open", WHOLE))  # told apart by more than colour
LEGEND = {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0}


def roofline(found: Roofline) -> None:
    """Operators under the ceilings of their device, on logarithmic axes."""
    figure = go.Figure()
    for name, line in shown.curves(found).items():
        x, y = zip(*line, strict=True)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+text",
            text=[name, ""],
            textposition="top right" if y[0] == y[1] else "bottom right",
            line={"color": CEILING, "width": 1.5, "dash": "solid" if found.measured else "dash"},
            textfont={"color": CEILING, "size": 11},
            hoverinfo="skip",
            showlegend=False,
        )
    said = []
    for (run, points), (symbol, colour) in zip(shown.runs(found).items(), RUNS, strict=False):
        drawn = [p for p in points if p.flops]
        labels = shown.labels(drawn)
        figure.add_scatter(
            x=[p.intensity for p in drawn],
            y=[p.rate for p in drawn],
            mode="markers+text",
            name=run,
            text=[labels.get(p.operator, "") for p in drawn],
            textposition="bottom left",
            marker={"symbol": symbol, "color": colour, "size": 11, "line": {"width": 2, "color": colour}},
            hovertext=[p.operator for p in drawn],
            hovertemplate="%{hovertext}<br>%{x:.3~s} FLOP/B, %{y:.3~s}FLOP/s<extra></extra>",
        )
        places = (f"{p.operator} at {number(p.intensity)} FLOP/B and {show(p.rate, 'FLOP/s')}" for p in drawn)
        said.append(f"{run}: {', '.join(places)}")
    figure.update_layout(height=460, margin={"l": 0, "r": 0, "t": 24, "b": 0}, legend=LEGEND)
    figure.update_xaxes(type="log", title="arithmetic intensity [FLOP/B]", tickformat="~s", fixedrange=True)
    figure.update_yaxes(type="log", title="attained [FLOP/s]", tickformat="~s", fixedrange=True)
    _show(figure, f"Roofline of {found.hardware}. {'; '.join(said)}. {shown.origin(found)}")


def parity(rows: Sequence[Any]) -> None:
    """Predicted over measured times, each with its range, and the line where both are equal."""
    timed = [row for row in rows if row.measured and row.predicted and row.metric != "speed_up"]
    if not timed:
        return
    measured, predicted = [row.measured for row in timed], [row.predicted for row in timed]
    ends = [min(measured + predicted), max(measured + predicted)]
    figure = go.Figure()
    figure.add_scatter(x=ends, y=ends, mode="lines", name="equal", line={"color": CEILING, "dash": "dot"})
    figure.add_scatter(
        x=[x for row in timed for x in (row.measured, row.measured, None)],
        y=[y for row in timed for y in (row.p10, row.p90, None)],
        mode="lines",
        name="80 % range",
        line={"color": WHOLE, "width": 4},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=measured,
        y=predicted,
        mode="markers",
        name="prediction",
        text=[row.id for row in timed],
        marker={"color": PART, "size": 9},
        hovertemplate="%{text}<br>measured %{x:.3~s}s, predicted %{y:.3~s}s<extra></extra>",
    )
    figure.update_layout(height=420, margin={"l": 0, "r": 0, "t": 24, "b": 0}, legend=LEGEND)
    figure.update_xaxes(type="log", title="measured [s]", tickformat="~s", fixedrange=True)
    figure.update_yaxes(type="log", title="predicted [s]", tickformat="~s", fixedrange=True)
    said = (f"{row.id} measured {show(row.measured, 's')}, predicted {show(row.predicted, 's')}" for row in timed)
    _show(figure, f"Predicted over measured times: {'; '.join(said)}.")


def errors(judged: dict[str, dict[str, Any]]) -> None:
    """Median and 90th percentile of the errors of each law."""
    names, median, most = list(judged), *([row[key] for row in judged.values()] for key in ("median", "p90"))
    figure = go.Figure()
    figure.add_scatter(
        x=[x for ends in zip(median, most, strict=True) for x in (*ends, None)],
        y=[y for name in names for y in (name, name, None)],
        mode="lines",
        line={"color": CEILING, "width": 1.5},
        hoverinfo="skip",
        showlegend=False,
    )
    for name, values, symbol in (("median", median, "circle"), ("90 % within", most, "circle-open")):
        figure.add_scatter(
            x=values,
            y=names,
            mode="markers",
            name=name,
            marker={"color": PART, "symbol": symbol, "size": 10, "line": {"width": 2}},
            hovertemplate="%{y}: %{x:.0%}",
        )
    figure.update_layout(height=70 + 26 * len(names), margin={"l": 0, "r": 0, "t": 24, "b": 0}, legend=LEGEND)
    figure.update_xaxes(title="error", tickformat=".0%", rangemode="tozero", fixedrange=True)
    figure.update_yaxes(autorange="reversed", automargin=True, fixedrange=True)
    said = (f"{name} {row['median']:.0%}, {row['p90']:.0%}" for name, row in judged.items())
    _show(figure, f"Median error and bound of nine tenths of the errors by law: {'; '.join(said)}.")


def _show(figure: go.Figure, alt: str) -> None:
    st.plotly_chart(figure, config={"displayModeBar": False}, alt=alt)
