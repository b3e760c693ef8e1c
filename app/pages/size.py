"""What size to train when the model will be served: least cost for a loss, or least loss for a budget."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from costmodel import plan
from costmodel.app import charts, drawing, parts, taking
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
    question: Question = {"given": asked, "said": said, "served": served, "law": None if law == AUTOMATIC else law}
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
def planned(scenario: str, question: str, follow: tuple[str, ...], measured: tuple[int, ...]) -> SizePlan:
    """The library's answer. Raises what WRONG lists."""
    asked = json.loads(question)
    found: SizePlan = plan.size(
        load(json.loads(scenario), allow_files=False),
        number(asked["served"], "served"),
        **{asked["given"]: number(asked["said"], asked["given"])},
        law=asked["law"],
        unique_tokens=number(asked["unique"], "new tokens") if asked["unique"] else None,
        serve=tuple(asked["serve"].items()),
        follow=tuple(map(count, follow)),
    )
    return found


def answer(tree: dict[str, Any], question: Question, follow: tuple[str, ...] = ()) -> SizePlan | str:
    """The plan, followed along other numbers of tokens served, or in words why there is none."""
    try:
        return planned(json.dumps(tree), json.dumps(question), follow, parts.measured_when())
    except WRONG as error:
        return str(error)


def show_costs(found: SizePlan) -> None:
    """What the sizes around the best cost, or reach."""
    drawing.say("subheader", "Sizes around the best")
    drawing.say("markdown", parts.plain(" ".join(report.against_balance(found))))
    if found.budget is not None:
        charts.losses(found)
    charts.sizes(found)
    drawing.say(
        "caption",
        "Shaded: from the smallest to the largest size that is hardly worse. Steps are changes of layout: some sizes, "
        "also between these, suit the devices badly.",
    )
    rows = [dict(zip(("plan", *report.HEADS[1:]), row, strict=True)) for row in report.cells(found)]
    wide = {"plan": st.column_config.Column(width=130)}
    alt = f"{len(rows)} sizes with tokens, loss, costs and time."
    drawing.show_table(rows, alt, column_config=wide)


def show_movement(found: SizePlan) -> None:
    """The best size for other numbers of tokens served."""
    drawing.say("markdown", parts.plain(report.movement(found.moved)))
    if any(plan.best for plan in found.moved.values()):
        charts.moved(found.moved, found.serve_tokens)
    rows = [dict(zip(report.MOVED, row, strict=True)) for row in report.moved(found.moved)]
    drawing.show_table(rows, f"Best size for {len(rows)} numbers of tokens served.")


def show_rivals(found: SizePlan) -> None:
    """What other scaling laws choose."""
    same = "a model as good as the compute-optimal one" if found.budget is None else "the same money"
    drawing.say("caption", f"Each law in its own terms, for {same}.")
    rows = [dict(zip(report.RIVALS, row, strict=True)) for row in report.rivals(found)]
    drawing.show_table(rows, f"Size and tokens by {len(rows)} scaling laws.")


def command(tree: dict[str, Any], question: Question) -> str:
    """The same question as a command."""
    said = question["said"] + " USD" * (question["given"] == BUDGET)
    more = [f"--{question['given']}", said, "--serve-tokens", question["served"]]
    more += ["--law", question["law"]] if question["law"] else []
    more += ["--unique-tokens", question["unique"]] if question["unique"] else []
    more += [word for path, value in question["serve"].items() for word in ("--serve-set", f"{path}={value}")]
    return parts.command_line(tree, "plan size", *more)


address, place = parts.arrived(), parts.top("Size")
tree, question = inputs()
found = answer(tree, question)
if isinstance(found, str):
    place.error(parts.plain(found), icon=":material/error:")
elif found.best is None:
    place.error(f"**{parts.plain(report.sentence(found))}**")
else:
    place.success(f"**{parts.plain(report.sentence(found))}**")
    drawing.warn(map(parts.plain, found.warnings))
    with st.grid(4, min_column_width=150):
        for label, value, spread in report.figures(found):
            st.metric(label, value, spread or None, delta_color="off", delta_arrow="off", border=True, height="stretch")
    show_costs(found)
    with parts.folded("How the best size moves with the tokens served", "moved") as movement:
        if movement.open:
            followed = answer(tree, question, OVER)
            assert not isinstance(followed, str)  # or there were no answer
            show_movement(followed)
    with parts.folded("What other laws choose", "rivals") as rivals:
        if rivals.open:
            show_rivals(found)
    drawing.say("subheader", "Evidence")
    for note in (f"Law: {found.law.note}.", *report.notes(found)):
        drawing.say("markdown", parts.plain(note))
    scenario = load(tree, allow_files=False)
    taking.along(report.sentence(found), command(tree, question), report.as_csv(found), scenario)
with place:
    parts.refused(address, complete=True)
