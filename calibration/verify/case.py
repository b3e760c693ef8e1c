"""A case: a real workload on random data of the right shape, timed, beside what it is made of."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from costmodel.calibration.measure import timing
from costmodel.calibration.measure.device import Device
from costmodel.calibration.measure.quiet import waited_s
from costmodel.calibration.verify.layers import Stage

LIMIT_S, TARGET = 3.0, 0.005  # most time for the repeats of a case; share to which its median is to be known
ATTEMPTS = 2
AT_LEAST_S = 1.0  # so that a short disturbance does not make the median

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Update:
    """An optimizer's step: `algorithm` sgd, momentum, adam or adamw over so many tensors."""

    algorithm: str
    tensors: int
    parameters: float


@dataclass(frozen=True, slots=True)
class Work:
    """What one call of a case does, as the prediction sees it.

    `stages` are one forward pass. `modules`: how many layers are called as objects; `views`: how many calls only look
    at data in another shape; `taken`: how often rows are taken by their numbers; `quantised`: how many of
    the modules quantise their input. `update` is there in training alone.
    The whole is done `times` over, by each of `processes` on a core of its own, whose gradients are averaged.
    """

    stages: tuple[Stage, ...]
    modules: float = 0.0
    views: float = 0.0
    taken: float = 0.0
    quantised: float = 0.0
    update: Update | None = None
    times: float = 1.0
    processes: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One workload. `prepare(device)` gives the call that is timed; the metric is its time over `units`."""

    id: str
    metric: str
    work: Work
    prepare: Callable[[Device], Run]
    dtype: str = "fp32"
    units: float = 1.0
    backend: str = "torch"


@dataclass(frozen=True, slots=True)
class Measured:
    """Median and interquartile range over repeats, per unit of the case's metric."""

    value: float
    spread: float
    repeats: int


def measure(case: Case, device: Device, limit_s: float = LIMIT_S) -> Measured:
    """Time a case on a device; of two attempts, if the first was disturbed, the one that spread less."""
    run = case.prepare(device)

    def sample(calls: int) -> float:
        began = time.perf_counter()
        for _ in range(calls):
            run()
        device.synchronize()
        return time.perf_counter() - began

    if hasattr(run, "sample"):  # keeps its own clock
        sample = run.sample
    tries = list[timing.Timing]()
    while not tries or (tries[-1].noisy and len(tries) < ATTEMPTS):
        tries.append(timing.measure(sample, limit_s, TARGET, min(AT_LEAST_S, limit_s), waited=waited_s))
    device.release()
    best = min(tries, key=lambda timed: timed.spread_s / timed.time_s)
    return Measured(best.time_s / case.units, best.spread_s / case.units, best.repeats)
