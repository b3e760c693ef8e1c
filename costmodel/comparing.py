"""What makes the answers to two scenarios differ: part by part, and change by change."""

from __future__ import annotations

from collections.abc import Sequence

from costmodel import api
from costmodel.api import Estimate
from costmodel.catalog import CatalogError
from costmodel.formula import formula
from costmodel.loading import Override, load
from costmodel.scenario import Scenario
from costmodel.source import ScenarioError
from costmodel.units import Count, Fraction


@formula(r"\Delta", source="definition")
def difference(value: Count, base: Count) -> Count:
    """By how much a figure is above another of the same unit."""
    return value - base


@formula(r"\delta", source="definition")
def relative_difference(value: Count, base: Count) -> Fraction:
    """By what share a figure is above another of the same unit."""
    return value / base - 1


def by_part(answer: Estimate, base: Estimate, total: str) -> dict[str, float]:
    """By how much each part of a total is above that of the base; the differences add up to that of the total."""
    own, theirs = answer.outcome.breakdown[total], base.outcome.breakdown[total]
    return {part: difference(own.get(part, 0.0), theirs.get(part, 0.0)) for part in (theirs | own)}


def by_change(scenario: Scenario, changes: Sequence[Override], total: str) -> dict[str, float] | None:
    """What each change adds to a total, one made after the other, in order; the additions add up to the difference.

    None where a scenario on the way has no answer: it does not fit, or its parts contradict each other.
    """
    found: dict[str, float] = {}
    before = api.estimate(scenario)
    for number, change in enumerate(changes, 1):
        try:
            after = api.estimate(load(scenario, changes[:number], allow_files=False))
        except (ScenarioError, CatalogError):
            return None
        if not (before.fits and after.fits):
            return None
        said = change if isinstance(change, str) else f"{change[0]}={change[1]}"
        found[said] = difference(after.totals[total], before.totals[total])
        before = after
    return found
