"""What pages share: the cached call of the library, and how its answers are drawn. Nothing here computes a cost."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from costmodel import api
from costmodel.api import Estimate
from costmodel.catalog import CatalogError
from costmodel.loading import load
from costmodel.report.quantities import interval, show
from costmodel.source import ScenarioError
from costmodel.trace import Node

PATTERNS = ("", "/", ".", "x", "\\", "-", "+", "|")  # beside colour, so that colour is never alone


def estimate(tree: Mapping[str, Any]) -> Estimate | None:
    """The library's answer to a scenario; None after its error is shown in plain words."""
    try:
        return _estimate(json.dumps(tree))
    except (ScenarioError, CatalogError) as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None


@st.cache_data(max_entries=200, show_spinner=False)
def _estimate(scenario: str) -> Estimate:
    return api.estimate(load(json.loads(scenario), allow_files=False))


@st.cache_data(max_entries=200, show_spinner=False)
def working(scenario: str, figure: str, levels: int) -> list[tuple[str, str | None, str]]:
    """The steps of a figure's working, each with a heading, LaTeX with its numbers, and where it is from."""
    from costmodel.report import explain
    from costmodel.resolve import resolve

    node = explain.working(resolve(load(json.loads(scenario), allow_files=False)), figure)
    return list(dict.fromkeys(_steps(node, figure.partition(".")[2], levels)))


def _steps(node: Any, name: str, levels: int) -> Iterator[tuple[str, str | None, str]]:
    from costmodel.readings import latex, words

    if not isinstance(node, Node) or levels == 0 or not node.inputs:
        return
    if node.formula is None:
        yield words(name), None, "the sum of " + ", ".join(map(words, node.inputs))
    else:
        values = {argument: float(value) for argument, value in node.inputs.items()}
        symbols, figures = latex(node.formula), latex(node.formula, values)
        yield (
            words(name),
            f"\\begin{{gathered}}{symbols}\\\\{figures}\\end{{gathered}}",
            f"{node.formula.name} in SI units; {node.formula.source}",
        )
    for child_name, child in node.inputs.items():
        yield from _steps(child, child_name, levels - 1)


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]()#+.!|~$:<>-])", r"\\\1", text)


def command_line(tree: Mapping[str, Any]) -> str:
    """The same scenario as a command."""
    words = ["costmodel", "estimate"]
    changes = []
    for key, value in tree.items():
        if key == "workload":
            words += ["--workload", value["kind"]]
            changes += [f"workload.{name}={said}" for name, said in value.items() if name != "kind"]
        elif key in ("model", "hardware", "devices"):
            words += [f"--{key}", str(value)]
        else:
            changes.append(f"{key}={value}")
    return shlex.join([*words, *(word for change in changes for word in ("--set", change))])


def card(label: str, value: float, unit: str, spread: Mapping[str, float] | None) -> None:
    """A figure with its 80 % range."""
    spread = spread if spread and spread["p10"] < spread["p90"] else None
    text = interval(spread["p10"], spread["p90"], unit) if spread else None
    note = "80 % range, from the 10th to the 90th percentile" if spread else None
    shown = show(value, unit)
    st.metric(label, shown, text, delta_color="off", delta_arrow="off", help=note, border=True, width=172)


def parts_bar(title: str, parts: Mapping[str, float], total: float, unit: str) -> None:
    """The parts of a total as bars, largest first, and the same as a table that adds up."""
    rows = _largest_first(parts)
    labels = [show(value, unit) for value in rows.values()]
    figure = go.Figure(
        go.Bar(
            x=list(rows.values()), y=list(rows), orientation="h", text=labels, textposition="outside", cliponaxis=False
        )
    )
    figure.update_traces(hovertemplate="%{y}: %{text}<extra></extra>")
    figure.update_layout(height=60 + 34 * len(rows), margin={"l": 0, "r": 90, "t": 8, "b": 8})
    figure.update_xaxes(visible=False, fixedrange=True)
    figure.update_yaxes(autorange="reversed", automargin=True, fixedrange=True)
    listed = "; ".join(f"{name} {label}" for name, label in zip(rows, labels, strict=True))
    _chart(figure, f"{title} by cause: {listed}; in all {show(total, unit)}.")
    st.table({"part": [*rows, "total"], title.lower(): [*labels, show(total, unit)]}, hide_index=True)


def memory_bar(answer: Estimate) -> None:
    """The memory of the fullest device, stacked, against what it has."""
    outcome = answer.outcome
    rows, capacity = _largest_first(outcome.memory_parts), outcome.job.hardware.memory
    figure = go.Figure()
    for i, (name, value) in enumerate(rows.items()):
        bar = go.Bar(
            x=[value], y=[""], name=name, orientation="h", hovertemplate=f"{name}: {show(value, 'B')}<extra></extra>"
        )
        figure.add_trace(bar.update(marker_pattern_shape=PATTERNS[i % len(PATTERNS)]))
    figure.add_vline(x=capacity, line_width=4, line_dash="dash", line_color="#D55E00")
    figure.update_layout(
        barmode="stack",
        height=260,
        margin={"l": 0, "r": 12, "t": 8, "b": 8},
        legend={"orientation": "h", "y": -0.45, "traceorder": "normal"},
    )
    title = f"memory of a device; dashed: its {show(capacity, 'B')}"
    figure.update_xaxes(title=title, tickformat="~s", ticksuffix="B", fixedrange=True, rangemode="tozero")
    figure.update_yaxes(visible=False, fixedrange=True)
    labels = [show(value, "B") for value in rows.values()]
    listed = "; ".join(f"{name} {label}" for name, label in zip(rows, labels, strict=True))
    used = show(outcome.memory_used, "B")
    _chart(figure, f"Memory of a device: {used} of {show(capacity, 'B')}: {listed}.")
    st.table({"part": [*rows, "total", "capacity"], "memory": [*labels, used, show(capacity, "B")]}, hide_index=True)


def _largest_first(parts: Mapping[str, float]) -> dict[str, float]:
    """The parts that are not zero."""
    return {name: value for name, value in sorted(parts.items(), key=lambda part: -part[1]) if value}


def _chart(figure: go.Figure, alt: str) -> None:
    figure.update_layout(colorway=st.get_option("theme.chartCategoricalColors"))
    st.plotly_chart(figure, config={"displayModeBar": False}, alt=alt)


def assumptions(answer: Estimate) -> None:
    """Every number that the estimate stands on, with its range, status and source."""
    rows = [
        {
            "assumption": a.path,
            "value": show(float(a.value), a.unit),
            "80 % range": "" if a.low is None or a.high is None else interval(a.low, a.high, a.unit),
            "status": a.status,
            "source": a.source,
            "note": a.note,
        }
        for a in answer.assumptions
    ]
    alt = f"{len(rows)} assumptions with value, range, status and source."
    st.dataframe(rows, hide_index=True, alt=alt, height=420)
