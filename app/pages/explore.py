"""One or two axes of anything in a scenario: lines with ranges, a heat map, and what is not beaten."""

from __future__ import annotations

import json
from functools import partial
from math import prod
from typing import Any

import streamlit as st

from costmodel.advice import idle
from costmodel.api import Estimate
from costmodel.app import asking, drawing, parts, sweeps, taking
from costmodel.app.parts import Tree
from costmodel.loading import load
from costmodel.report import axes as proposing
from costmodel.report import explore as report
from costmodel.report.table import columns as as_csv
from costmodel.sweeping import SweepError, sweep, typed

START = "devices"
LONGEST_LIST, MOST_POINTS = 300, 400
LINES, HEAT, FRONT = "lines", "heat map", "compromise"

Axes = dict[str, str]  # path and values, as `--over` takes them


def inputs(answer: Estimate) -> Axes:
    """The axes that the visitor chose."""
    known = proposing.axes(answer)
    chosen: Axes = {}
    with st.grid(2, min_column_width=260):
        for key, label in (("x", "Axis"), ("y", "Second axis")):
            with st.container(border=True):
                free = [path for path in known if path not in chosen]
                at = free.index(START) if key == "x" else None
                path = st.selectbox(label, free, at, key=key, bind="query-params", placeholder="none")
                if path is None:
                    continue
                chosen[path] = values(f"{key}_values", known[path], proposing.proposal(answer, path, known[path]))
    return chosen


def values(key: str, names: tuple[str, ...], proposed: list[str]) -> str:
    """The values along an axis; those proposed where the visitor says nothing."""
    hint = ", ".join(proposed)
    if names:
        said = st.multiselect("Values", names, key=f"{key}_named", bind="query-params", placeholder=hint)
        return ", ".join(said) or hint
    return st.text_input("Values", "", LONGEST_LIST, key=key, bind="query-params", placeholder=hint).strip() or hint


@st.cache_data(max_entries=50, show_spinner=False)
def swept(tree: str, over: tuple[tuple[str, str], ...], measured: tuple[int, ...]) -> dict[str, Any]:
    """The library's answer. Raises SweepError and ScenarioError."""
    base = parts.scenario(json.loads(tree))
    named = typed(base, [f"{path}={said}" for path, said in over], MOST_POINTS)
    points = prod(map(len, named.values()))
    if points > MOST_POINTS:
        raise SweepError(f"{points:,} points are more than this page draws, {MOST_POINTS}; take fewer values")
    return sweep(base, named, ranges=True, strict=False)


def show_charts(found: report.Columns, axes: list[str], kind: str) -> tuple[str, Any, list[str]]:
    """The chart that the visitor asked for. Returns what it says, what is selected in it, and the figures drawn."""
    left, right = st.columns(2, gap="medium", vertical_alignment="bottom")
    forms = [LINES, *([HEAT] if len(axes) > 1 else []), FRONT]
    with left:
        form = parts.switch("Show as", forms, forms[-2], "form")
    if form == FRONT:
        both = report.trade_off(found, kind)
        front = report.compromise(found, both)
        sentence = report.front_sentence(found, axes, both, front)
        drawing.say("subheader", " against ".join(report.FIGURES[name][0] for name in both[::-1]).capitalize())
        return sentence, sweeps.compromise(found, axes, both, front), list(both)
    names = {report.FIGURES[name][0]: name for name in report.figures(found)}
    with right:
        label = st.selectbox("Figure", list(names), parts.headline(names), key="figure", bind="query-params")
    drawing.say("subheader", f"{label.capitalize()} over {' and '.join(axes)}")
    drawn = (sweeps.curves if form == LINES else sweeps.heat)(found, axes, names[label])
    ranges = "Bands and bars are 80 % ranges, where they can be told apart; a" if form == LINES else "A"
    drawing.say("caption", f"{ranges} cross has no answer, and says why.")
    st.caption("Choose a point to open it as a scenario.")
    return report.sentence(found, axes, names[label]), drawn, [names[label]]


def chosen_point(drawn: Any, table: Any, count: int) -> int | None:
    """The point that the visitor chose in the table, or else in the chart."""
    places = [*table.selection.rows, *(point.get("customdata") for point in drawn.selection.points)]
    places = [place[0] if isinstance(place, list) else place for place in places]
    return next((place for place in places if isinstance(place, int) and 0 <= place < count), None)


address, place = parts.arrived(), parts.top("Explore")
with st.expander("Scenario"):
    tree: Tree = asking.scenario()
with place:
    answer = parts.estimate(tree)
found = None
if answer is not None:
    over = inputs(answer)
    try:
        found = swept(json.dumps(tree), tuple(over.items()), parts.measured_when()) if over else None
    except (SweepError, *parts.WRONG) as error:
        place.error(parts.plain(str(error)), icon=":material/error:")
    if found is not None:
        axes, names = list(over), list[str]()
        drawing.warn(map(parts.plain, idle(answer.resolved.scenario, axes)))
        if not found["feasible"].any():
            sentence, drawn = report.sentence(found, axes, "totals.cost_usd"), None
            place.error(f"**{parts.plain(sentence)}**")
        else:
            sentence, drawn, names = show_charts(found, axes, answer.resolved.kind)
            place.success(f"**{parts.plain(sentence)}**")
        rows = report.rows(found, axes, list(dict.fromkeys([*names, "totals.cost_usd", "totals.time_s"])))
        table = drawing.show_table(
            rows,
            "Points with their figures, or why they have none.",
            height=min(420, 38 + 35 * len(rows)),
            on_select="rerun",
            selection_mode="single-row",
            column_config={"not feasible because": st.column_config.Column(width=640)},
        )
        chosen = chosen_point(drawn, table, len(rows)) if drawn else None
        if chosen is not None:
            point = load(parts.scenario(tree), report.stated(found, axes, chosen), allow_files=False)
            taking.link(point, "estimate", f"Open {report.point(found, axes, chosen)} as an estimate")
        more = [word for path, said in over.items() for word in ("--over", f"{path}={said}")]
        command = parts.command_line(tree, "sweep", *more)
        taking.along(sentence, command, partial(as_csv, found), answer.resolved.scenario)
with place:
    parts.refused(address, complete=found is not None)
