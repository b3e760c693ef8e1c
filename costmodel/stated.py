"""Assumptions that a scenario states by their path, where none of its other sections has a word for them."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

from costmodel.catalog.table import key, unknown
from costmodel.fields import Figure, figure
from costmodel.job import Assumption, Assumptions
from costmodel.scenario import Scenario
from costmodel.source import Document, ScenarioError
from costmodel.units import unit

SECTION = "assumptions"
# Parts of a job that a scenario describes as a whole, in its own words.
DESCRIBED = ("model", "devices", "parallelism", "workload")
# Figures that another section has a word for.
ELSEWHERE = {
    "costs.own": "costs.pricing",
    "costs.people": "costs.staff",
    "traffic.max_sequences": "engine.max_sequences",
}
FAR = 100.0
# Units nicer to write than SI.
NICER = {"USD/person/s": "USD/person-year", "B/s": "GB/s", "FLOP/s": "TFLOP/s", "person": "people"}


def path_of(scenario: Scenario, path: str) -> str | None:
    """Where a scenario can state an assumption; None where it follows from others."""
    if path in ELSEWHERE:
        return ELSEWHERE[path]
    section, _, name = path.partition(".")
    said = getattr(type(getattr(scenario, section, None)), "model_fields", {}).get(name)
    if section != "hardware" and said is not None:
        return path if figure(said) else None
    return None if section in DESCRIBED else f"{SECTION}.{path}"


def rule(assumption: Assumption) -> Figure:
    """How an assumption's number is written, and between which bounds: a share of one up to 1, or to what was measured.

    Beyond a hundredth and a hundred times its own value it would say nothing, or make formulas divide by nothing.
    """
    plain = assumption.unit in ("1", "fraction")
    written = "" if plain else f" {NICER.get(assumption.unit, assumption.unit)}"
    own = assumption.value if plain else assumption.value / unit(written)[0]
    low, high = (own / FAR, own * FAR) if own else (0.0, 1.0)
    high = max(1.0, own) if assumption.unit == "fraction" else high
    example, least, most = (f"{float(f'{value:.4g}'):.15g}{written}" for value in (own, low, high))
    return Figure(example, least, most, "" if plain else assumption.unit)


def to_type(scenario: Scenario, path: str, assumption: Assumption) -> str:
    """What states an assumption at `path`, `path_of` it or a field that decides on it: --set PATH=VALUE.

    The value is one that is accepted there, to be replaced by one's own.
    """
    section, _, name = path.partition(".")
    if section == SECTION:
        value = rule(assumption).example
    else:
        info = type(getattr(scenario, section)).model_fields[name]
        written = figure(info)
        value = written.example if written else str((info.examples or [""])[0])
    return f"--set {path}={shlex.quote(value)}"


def stated(scenario: Scenario, found: Assumptions, source: str) -> Assumptions:
    """The assumptions, with those that the scenario states. Raises ScenarioError for an unknown path or a bad value."""
    said, problems = dict(found), Document()
    for path, value in scenario.assumptions.items():
        try:
            said[path] = _stated(scenario, found, path, value, source)
        except ValueError as error:
            problems.report((SECTION, *path.split(".")), str(error))
    if problems.problems:
        raise ScenarioError(problems.problems)
    return said


def _stated(scenario: Scenario, found: Assumptions, path: str, value: Any, source: str) -> Assumption:
    """One of them. Raises ValueError with what to write."""
    own = found.get(path)
    instead = path_of(scenario, path) if own else None
    if own is None:
        known = [known for known in found if path_of(scenario, known) == f"{SECTION}.{known}"]
        raise unknown("assumption", path, {key(known): known for known in known})
    if instead != f"{SECTION}.{path}":
        raise ValueError(f"is said in another place; write {instead or path.partition('.')[0]}")
    if own.value is None:
        raise ValueError(f"has no effect here ({own.note}); leave it out")
    if own.status == "given":
        raise ValueError("is stated by another key of the scenario too; leave one of them out")
    number = rule(own).read(value)
    return replace(own, value=number, status="given", source=source, low=None, high=None, note="")
