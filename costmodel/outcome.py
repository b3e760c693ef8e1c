"""What an estimate says, in one kind of number: plain, arrays, dimensions or traced."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from costmodel.job import Job
from costmodel.units import Number

Parts = dict[str, Number]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Totals, what they consist of, performance and memory of one resolved job.

    `breakdown` maps a total to its parts, which add up to it; `memory_parts` add up to `memory_used`.
    `job` is the job with everything filled in by rule.
    """

    job: Job
    totals: Parts
    breakdown: dict[str, Parts]
    performance: Parts
    memory_parts: Parts
    memory_used: Number
    feasible: Number
    limits: tuple[str, ...] = field(default=())


def overloaded(outcome: Outcome, kind: str) -> Any:
    """Whether a service answers fewer requests than arrive, so that they queue up without end."""
    rate = outcome.job.traffic.request_rate if kind == "serve" else None
    return np.False_ if rate is None else outcome.performance["requests_per_s"] < rate


def suffices(outcome: Outcome, kind: str) -> Any:
    """Whether the devices have room, and a service answers all requests that arrive."""
    return outcome.feasible & ~overloaded(outcome, kind)
