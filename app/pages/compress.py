"""A model served as it is, against the same model quantised, pruned or distilled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from costmodel.api import Estimate
from costmodel.app import charts, drawing, parts, taking
from costmodel.app.parts import REFUSED
from costmodel.catalog.models import dense_decoders
from costmodel.compression.schema import WORDS
from costmodel.fields import LONGEST_NUMBER
from costmodel.report import methods as report
from costmodel.report.catalog import listing
from costmodel.report.quantities import show

BASELINE, FIRST = "baseline", "llama-3.1-70b"
AFTER = ("", "fp8", "int4")  # formats that a smaller model can be quantised to as well
SMALLER = ("pruned", "distilled")
QUANTISED = [word for word in WORDS if word != "none"]
METHODS = [*QUANTISED, *(f"{way}, {word}" if word else way for way in SMALLER for word in AFTER)]
USUAL = ["fp8", "int4", "pruned", "distilled"]

Tree = dict[str, Any]


def inputs() -> dict[str, Tree]:
    """A scenario for the baseline and for each method that the visitor chose, by name."""
    models, devices = dense(), listing("hardware")
    if (brought := st.session_state.get("model", FIRST)) not in models:
        st.session_state["model"] = FIRST
        st.session_state[REFUSED] = (
            f"Compression is modelled for dense decoders alone, not for {brought}; used: {FIRST}."
        )
    with st.grid(5, min_column_width=160):
        model = st.selectbox("Model", models, models.index(FIRST), key="model", bind="query-params")
        hardware = st.selectbox("Hardware", devices, devices.index("h100-sxm"), key="hardware", bind="query-params")
        count = st.text_input("Devices", "8", LONGEST_NUMBER, key="devices", bind="query-params")
        prompt = st.text_input("Prompt tokens", "1024", LONGEST_NUMBER, key="input_tokens", bind="query-params")
        reply = st.text_input("Answer tokens", "256", LONGEST_NUMBER, key="output_tokens", bind="query-params")
    chosen = st.multiselect(
        "Methods, up to four", METHODS, USUAL, key="methods", bind="query-params", max_selections=len(USUAL)
    )
    steps = {way: ask() for way, ask in zip(SMALLER, (pruning, distilling), strict=True) if _any(chosen, way)}
    work = {"kind": "serve", "input_tokens": prompt, "output_tokens": reply}
    base = {"model": model, "hardware": hardware, "devices": count, "workload": work}
    return {BASELINE: base} | {name: base | {"compression": chain(name, steps)} for name in chosen}


def dense() -> list[str]:
    """The models that compression is modelled for."""
    return sorted(model.id for model in dense_decoders())


def _any(chosen: list[str], way: str) -> bool:
    return any(name.startswith(way) for name in chosen)


def pruning() -> Tree:
    """How much is removed, and the distillation after it."""
    with st.grid(4, min_column_width=160):
        layers = st.text_input("Pruned: share of layers", "0.25", LONGEST_NUMBER, key="layers", bind="query-params")
        width = st.text_input(
            "Pruned: share of width", "", LONGEST_NUMBER, key="width", bind="query-params", placeholder="none"
        )
        tokens = st.text_input(
            "Pruned: tokens after it",
            "10 B",
            LONGEST_NUMBER,
            key="healing",
            bind="query-params",
            help="Tokens of distillation from the whole model.",
        )
    said = {"layers": layers.strip(), "width": width.strip(), "tokens": tokens.strip()}
    return {"method": "prune"} | {name: value for name, value in said.items() if value}


def distilling() -> Tree:
    """The student, and how long it learns."""
    models = dense()
    with st.grid(4, min_column_width=160):
        student = st.selectbox(
            "Distilled: student", models, models.index("llama-3.1-8b"), key="student", bind="query-params"
        )
        tokens = st.text_input("Distilled: tokens", "100 B", LONGEST_NUMBER, key="distilling", bind="query-params")
    return {"method": "distil", "student": student, "tokens": tokens}


def chain(name: str, steps: Mapping[str, Tree]) -> str | list[Tree]:
    """The steps that a name stands for."""
    way, _, word = name.partition(", ")
    return [steps[way], *map(dict, WORDS[word or "none"])] if way in steps else name


def show_figures(answers: Mapping[str, Estimate]) -> None:
    """What each method costs and how fast it answers."""
    left, right = st.columns(2, gap="medium")
    for column, figure, unit, what in (
        (left, report.COST, "USD", "cost per million output tokens"),
        (right, report.TIME, "s", "time per output token"),
    ):
        with column:
            drawing.say("subheader", what.capitalize())
            found = {
                name: (answer.outcome.performance[figure], spread["p10"], spread["p90"])
                for name, answer in answers.items()
                if answer.fits and (spread := answer.ranges[figure])
            }
            if found:
                charts.ranged(found, unit, what)
    drawing.say(
        "caption",
        "Points are the estimates, lines their 80 % ranges. What is uncertain of prices is common to all methods. "
        "In requests of the stated lengths, at the load of the assumptions; each in the layout that is found for it.",
    )
    table(report.beside(answers), answers, "Figures by method", width=210)


def show_memory(answers: Mapping[str, Estimate]) -> None:
    """The memory of the fullest device by its parts, which add up."""
    drawing.say(
        "caption",
        "Dotted: what a device has. The KV cache is that of the requests in flight at the load of the assumptions.",
    )
    kinds = dict.fromkeys(kind for answer in answers.values() for kind in answer.outcome.memory_parts)
    (capacity,) = {answer.outcome.job.hardware.memory for answer in answers.values()}
    charts.stacks({name: a.outcome.memory_parts for name, a in answers.items()}, "B", "memory", capacity)
    rows = [[kind, *(show(a.outcome.memory_parts.get(kind, 0.0), "B") for a in answers.values())] for kind in kinds]
    rows.append(["total", *(show(a.outcome.memory_used, "B") for a in answers.values())])
    table(rows, answers, "Memory by part and method")


def table(rows: list[list[str]], answers: Mapping[str, Estimate], alt: str, width: int | None = None) -> None:
    """Rows under the names of the methods; what they are about, as wide, stays in sight."""
    cells = [dict(zip(("figure", *answers), row, strict=True)) for row in rows]
    drawing.show_table(cells, f"{alt}: {', '.join(answers)}.", column_config=drawing.pinned("figure", width))


address, place = parts.arrived(), parts.top("Compress")
trees = inputs()
answers: dict[str, Estimate] = {}
with place:
    for name, tree in trees.items():
        if (answer := parts.estimate(tree)) is None:
            break  # what is wrong was said; the other columns would say it again
        answers[name] = answer
if len(trees) == 1:
    place.info("Choose a method to hold against the baseline.")
elif len(answers) == len(trees):
    say = place.success if all(answer.fits for answer in answers.values()) else place.warning
    say(f"**{parts.plain(report.sentence(answers))}**")
    drawing.warn(map(parts.plain, report.cautions(answers)))
    show_figures(answers)
    with parts.folded("Memory of a device", "memory") as memory:
        if memory.open:
            show_memory(answers)
    drawing.say("subheader", "Quality, and what is known of it")
    drawing.say("caption", "From published comparisons of models before and after; where there are none, it says so.")
    rows = [dict(zip(report.EVIDENCE, row, strict=True)) for row in report.evidence(answers)]
    wide = drawing.pinned("method") | {report.EVIDENCE[-1]: st.column_config.Column(width=460)}
    alt = f"{len(rows)} expected changes of quality with evidence."
    drawing.show_table(rows, alt, row_height=84, column_config=wide)
    commands, scenario = "\n".join(map(parts.command_line, trees.values())), answers[BASELINE].resolved.scenario
    taking.along(report.sentence(answers), commands, report.as_csv(answers), scenario, BASELINE.capitalize())
with place:
    parts.refused(address, complete=len(answers) == len(trees))
