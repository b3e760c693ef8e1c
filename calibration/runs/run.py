"""A run that a user measured: what was run, as a scenario, and what it took."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from costmodel.fields import TRAINING
from costmodel.loading import load
from costmodel.scenario import Scenario, Training
from costmodel.validation.measures import step_time_of_rate

NUMBER = r"(\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?)"  # as logs write one
WARM_UP = 0.1  # share of the logged steps that is left out at the start, one at least

Beside = str | os.PathLike[str] | Mapping[str, Any] | Scenario


class RunError(ValueError):
    """A file of runs that cannot be used; the text is one line: which file, what was seen, what to give instead."""


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run.

    `measured` maps a metric (step_time_s [s], compute_time_s [s], power_w [W] of one device) to its value, `spread`
    is the s.d. of the logarithm of the step time from step to step, `shares` says what part of a step the kernels of
    each kind took, `inferred` names the rules that filled in what the file leaves open.
    """

    name: str
    scenario: Scenario
    measured: Mapping[str, float]
    spread: float | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    inferred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of a file, the format it was in, and (name, reason) of what it holds beside them and cannot be used."""

    source: str
    format: str
    runs: tuple[Run, ...]
    skipped: tuple[tuple[str, str], ...] = ()


def beside(scenario: Beside | None, file: str) -> tuple[Scenario, Training]:
    """The scenario that goes with a log, and its workload. Raises RunError unless it is one of training."""
    if scenario is None:
        raise RunError(f"{file}: a log does not say model and layout; give them with --scenario FILE")
    loaded = load(scenario)
    if not isinstance(loaded.workload, Training):
        raise RunError(
            f"{file}: the scenario is of workload {loaded.workload.kind}; runs of {' or '.join(TRAINING)} can be read"
        )
    return loaded, loaded.workload


def with_batch(scenario: Scenario, work: Training, batch: float | None, file: str) -> Scenario:
    """The scenario with the global batch that was measured. Raises RunError where two are stated, or none."""
    if batch is not None and work.global_batch not in (None, batch):
        raise RunError(
            f"{file}: global batch {batch:g} here, {work.global_batch} in the scenario; correct the scenario"
        )
    if work.sequence is None or (batch is None and work.global_batch is None):
        missing = "sequence" if work.sequence is None else "global_batch"
        raise RunError(f"{file}: a step time needs to know the step; state workload.{missing} in the scenario")
    if batch is None:
        return scenario
    stated = work.model_copy(update={"global_batch": int(batch)})
    return scenario.model_copy(update={"workload": stated})


def time_at_rate(scenario: Scenario, tokens_per_second: float) -> float:
    """Step time [s] of a scenario with batch and sequence, from the tokens per second of all its devices."""
    work = scenario.workload
    return float(step_time_of_rate(work.global_batch, work.sequence, tokens_per_second))  # type: ignore[union-attr]


def steady(values: Sequence[float], file: str) -> tuple[float, float]:
    """Median of the values after warm-up, and the s.d. of their logarithm (robust: from the quartiles).

    Raises RunError, which names the file, where one is infinite.
    """
    if not np.isfinite(values).all():
        raise RunError(f"{file}: a step of {max(values)} cannot be; take the line out")
    later = np.asarray(values[max(1, round(WARM_UP * len(values))) :] if len(values) > 1 else values)
    low, high = np.quantile(np.log(later), (0.25, 0.75))
    return float(np.median(later)), float((high - low) / 1.349)
