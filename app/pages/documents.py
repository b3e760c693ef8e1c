"""The five documents: their formulas to try, their worked examples checked, their levers answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from costmodel.app import asking, drawing, figures, parts, taking
from costmodel.catalog import CatalogError
from costmodel.documents import DOCUMENTS, ENTRIES, LEVERS, Entry, Example, Lever, examples
from costmodel.documents.starts import choices, curve, start
from costmodel.fields import LONGEST_NUMBER
from costmodel.formula import Formula, load_all
from costmodel.loading import load
from costmodel.model import models_known
from costmodel.plan.answer import Answer
from costmodel.plan.money import PlanError
from costmodel.readings import latex, words
from costmodel.report import levers, whatif
from costmodel.report.catalog import listing
from costmodel.report.quantities import show
from costmodel.report.table import as_csv
from costmodel.source import ScenarioError
from costmodel.sweeping import SweepError

WRONG = (ScenarioError, CatalogError, PlanError, SweepError)
MARKS = {True: "right", False: "wrong", None: ""}
ALONG = "along"  # of a formula: the argument that it is drawn along
Cell = tuple[float | None, str]  # a value and its unit
SECTIONS = ("Levers", "Formulas", "Worked examples")


def chosen(label: str, names: Sequence[str], key: str) -> str:
    """One of several things, by its id, which the address carries too."""
    return st.selectbox(label, names, key=key, bind="query-params")


def show_formula(entry: Entry) -> None:
    """A formula of a document, what takes its place, and both with numbers that the visitor moves."""
    sentence = f"{entry.id} is {entry.verdict}. {entry.remark}"
    (place.success if entry.verdict == "right" else place.warning)(f"**{parts.plain(sentence)}**")
    drawing.say("markdown", parts.plain(f"{entry.meaning} “{DOCUMENTS[entry.document]}”"))
    columns = st.columns(2, gap="medium")
    values: dict[tuple[str, str], float] = {}
    with st.grid(3, min_column_width=200):
        for formula in (*entry.formulas, *entry.corrected):
            for argument, unit in formula.arguments.items():
                if (argument, unit) not in values:
                    values[argument, unit] = moved(entry, formula, argument)
    moving = st.selectbox(
        "Drawn along", list(dict.fromkeys(a for a, _ in values)), key=f"{entry.id} {ALONG}", format_func=words
    )
    sides = ("The document", entry.formulas), ("Corrected", entry.corrected)
    for column, (title, formulas) in zip(columns, sides, strict=True):
        with column:
            drawing.say("subheader", title)
            if formulas is entry.formulas:
                for line in entry.latex.split(r",\ "):  # a telephone is narrow
                    drawing.show_formula(line)
            for formula in formulas:
                numbers = {a: values[a, u] for a, u in formula.arguments.items()}
                drawing.show_formula(latex(formula))
                value = said(answered(formula, numbers), formula.unit)
                drawing.say("markdown", f"**{named(formula)}** = {parts.plain(value)}")
                if moving in numbers:
                    x, y = (words(moving), formula.arguments[moving]), (named(formula), formula.unit)
                    figures.along(curve(formula, moving, numbers), x, y, numbers[moving])
            if not formulas:
                drawing.say("markdown", "Nothing to correct in its own terms.")
    written = [*entry.formulas, *entry.corrected]
    rows = tabulated(written, moving, values)
    shown = [{name: said(*cell) for name, cell in row.items()} for row in rows]
    drawing.show_table(shown, f"Values along {words(moving)}.")
    if entry.refined_by:
        drawing.say("subheader", "What estimates use instead")
        known = load_all()
        for name in entry.refined_by:
            drawing.show_formula(latex(known[name]))
            summary = parts.plain(known[name].summary.replace("`", ""))
            drawing.say("caption", f"{summary} `costmodel formulas {name}`")
    commands = "\n".join(f"costmodel formulas {formula.name}" for formula in written)
    taking.along(sentence, commands, csv(rows))


def moved(entry: Entry, formula: Formula, argument: str) -> float:
    """The number that the visitor gives an argument."""
    unit = formula.arguments[argument]
    numbers = {show(value, unit): value for value in choices(formula, argument)}
    first = show(start(formula, argument), unit)
    label = words(argument).capitalize()
    key, follow = f"{entry.id} {argument} {unit}", (f"{entry.id} {ALONG}", argument)
    return numbers[st.select_slider(label, list(numbers), first, key=key, on_change=drawn_along, args=follow)]


def drawn_along(key: str, argument: str) -> None:
    """Draw the formulas along the argument that the visitor moves."""
    st.session_state[key] = argument


def named(formula: Formula) -> str:
    """A formula's name without the id of its document."""
    return words(re.sub(r"^d\d_\d_", "", formula.name))


def tabulated(formulas: Sequence[Formula], moving: str, values: dict[tuple[str, str], float]) -> list[dict[str, Cell]]:
    """What is drawn: a row for each number that the argument can be, of values with their units."""
    rows: dict[str, dict[str, Cell]] = {}
    for formula in formulas:
        if unit := formula.arguments.get(moving):
            numbers = {a: values[a, u] for a, u in formula.arguments.items()}
            for value in choices(formula, moving):
                row = rows.setdefault(show(value, unit), {words(moving): (value, unit)})
                row[named(formula)] = answered(formula, numbers | {moving: value}), formula.unit
    return list(rows.values())


