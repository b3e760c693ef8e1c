"""Assumptions that a scenario states by their path, where none of its other sections has a word for them."""

from __future__ import annotations

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
NICER = {"USD/person/s": "USD/person-year", "B/s": "GB/s"}  # to write than SI


def path_of(scenario: Scenario, path: str) -> str | None:
    """Where a scenario can state an assumption; None where it follows from others."""
    section, _, name = path.partition(".")
    said = getattr(type(getattr(scenario, section, None)), "model_fields", {}).get(name)
    if section != "hardware" and said is not None:
        return path if figure(said) else None
    return None if section in DESCRIBED else f"{SECTION}.{path}"


def rule(assumption: Assumption) -> Figure:
    """How an assumption's number is written: with a unit where it has one; not below nothing; a share up to 1, or
    what was measured above it.
    """
    if assumption.unit in ("1", "fraction"):
        most = f"{max(1.0, assumption.value)!r}" if assumption.unit == "fraction" else "1e30"
        return Figure(f"{assumption.value:.4g}", "0", most)
    written = NICER.get(assumption.unit, assumption.unit)
    return Figure(
        f"{assumption.value / unit(written)[0]:.4g} {written}", f"0 {written}", f"1e30 {written}", assumption.unit
    )


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
    number = rule(own).read(value)
    return replace(own, value=number, status="given", source=source, low=None, high=None, note="")
