"""What size to train when the model will be served: least cost for a loss, or least loss for a budget."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from costmodel import plan
from costmodel.app import charts, parts
from costmodel.app.parts import AUTOMATIC
from costmodel.architectures.family import FAMILIES
from costmodel.catalog import CatalogError
from costmodel.fields import LONGEST_NUMBER
from costmodel.loading import load
from costmodel.plan.money import PlanError
from costmodel.plan.sizing import SizePlan
from costmodel.quality import scaling
from costmodel.quality.evidence import NoEvidence
from costmodel.report import plan as report
from costmodel.report.catalog import listing
from costmodel.source import ScenarioError
from costmodel.units import UnitError, count

WRONG = (ScenarioError, CatalogError, PlanError, NoEvidence, UnitError)
LOSS, BUDGET = "loss", "budget"
SERVED = ("0", "1 B", "3 B", "10 B", "30 B", "100 B", "300 B", "1 T", "3 T", "10 T", "30 T", "100 T")
OVER = ("1 B", "10 B", "100 B", "1 T", "10 T", "100 T")  # along which the best size is followed
SIXTEEN = "16 bits"

Question = dict[str, Any]


def inputs() -> tuple[dict[str, Any], Question]:
    """The scenario of training, and what is asked of it; the address of the page carries both."""
    known, laws = listing("hardware"), [AUTOMATIC, *scaling.laws()]
    asked = st.radio("Given is a", (LOSS, BUDGET), key="given", bind="query-params", horizontal=True)
    with st.grid(4, min_column_width=160):
        if asked == LOSS:
            said = st.text_input(
                "Loss to reach",
                "2.1",
                LONGEST_NUMBER,
                key=LOSS,
                bind="query-params",
                help="Nats per token as served, for the tokeniser and data of the law.",
            )
        else:
            said = st.text_input("Budget in USD", "5 M", LONGEST_NUMBER, key=BUDGET, bind="query-params")
        family = st.selectbox("Family", list(FAMILIES), key="family", bind="query-params")
        hardware = st.selectbox("Hardware", known, known.index("h100-sxm"), key="hardware", bind="query-params")
        devices = st.text_input("Devices", "1024", LONGEST_NUMBER, key="devices", bind="query-params")
        own = st.text_input("Size to compare with", "13 B", LONGEST_NUMBER, key="parameters", bind="query-params")
        law = st.selectbox("Scaling law", laws, key="law", bind="query-params")
        unique = st.text_input(
            "New tokens there are",
            "",
            LONGEST_NUMBER,
            key="unique",
            bind="query-params",
            placeholder="enough",
            help="More tokens than these are repeats, which are worth less.",
        )
    served = st.select_slider(
        "Tokens served over the model's life, prompts and answers", SERVED, "1 T", key="served", bind="query-params"
    )
    question = {"given": asked, "said": said, "served": served, "law": None if law == AUTOMATIC else law}
    question |= {"unique": unique.strip(), "serve": serving(served == "0")}
    model = {"family": family, "parameters": own}
    return {"model": model, "hardware": hardware, "devices": devices, "workload": {"kind": "train"}}, question


def serving(nothing: bool) -> dict[str, str]:
    """How the model is served: changes of the serving scenario, by path."""
    with st.grid(3, min_column_width=160):
        bits = st.selectbox(
            "Served in", (SIXTEEN, "fp8", "int8", "int4"), key="bits", bind="query-params", disabled=nothing
        )
        lengths = {
            f"workload.{name}": st.text_input(
                label, "", LONGEST_NUMBER, key=name, bind="query-params", placeholder=AUTOMATIC, disabled=nothing
            ).strip()
            for name, label in (("input_tokens", "Prompt tokens"), ("output_tokens", "Answer tokens"))
        }
    changes = {"compression": "" if bits == SIXTEEN else bits} | lengths
    return {} if nothing else {path: value for path, value in changes.items() if value}


def number(text: str, what: str) -> float:
    """A count that the visitor wrote. Raises UnitError."""
    try:
        return count(text)
    except UnitError as error:
        raise UnitError(f"{what}: {error}") from None


@st.cache_data(max_entries=200, show_spinner=False)
def planned(scenario: str, question: str, measured: tuple[int, ...]) -> SizePlan:
    """The library's answer."""
    asked = json.loads(question)
    return plan.size(
        load(json.loads(scenario), allow_files=False),
        number(asked["served"], "served"),
        **{asked["given"]: number(asked["said"], asked["given"])},
        law=asked["law"],
        unique_tokens=number(asked["unique"], "new tokens") if asked["unique"] else None,
        serve=tuple(asked["serve"].items()),
    )