def answered(formula: Formula, numbers: dict[str, float]) -> float | None:
    """A formula's value; None where it divides by zero."""
    try:
        return float(formula(**numbers))
    except ArithmeticError:
        return None


def said(value: float | None, unit: str) -> str:
    """A value in words."""
    return "nothing: it divides by zero here" if value is None else show(value, unit)


def csv(rows: Sequence[dict[str, Cell]]) -> str:
    """The values in SI, under their names and units."""
    units = {name: unit for row in rows for name, (_, unit) in row.items()}
    lines = [[row.get(name, (None, ""))[0] for name in units] for row in rows]
    return as_csv([[f"{name} [{unit}]" for name, unit in units.items()], *lines])


def show_example(example: Example) -> None:
    """A worked example: what the document writes, what comes out."""
    (place.success if example.right else place.warning)(f"**{parts.plain(example.verdict)}**")
    drawing.say("markdown", parts.plain(f"{example.id}, section {example.place}: {example.setting}"))
    figures.example(example)
    heads = ("figure", "the document", "computed", "verdict")
    cells = [
        (s.what, *("" if v is None else f"{v:,.6g} {s.unit}".strip() for v in (s.stated, s.computed)), MARKS[s.right])
        for s in example.statements
    ]
    rows = [dict(zip(heads, row, strict=True)) for row in cells]
    drawing.show_table(rows, f"Figures of {example.id}, checked.")
    lines = [(s.what, s.stated, s.computed, s.unit, MARKS[s.right]) for s in example.statements]
    taking.along(example.verdict, "costmodel documents", as_csv([(*heads[:3], "unit", heads[3]), *lines]))


def asked_by_visitor(lever: Lever) -> Lever:
    """The lever's question with the visitor's own numbers.

    Models and devices are those of the catalog: a path that is typed here would be one of the server's files.
    """
    catalogs = {"model": models_known(), "hardware": listing("hardware")}
    scenario, options = dict(lever.scenario), dict(lever.options)
    with st.grid(4, min_column_width=160):
        for path, value in lever.scenario.items():
            label, key = path.replace(".", ": ").replace("_", " ").capitalize(), f"{lever.id} {path}"
            if value in (names := catalogs.get(path, [])):
                scenario[path] = st.selectbox(label, names, names.index(value), key=key)
            elif path not in (*catalogs, "workload"):
                scenario[path] = st.text_input(label, value, LONGEST_NUMBER, key=key).strip() or value
        for name, text in lever.options.items():
            if isinstance(text, str) and name != "over":
                key = f"{lever.id} {name}"
                options[name] = st.text_input(name.capitalize(), text, LONGEST_NUMBER, key=key).strip() or text
    for change in asking.changes("lever_set", "Other assumptions"):
        path, _, value = change.partition("=")
        scenario[path.strip()] = value
    return replace(lever, scenario=scenario, options=options)


@st.cache_data(max_entries=200, show_spinner=False)
def answer(name: str, scenario: dict[str, str], options: dict[str, Any], measured: tuple[int, ...]) -> Answer:
    """The library's answer."""
    asked = replace(levers.named(name), scenario=scenario, options=options)
    load({}, asked.overrides, allow_files=False)  # refuses a path of the server
    return levers.answer(asked)


def show_lever(asked: Lever) -> None:
    """What a lever saves, in numbers, and how to ask again."""
    try:
        found = answer(asked.id, dict(asked.scenario), dict(asked.options), parts.measured_when())
    except WRONG as error:
        place.error(parts.plain(str(error)), icon=":material/error:")
        return
    place.success(f"**{parts.plain(whatif.sentence(found))}**")
    figures.lever(found)
    rows: list[dict[str, Any]] = [dict(zip(found.columns, row, strict=True)) for row in whatif.cells(found)]
    drawing.show_table(rows, f"By row: {', '.join(found.columns)}.")
    for note in filter(None, (asked.note, *found.notes)):
        drawing.say("caption", parts.plain(note))
    drawing.say("caption", parts.plain(f"It changes: {asked.changes}. Named in {levers.places(asked)}."))
    scenario = load({}, asked.overrides, allow_files=False)
    taking.along(whatif.sentence(found), asked.line, whatif.csv(found), scenario)


address, place = parts.arrived(), parts.top("Documents")
section = parts.switch("Show", SECTIONS, "Levers", "show")
if section == "Levers":
    by_id = {lever.id: lever for lever in LEVERS}
    show_lever(asked_by_visitor(by_id[chosen("Way to save cost", list(by_id), "lever")]))
elif section == "Formulas":
    entries = {entry.id: entry for entry in ENTRIES}
    show_formula(entries[chosen("Formula", list(entries), "formula")])
else:
    found = {example.id: example for example in examples()}
    show_example(found[chosen("Example", list(found), "example")])
with place:
    parts.refused(address)
