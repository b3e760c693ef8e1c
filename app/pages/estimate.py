"""What one scenario takes."""

from __future__ import annotations

import json
from typing import Any, get_args

import streamlit as st
from costmodel.app import parts

from costmodel.catalog.models import dense_decoders
from costmodel.fields import Format
from costmodel.loading import to_yaml
from costmodel.report.catalog import listing
from costmodel.report.text import LABELS, PERFORMANCE, UNITS, sentence

# Fields of a workload that the page offers: label and an example; what is left blank, the library fills in.
WORK = {
    "tokens": ("Tokens", "20 per parameter"),
    "sequence": ("Tokens per sequence", "up to 8192"),
    "requests": ("Requests", "1000"),
    "input_tokens": ("Input tokens", "1024"),
    "output_tokens": ("Output tokens", "256"),
}
# The kinds of workload, and which of those fields each has.
FIELDS = {
    "train": ("tokens", "sequence"),
    "finetune": ("tokens", "sequence"),
    "serve": ("input_tokens", "output_tokens"),
    "infer": ("requests", "input_tokens", "output_tokens"),
}
AUTOMATIC = "automatic"


def inputs() -> dict[str, Any]:
    """The scenario that the visitor describes; the address of the page carries it."""
    models, devices = sorted(model.id for model in dense_decoders()), listing("hardware")
    kind = st.radio("Workload", list(FIELDS), key="workload", bind="query-params", horizontal=True)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox("Model", models, models.index("llama-3.1-8b"), key="model", bind="query-params", width=230)
        hardware = st.selectbox(
            "Hardware", devices, devices.index("h100-sxm"), key="hardware", bind="query-params", width=200
        )
        count = st.number_input("Devices", 1, 1_000_000, 64, key="devices", bind="query-params", width=150)
        precision = st.selectbox(
            "Precision", [AUTOMATIC, *get_args(Format)], key="precision", bind="query-params", width=150
        )
        work: dict[str, Any] = {"kind": kind}
        for field in FIELDS[kind]:
            label, hint = WORK[field]
            said = st.text_input(
                label,
                key=field,
                bind="query-params",
                placeholder=hint,
                max_chars=30,
                width=165,
                help="Such as 8192, 1e12 or 1 T.",
            )
            if said.strip():
                work[field] = said.strip()
    tree = {"model": model, "hardware": hardware, "devices": count, "workload": work}
    return tree if precision == AUTOMATIC else tree | {"precision": precision}


def show_figures(answer: parts.Estimate) -> None:
    """The totals, then what they come from, as cards with ranges."""
    with st.container(horizontal=True):
        for name, label in LABELS.items():
            parts.card(label, answer.totals[name], UNITS[name], answer.ranges.get(name))
    with st.container(horizontal=True):
        for name, (label, unit) in PERFORMANCE.items():
            if name in answer.outcome.performance:
                parts.card(label, answer.outcome.performance[name], unit, answer.ranges.get(name))


def show_working(tree: dict[str, Any], answer: parts.Estimate) -> None:
    """The formulas behind a figure, with numbers in them."""
    figures = [f"totals.{name}" for name in answer.totals] + [
        f"performance.{name}" for name in answer.outcome.performance
    ]
    figure = st.selectbox(
        "Figure", figures, figures.index("totals.cost_usd"), key="explain", bind="query-params", width=320
    )
    levels = st.slider("Levels of formulas to open", 1, 8, 3, key="levels", bind="query-params", width=320)
    for name, formula, origin in parts.working(json.dumps(tree), figure, levels):
        st.markdown(f"**{parts.plain(name)}**")
        if formula:
            st.latex(formula)
        st.caption(parts.plain(origin))


st.title("Estimate")
tree = inputs()
answer = parts.estimate(tree)
if answer is not None:
    (st.success if answer.fits else st.error)(f"**{parts.plain(sentence(answer))}**")
    for warning in answer.warnings:
        st.warning(parts.plain(warning))
    if answer.fits:
        show_figures(answer)
    else:
        st.info(f"Nearest change that fits: {parts.plain(answer.remedy or '')}")
    left, right = st.columns(2, gap="large")
    if answer.fits:
        with left:
            st.subheader("Cost by cause")
            parts.parts_bar("Cost", answer.outcome.breakdown["cost_usd"], answer.totals["cost_usd"], "USD")
    with right if answer.fits else left:
        st.subheader("Memory of a device")
        parts.memory_bar(answer)
    st.subheader("Take it along")
    st.code(parts.command_line(tree), language="bash", wrap_lines=True)
    st.download_button("Scenario as YAML", to_yaml(tree), "scenario.yaml", "application/yaml", on_click="ignore")
    with st.expander("Explain a figure", icon=":material/function:"):
        show_working(tree, answer)
    st.subheader("Assumptions and sources")
    parts.assumptions(answer)
