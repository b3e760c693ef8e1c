"""What one scenario takes."""

from __future__ import annotations

import json

import streamlit as st

from costmodel.api import Estimate
from costmodel.app import asking, drawing, parts, taking
from costmodel.report import text
from costmodel.report.table import rows as as_csv


def show_answer(answer: Estimate) -> None:
    """The figures with their ranges, what each total consists of, and what its range depends on."""
    with st.grid(6, min_column_width=150):
        for label, value, spread in text.totals(answer):
            st.metric(label, value, spread or None, delta_color="off", delta_arrow="off", border=True, height="stretch")
    drawing.say("caption", "Below each figure its 80 % range, from the 10th to the 90th percentile.")
    names = {label: name for name, label in text.LABELS.items() if name in answer.outcome.breakdown}
    label = parts.switch("Break down", list(names), "cost", "total")
    name = names[label]
    left, right = st.columns(2, gap="medium")
    with left:
        drawing.say("subheader", f"What the {label} consists of")
        parts.bars(answer.outcome.breakdown[name], text.UNITS[name], total=answer.totals[name])
    with right:
        drawing.say("subheader", f"What the range of the {label} depends on")
        parts.drivers(answer, name)


def show_memory(answer: Estimate) -> None:
    """The memory of the fullest device, against what it has."""
    drawing.say("subheader", "Memory of a device")
    outcome = answer.outcome
    parts.bars(outcome.memory_parts, "B", total=outcome.memory_used, capacity=outcome.job.hardware.memory)


def show_working(tree: parts.Tree, answer: Estimate) -> None:
    """The formulas behind a figure, with numbers in them."""
    figures = [f"totals.{name}" for name in answer.totals]
    figures += [f"performance.{name}" for name in answer.outcome.performance]
    with st.grid(2):
        figure = st.selectbox("Figure", figures, None, key="explain", bind="query-params", placeholder="choose one")
        if figure is None:
            return
        levels = st.slider("Levels of formulas to open", 1, 8, 3, key="levels", bind="query-params")
    for name, formula, origin in parts.working(json.dumps(tree), figure, levels):
        left, right = st.columns([1, 2], vertical_alignment="center")
        left.markdown(f"**{parts.plain(name)}**")
        left.caption(parts.plain(origin))
        right.latex(formula)


address, place = parts.arrived(), parts.top("Estimate")
tree = asking.scenario()
with place:
    answer = parts.estimate(tree)
if answer is not None:
    (place.success if answer.fits else place.error)(f"**{parts.plain(text.sentence(answer))}**")
    with place:
        drawing.warn(map(parts.plain, answer.warnings))
    if answer.changes is not None:
        advice = f"Nearest change that fits: {text.in_words(answer)}"
        if answer.changes:
            place.button(advice, on_click=asking.apply, args=(answer.changes,))
        else:
            place.info(advice)
        show_memory(answer)
    else:
        show_answer(answer)
        left, right = st.columns(2, gap="medium")
        with left:
            show_memory(answer)
        with right:
            drawing.say("subheader", "Performance")
            st.table(
                [dict(zip(("figure", "value", "80 % range"), row, strict=True)) for row in text.performance(answer)],
                hide_index=True,
            )
    scenario = answer.resolved.scenario
    taking.along(text.sentence(answer), parts.command_line(tree), as_csv(answer), scenario, report=answer.to_html)
    drawing.say("subheader", "Explain a figure")
    show_working(tree, answer)
    drawing.say("subheader", "Assumptions and sources")
    drawing.say("caption", f"{text.standing(answer)}.")
    parts.assumptions(answer)
with place:
    parts.refused(address, complete=answer is not None)