def answer(tree: dict[str, Any], question: Question) -> SizePlan | str:
    """The plan, or in words why there is none."""
    try:
        return planned(json.dumps(tree), json.dumps(question), parts.measured_when())
    except WRONG as error:
        return str(error)


def show_costs(found: SizePlan) -> None:
    """What the sizes around the best cost, or reach."""
    st.subheader("Sizes around the best")
    st.markdown(parts.plain(" ".join(report.against_balance(found))))
    if found.budget is not None:
        charts.losses(found)
    charts.sizes(found)
    st.caption(
        "Shaded: from the smallest to the largest size that is hardly worse. Steps are changes of layout: some sizes, "
        "also between these, suit the devices badly."
    )
    rows = [dict(zip(("plan", *report.HEADS[1:]), row, strict=True)) for row in report.cells(found)]
    wide = {"plan": st.column_config.Column(width=130)}
    alt = f"{len(rows)} sizes with tokens, loss, costs and time."
    st.dataframe(rows, hide_index=True, height="content", column_config=wide, alt=alt)


def show_movement(tree: dict[str, Any], question: Question) -> None:
    """The best size for other numbers of tokens served."""
    st.subheader("How the best size moves with the tokens served")
    plans = {count(served): answer(tree, question | {"served": served}) for served in OVER}
    st.markdown(parts.plain(report.movement(plans)))
    if any(isinstance(plan, SizePlan) and plan.best for plan in plans.values()):
        charts.moved(plans, count(question["served"]))
    rows = [dict(zip(report.MOVED, row, strict=True)) for row in report.moved(plans)]
    st.dataframe(rows, hide_index=True, height="content", alt=f"Best size for {len(rows)} numbers of tokens served.")


def command(tree: dict[str, Any], question: Question) -> str:
    """The same question as a command."""
    said = question["said"] + " USD" * (question["given"] == BUDGET)
    more = [f"--{question['given']}", said, "--serve-tokens", question["served"]]
    more += ["--law", question["law"]] if question["law"] else []
    more += ["--unique-tokens", question["unique"]] if question["unique"] else []
    more += [word for path, value in question["serve"].items() for word in ("--serve-set", f"{path}={value}")]
    return parts.command_line(tree, "plan size", *more)


st.title("Size")
address = parts.arrived()
tree, question = inputs()
parts.refused(address)
found = answer(tree, question)
if isinstance(found, str):
    st.error(parts.plain(found), icon=":material/error:")
elif found.best is None:
    st.error(f"**{parts.plain(report.sentence(found))}**")
else:
    st.success(f"**{parts.plain(report.sentence(found))}**")
    for warning in found.warnings:
        st.warning(parts.plain(warning))
    with st.grid(4, min_column_width=150):
        for label, value, spread in report.figures(found):
            st.metric(label, value, spread or None, delta_color="off", delta_arrow="off", border=True, height="stretch")
    show_costs(found)
    show_movement(tree, question)
    st.subheader("What other laws choose")
    same = "a model as good as the compute-optimal one" if found.budget is None else "the same money"
    st.caption(f"Each law in its own terms, for {same}.")
    rows = [dict(zip(report.RIVALS, row, strict=True)) for row in report.rivals(found)]
    st.dataframe(rows, hide_index=True, height="content", alt=f"Size and tokens by {len(rows)} scaling laws.")
    st.subheader("Evidence")
    st.markdown("\n".join(f"- {parts.plain(note)}" for note in (f"Law: {found.law.note}.", *report.notes(found))))
    st.subheader("Take it along")
    st.code(command(tree, question), language="bash", wrap_lines=True)
