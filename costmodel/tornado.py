"""Which assumption moves an answer by how much: each alone at its 10th and 90th percentile, all others at their value.

The module has another name than the function `sensitivity`, whose place it would take in the package once imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from costmodel import engine
from costmodel.job import numbers
from costmodel.loading import Override, load
from costmodel.outcome import suffices
from costmodel.ranges import Z90, draw, figures, uncertain
from costmodel.resolve import resolve
from costmodel.scenario import Scenario


class SensitivityError(ValueError):
    """A figure that a scenario does not have, or a scenario without an answer."""


@dataclass(frozen=True, slots=True)
class Swing:
    """One assumption: its 10th and 90th percentile, in `unit`, and the figure asked for at each of them, in SI."""

    path: str
    label: str
    unit: str
    low: float
    high: float
    at_low: float
    at_high: float
    source: str


def sensitivity(
    scenario: Scenario | Mapping[str, Any] | str, total: str = "cost_usd", *, overrides: Sequence[Override] = ()
) -> list[Swing]:
    """How far each uncertain assumption alone moves a figure, largest first, in the layout of the estimate.

    `total` is one of an estimate's ranges, such as "time_s", "cost_usd" or "tokens_per_s".
    Raises SensitivityError for another name and for a scenario that does not fit or keep up, ScenarioError for bad
    input.
    """
    resolved = resolve(load(scenario, overrides))
    job = engine.settle(numbers(resolved.assumptions), resolved.kind)
    centre = engine.outcome(job, resolved.kind)
    known = list(figures(centre))
    if total not in known:
        raise SensitivityError(f"no figure is called {total[:40]!r}; write one of {', '.join(known)}")
    if not suffices(centre, resolved.kind):
        raise SensitivityError(
            "the scenario does not fit or keep up, so that nothing can be varied; `estimate` says what does"
        )
    spread = uncertain(resolved.assumptions)
    ends = [draw(a, np.array([-Z90, Z90])) for a in spread]
    values: dict[str, Any] = {}
    for i, (a, both) in enumerate(zip(spread, ends, strict=True)):
        values[a.path] = np.full(2 * len(spread), a.value)
        values[a.path][2 * i : 2 * i + 2] = both
    varied = replace(numbers(resolved.assumptions, values), parallelism=job.parallelism)
    found = np.broadcast_to(figures(engine.outcome(varied, resolved.kind))[total], 2 * len(spread)).reshape(-1, 2)
    swings = [
        Swing(a.path, _label(a.path), a.unit, float(low), float(high), float(at_low), float(at_high), a.source)
        for a, (low, high), (at_low, at_high) in zip(spread, ends, found, strict=True)
    ]
    return sorted(swings, key=lambda s: -abs(s.at_high - s.at_low))


def _label(path: str) -> str:
    """A path as words: "profile.framework.time_factor" → "framework: time factor"."""
    return path.removeprefix("profile.").replace(".", ": ").replace("_", " ")
