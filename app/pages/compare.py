"""Two to five scenarios side by side, and what makes them differ."""

from __future__ import annotations

import json
import shlex
from typing import get_args

import streamlit as st

from costmodel import comparing
from costmodel.api import Estimate
from costmodel.app import asking, charts, drawing, parts, sweeps, taking
from costmodel.app.parts import SET, Tree
from costmodel.fields import LONGEST_NUMBER, LONGEST_TEXT, Format
from costmodel.model import models_known
from costmodel.report import compare as report
from costmodel.report import text
from costmodel.report.catalog import listing, places
from costmodel.source import cut

FIRST, OTHERS = "A", "BCDE"
OTHER_HARDWARE = "h200-sxm"  # so that the page has something to compare when it opens


def inputs() -> dict[str, list[str]]:
    """What each other scenario changes of the first, as path=value."""
    count = parts.switch("Scenarios", range(2, 2 + len(OTHERS)), 2, "scenarios")
    changes = {}
    with st.grid(min(count - 1, 4), min_column_width=260):
        for name in OTHERS[: count - 1]:
            with st.container(border=True):
                st.markdown(f"**{name}**, where it differs from {FIRST}")
                changes[name] = own(name, 5 if count == 2 else 2)
    return changes


def own(name: str, columns: int) -> list[str]:
    """The changes of one scenario."""
    hardware = listing("hardware")
    start = hardware.index(OTHER_HARDWARE) if name == OTHERS[0] else None
    said = {}
    with st.grid(columns, min_column_width=110):
        for path, label, options, at in (
            ("model", "Model", models_known(), None),
            ("hardware", "Hardware", hardware, start),
            ("precision", "Precision", get_args(Format), None),
            ("costs.grid", "Grid", list(places()), None),
        ):
            key = f"{path.rpartition('.')[2]}_{name}"
            said[path] = st.selectbox(label, options, at, key=key, bind="query-params", placeholder=f"as {FIRST}")
        key, hint = f"devices_{name}", f"as {FIRST}"
        said["devices"] = st.text_input(
            "Devices", "", LONGEST_NUMBER, key=key, bind="query-params", placeholder=hint
        ).strip()
    if place := said["costs.grid"]:
        said["costs.grid"] = places()[place]
    more = asking.changes(f"set_{name}", "Other changes")
    return [f"{path}={value}" for path, value in said.items() if value] + more


def designs(first: Estimate, stated: list[str], changes: dict[str, list[str]]) -> str:
    """What each letter stands for."""
    said = {FIRST: ", ".join([text.subject(first), *stated])}
    said |= {name: ", ".join(own) or f"as {FIRST}" for name, own in changes.items()}
    return "; ".join(f"**{name}** {parts.plain(cut(what, LONGEST_TEXT))}" for name, what in said.items())


def show_figures(answers: dict[str, Estimate], total: str, label: str) -> None:
    """A total of all on one axis, with its ranges, and all figures below it."""
    found = {
        name: (answer.totals[total], spread["p10"], spread["p90"])
        for name, answer in answers.items()
        if answer.fits and (spread := answer.ranges.get(total))
    }
    if found:
        drawing.say("subheader", f"{label.capitalize()} of each")
        charts.ranged(found, text.UNITS[total], label)
        drawing.say(
            "caption", "Points: the estimates; lines: their 80 % ranges. What is uncertain is mostly common to all."
        )
    rows = [dict(zip(("figure", *answers), row, strict=True)) for row in report.rows(answers, differences=True)]
    alt = f"Figures of {', '.join(answers)}, with differences from {FIRST} in per cent."
    drawing.show_table(rows, alt, column_config=parts.WIDE)


def show_causes(tree: Tree, changes: dict[str, list[str]], answers: dict[str, Estimate], total: str) -> None:
    """What the difference of a total consists of, and which change brings how much of it."""
    drawing.say("subheader", "What makes the difference")
    names = [name for name in changes if answers[name].fits]
    if not names or not answers[FIRST].fits:
        st.markdown("Only scenarios that fit have a difference to explain.")
        return
    name = names[0]
    if len(names) > 1:
        name = parts.switch(f"Against {FIRST}", names, name, "against")
    unit, whole = text.UNITS[total], f"{name} − {FIRST}"
    value = comparing.difference(answers[name].totals[total], answers[FIRST].totals[total])
    left, right = st.columns(2, gap="medium")
    with left:
        drawing.say("markdown", "**By part**")
        sweeps.differences(comparing.by_part(answers[name], answers[FIRST], total), unit, whole, value)
    with right:
        drawing.say("markdown", "**By change**, one after the other")
        one = len(changes[name]) == 1  # which then makes all of the difference
        found = {} if one else by_change(json.dumps(tree), tuple(changes[name]), total, parts.measured_when())
        if one:
            drawing.say("markdown", f"There is one change: `{changes[name][0]}`.")
        elif found is None:
            st.markdown("On the way from one to the other lies a scenario that has no answer or does not fit.")
        elif found:
            sweeps.differences(found, unit, whole, value)
            drawing.say("caption", "In another order the same changes can bring other shares.")


@st.cache_data(max_entries=200, show_spinner=False)
def by_change(tree: str, changes: tuple[str, ...], total: str, measured: tuple[int, ...]) -> dict[str, float] | None:
    """The library's answer."""
    return comparing.by_change(parts.scenario(json.loads(tree)), changes, total)


def take_along(changes: dict[str, list[str]], answers: dict[str, Estimate]) -> None:
    """The same as a command, and what it needs."""
    words = ["costmodel", "compare", *["scenario.yaml"] * len(answers)]
    for number, own_changes in enumerate(changes.values(), 2):
        words += [word for change in own_changes for word in ("--set", f"{number}:{change}")]
    first = answers[FIRST].resolved.scenario
    taking.along(report.sentence(answers), shlex.join(words), report.as_csv(answers), first, f"Scenario {FIRST}")
    with st.container(horizontal=True):
        for name, answer in answers.items():
            taking.link(answer.resolved.scenario, "estimate", f"Open {name}")


address, place = parts.arrived(), parts.top("Compare")
with st.expander(f"Scenario {FIRST}"):
    tree = asking.scenario()
changes = inputs()
answers: dict[str, Estimate] = {}
for name, said in {FIRST: [], **changes}.items():
    with place:
        answer = parts.estimate(tree | {SET: [*tree.get(SET, ()), *said]}, f"{name}: ")
    if answer is not None:
        answers[name] = answer
    elif name == FIRST:
        break  # what is wrong was said; the others would say it again
complete = len(answers) == 1 + len(changes)
if complete:
    say = place.success if all(answer.fits for answer in answers.values()) else place.warning
    say(f"**{parts.plain(report.sentence(answers))}**")
    with place:
        drawing.say("caption", designs(answers[FIRST], tree.get(SET, []), changes))
    named = {label: total for total, label in text.LABELS.items()}
    label = parts.switch("Total", list(named), "cost", "total")
    show_figures(answers, named[label], label)
    show_causes(tree, changes, answers, named[label])
    take_along(changes, answers)
with place:
    parts.refused(address, complete)
