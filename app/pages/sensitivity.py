"""Which assumption moves the answer most; move one and see."""

from __future__ import annotations

import json

import streamlit as st

from costmodel import tornado
from costmodel.api import Estimate
from costmodel.app import asking, drawing, parts, sweeps, taking
from costmodel.app.parts import SET, Tree
from costmodel.fields import LONGEST_NUMBER
from costmodel.report import axes as proposing
from costmodel.report import compare
from costmodel.report import sensitivity as report
from costmodel.report.quantities import interval
from costmodel.report.text import sentence
from costmodel.stated import path_of
from costmodel.tornado import Swing

AS_IT_IS = "the scenario"


@st.cache_data(max_entries=200, show_spinner=False)
def swings(tree: str, total: str, measured: tuple[int, ...]) -> list[Swing]:
    """The library's answer."""
    return tornado.sensitivity(parts.scenario(json.loads(tree)), total)


def show_swings(found: list[Swing], answer: Estimate, total: str) -> None:
    """The chart of the largest, and all in figures."""
    label, unit = report.FIGURES[total]
    moving = report.moving(found)
    if not moving:
        return
    drawing.say("subheader", f"What moves the {label} most")
    sweeps.tornado(moving[: report.ROWS], report.figure(answer, total), label, unit)
    drawing.say(
        "caption",
        "Each assumption alone at the 10th and the 90th percentile of its range, all others at their value. "
        "What has no bar has no range.",
    )
    heads = ("assumption", "80 % range", f"{label} at its low end", f"{label} at its high end")
    rows = [
        dict(zip(heads, row, strict=True)) | {"source": swing.source}
        for swing, row in zip(moving, report.cells(moving, total), strict=True)
    ]
    height, wide = min(420, 38 + 35 * len(rows)), {"80 % range": st.column_config.Column(width=220)}
    drawing.show_table(rows, f"{len(rows)} assumptions.", height=height, column_config=wide)


def show_move(tree: Tree, found: list[Swing], answer: Estimate) -> None:
    """One assumption at a value of the visitor's, beside the scenario as it is."""
    st.subheader("Move one and see")
    scenario = answer.resolved.scenario
    movable = {path: s for s in report.moving(found) if (path := path_of(scenario, s.path))}
    if not movable:
        st.markdown("No assumption moves it.")
        return
    left, right = st.columns(2)
    path = left.selectbox("Assumption", list(movable), key="moved", bind="query-params")
    swing = movable[path]
    hint = f"{interval(swing.low, swing.high, swing.unit)} is its range"
    proposed = proposing.proposal(answer, path, ())
    example = f"such as {proposed[-1]}; {hint}" if proposed else hint
    key = f"value_{path}"  # of this assumption alone: another one has another unit
    value = right.text_input("Value", "", LONGEST_NUMBER, key=key, bind="query-params", placeholder=example).strip()
    if not value:
        return
    moved = parts.estimate(tree | {SET: [*tree.get(SET, ()), f"{path}={value}"]})
    if moved is not None:
        answers = {AS_IT_IS: answer, f"{path} = {value}": moved}
        drawing.say("markdown", f"**{parts.plain(compare.sentence(answers))}**")
        rows = [dict(zip(("figure", *answers), row, strict=True)) for row in compare.rows(answers, differences=True)]
        alt = "All figures, as they are and moved."
        drawing.show_table(rows, alt, column_config=parts.WIDE)
        taking.link(moved.resolved.scenario, "estimate", f"Open with {path} = {value} as an estimate")


address, place = parts.arrived(), parts.top("Sensitivity")
with st.expander("Scenario"):
    tree = asking.scenario()
with place:
    answer = parts.estimate(tree)
if answer is not None and not answer.fits:
    place.error(f"**{parts.plain(sentence(answer))}**")
    with place:
        taking.link(answer.resolved.scenario, "estimate", "Open as an estimate: what would fit")
elif answer is not None:
    named = {label: name for name, (label, _) in report.FIGURES.items() if name in answer.ranges}
    label = st.selectbox("Figure", list(named), parts.headline(named), key="figure", bind="query-params")
    total = named[label]
    found = swings(json.dumps(tree), total, parts.measured_when())
    place.success(f"**{parts.plain(report.sentence(found, answer, total))}**")
    show_swings(found, answer, total)
    show_move(tree, found, answer)
    command, scenario = parts.command_line(tree, "sensitivity", "--total", total), answer.resolved.scenario
    taking.along(report.sentence(found, answer, total), command, report.as_csv(found), scenario)
with place:
    parts.refused(address, complete=answer is not None and answer.fits)
