"""What one scenario takes."""

from __future__ import annotations

import json
from typing import Any, get_args

import streamlit as st
from pydantic.fields import FieldInfo

from costmodel.app import parts
from costmodel.app.parts import AUTOMATIC
from costmodel.catalog.models import dense_decoders
from costmodel.fields import LONGEST_NUMBER, Figure, Format
from costmodel.loading import to_yaml
from costmodel.report import text
from costmodel.report.catalog import listing
from costmodel.scenario import Inference, Serving, Training

KINDS = {"train": Training, "finetune": Training, "serve": Serving, "infer": Inference}


def inputs() -> dict[str, Any]:
    """The scenario that the visitor describes; the address of the page carries it."""
    models, devices = sorted(model.id for model in dense_decoders()), listing("hardware")
    kind = st.radio("Workload", list(KINDS), key="workload", bind="query-params", horizontal=True)
    with st.grid(4, min_column_width=160):
        model = st.selectbox("Model", models, models.index("llama-3.1-8b"), key="model", bind="query-params")
        hardware = st.selectbox("Hardware", devices, devices.index("h100-sxm"), key="hardware", bind="query-params")
        count = st.text_input("Devices", "64", LONGEST_NUMBER, key="devices", bind="query-params")
        precision = st.selectbox("Precision", [AUTOMATIC, *get_args(Format)], key="precision", bind="query-params")
        work = {
            name: field(name, info)
            for name, info in KINDS[kind].model_fields.items()
            if name not in ("kind", "adapters")
        }
    tree = {"model": model, "hardware": hardware, "devices": count, "workload": {"kind": kind}}
    tree["workload"] |= {name: value for name, value in work.items() if value}
    return tree if precision == AUTOMATIC else tree | {"precision": precision}


def field(name: str, info: FieldInfo) -> str | None:
    """What the visitor says for one field of the workload; None leaves it to the library."""
    label = name.replace("_", " ").capitalize()
    if choices := [choice for choice in get_args(info.annotation) if isinstance(choice, str)]:
        at = choices.index(info.default)
        value = st.selectbox(label, choices, at, key=name, bind="query-params", help=info.description)
        return None if value == info.default else value
    figure = next((mark for mark in info.metadata if isinstance(mark, Figure)), None)
    hint = str(figure.write(info.default)) if figure else AUTOMATIC
    return st.text_input(
        label, "", LONGEST_NUMBER, key=name, bind="query-params", placeholder=hint, help=info.description
    ).strip()


def show_answer(answer: parts.Estimate) -> None:
    """The figures with their ranges, what each total consists of, and what its range depends on."""
    with st.grid(6, min_column_width=150):
        for label, value, spread in text.totals(answer):
            st.metric(label, value, spread or None, delta_color="off", delta_arrow="off", border=True, height="stretch")
    st.caption("Below each figure its 80 % range, from the 10th to the 90th percentile.")
    names = {label: name for name, label in text.LABELS.items() if name in answer.outcome.breakdown}
    label = st.segmented_control(
        "Break down", list(names), default="cost", required=True, key="total", bind="query-params"
    )
    name = names[label]
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader(f"What the {label} consists of")
        parts.bars(answer.outcome.breakdown[name], text.UNITS[name], total=answer.totals[name])
    with right:
        st.subheader(f"What the range of the {label} depends on")
        parts.drivers(answer, name)


def show_memory(answer: parts.Estimate) -> None:
    """The memory of the fullest device, against what it has."""
    st.subheader("Memory of a device")
    outcome = answer.outcome
    parts.bars(outcome.memory_parts, "B", total=outcome.memory_used, capacity=outcome.job.hardware.memory)


def show_working(tree: dict[str, Any], answer: parts.Estimate) -> None:
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


st.title("Estimate")
address = parts.arrived("workload")
tree = inputs()
parts.refused(address)
answer = parts.estimate(tree)
if answer is not None:
    (st.success if answer.fits else st.error)(f"**{parts.plain(text.sentence(answer))}**")
    for warning in answer.warnings:
        st.warning(parts.plain(warning))
    if answer.changes is not None:
        advice = f"Nearest change that fits: {text.in_words(answer.changes)}"
        if answer.changes:
            apply = {path: str(value) for path, value in answer.changes.items()}
            st.button(advice, on_click=st.session_state.update, args=(apply,))
        else:
            st.info(advice)
        show_memory(answer)
    else:
        show_answer(answer)
        left, right = st.columns(2, gap="medium")
        with left:
            show_memory(answer)
        with right:
            st.subheader("Performance")
            st.table(
                [dict(zip(("figure", "value", "80 % range"), row, strict=True)) for row in text.performance(answer)],
                hide_index=True,
            )
    st.subheader("Take it along")
    st.code(parts.command_line(tree), language="bash", wrap_lines=True)
    yaml = to_yaml(answer.resolved.scenario)
    st.download_button("Scenario as YAML", yaml, "scenario.yaml", "application/yaml", on_click="ignore")
    st.subheader("Explain a figure")
    show_working(tree, answer)
    st.subheader("Assumptions and sources")
    st.caption(f"{text.standing(answer)}.")
    parts.assumptions(answer)
