"""What the engine predicts for measured runs, as a function of the profile's constants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from costmodel import engine
from costmodel.calibration.runs.run import Run
from costmodel.job import Assumption, Assumptions, Layout, numbers
from costmodel.ops import total
from costmodel.outcome import Outcome
from costmodel.ranges import stacked, uncertain
from costmodel.resolve import resolve
from costmodel.units import Number
from costmodel.validation.measures import time_at_peak
from costmodel.validation.predict import FIGURES

# Products and attention miss the peak for reasons that they share, clocks and software: they move together.
COMPUTE_EFFICIENCY = "compute efficiency"
COMPUTE = ("matrix products", "attention", "memory-bound operators", "recomputation", "optimizer")
OVERHEAD = "checkpoints and failures"


def knob(law: str, constant: str) -> str:
    """What a constant of a law (as a profile or a job names it) moves with: those of one knob move together."""
    if constant == "compute_efficiency":
        return COMPUTE_EFFICIENCY
    kind, _, variant = law.partition(":")  # matmul:16bit, memory_bound:norm
    return f"matmul.{constant}" if kind in ("matmul", "matmul_16bit") else f"{variant or kind}.{constant}"


def _knob_of(path: str) -> str:
    return knob(*path.split(".")[1:])


@dataclass(frozen=True, slots=True)
class _Group:
    """Runs whose scenarios leave the same open: they go through the formulas together."""

    kind: str
    places: tuple[int, ...]
    assumptions: tuple[Assumptions, ...]
    layouts: tuple[Layout, ...]


class Forward:
    """Predictions of every measurement of some runs, at any setting of the constants that may move.

    A setting gives each knob in standard deviations of the range that the profile states: 0 is the profile's value,
    ±1.28 are the ends of the range. `knobs` names them; `measured` holds the logarithms of what was measured, by
    measurement; `owners` says to which run each belongs, `configurations` to which of the distinct scenarios, `asked`
    which of the distinct predictions is of it: repeats are predicted once.
    """

    def __init__(self, runs: Sequence[Run], profile: str) -> None:
        found: defaultdict[tuple[Any, ...], list[tuple[int, Assumptions, Layout]]] = defaultdict(list)
        names: dict[str, None] = {}
        distinct: dict[str, int] = {}
        places = [distinct.setdefault(run.scenario.model_dump_json(), len(distinct)) for run in runs]
        for place, run in dict(zip(places, runs, strict=True)).items():
            resolved = resolve(run.scenario.model_copy(update={"profile": profile}))
            job = engine.complete(numbers(resolved.assumptions), resolved.kind).job
            unsaid = [path for path, a in resolved.assumptions.items() if a.value is None]
            found[resolved.kind, type(job.model), *unsaid].append((place, resolved.assumptions, job.parallelism))
            names |= dict.fromkeys(_knob_of(a.path) for a in _movable(resolved.assumptions))
        self.groups = [_Group(key[0], *zip(*members, strict=True)) for key, members in found.items()]
        self.runs = tuple(runs)
        self.knobs = tuple(names)
        self.entries = [(i, metric) for i, run in enumerate(runs) for metric in run.measured]
        self.owners = np.array([i for i, _ in self.entries])
        self.configurations = np.array(places)[self.owners]
        self.predicted: dict[tuple[int, str], int] = {}
        answered = [(places[i], metric) for i, metric in self.entries]
        self.asked = np.array([self.predicted.setdefault(key, len(self.predicted)) for key in answered])
        self.measured = np.log([run.measured[metric] for run in runs for metric in run.measured])

    def __call__(self, settings: np.ndarray, read: Callable[[Outcome, str], Number] | None = None) -> np.ndarray:
        """Logarithms of the predictions, shape (measurements, points), at settings of shape (knobs, points).

        `read` takes another figure than the metric that was measured from an outcome.
        """
        by_knob = dict(zip(self.knobs, settings, strict=True))
        answers = np.empty((len(self.predicted), settings.shape[1]))
        for group in self.groups:
            paths = {a.path for assumptions in group.assumptions for a in _movable(assumptions)}
            z = {path: by_knob[_knob_of(path)] for path in paths}
            result = engine.outcome(stacked(group.assumptions, group.layouts, z), group.kind)
            shape = len(group.places), settings.shape[1]
            for metric in {metric for _, metric in self.predicted}:
                values = np.broadcast_to(np.asarray((read or figure)(result, metric), dtype=float), shape)
                for row, place in enumerate(group.places):
                    if (answer := self.predicted.get((place, metric))) is not None:
                        answers[answer] = np.log(values[row])
        return np.asarray(answers[self.asked])

    def weights(self) -> np.ndarray:
        """One for every configuration and metric, shared by its repeats."""
        return np.asarray(1 / np.bincount(self.asked)[self.asked])


def figure(result: Outcome, metric: str) -> Number:
    """One figure of an outcome; compute_time_s is the part of a step in which a device computes."""
    if metric != "compute_time_s":
        return FIGURES[metric](result)
    parts = result.breakdown["time_s"]
    step = total({name: part for name, part in parts.items() if name != OVERHEAD})
    share = total({name: parts[name] for name in COMPUTE}) / step
    return result.performance["step_time_s"] * share


def least(result: Outcome, metric: str) -> Number:
    """The least that a measurement can be: the time that a device needs at its peak; of power nothing is said."""
    if metric == "power_w":
        return 1e-9
    return time_at_peak(result.performance["step_time_s"], result.performance["mfu"])


def _movable(assumptions: Assumptions) -> list[Assumption]:
    return [a for a in uncertain(assumptions) if a.path.startswith("profile.")]
