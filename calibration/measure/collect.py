"""The run: phenomena one after the other within a time budget, each point written as soon as it is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

from . import matmul, power, timing
from .device import Device
from .effort import SHARES, Effort
from .environment import clock_hz
from .progress import Progress
from .quiet import Probe
from .record import Point, Record, key

POINT_S = 3.0  # most time for one point that is not slow itself
LEAST = 0.2  # share of a point's time that is used even if its median is known sooner
ATTEMPTS = 3  # at a point during which the machine was busy
WAIT_S = 1.0  # for a busy machine, before each attempt
BUSY = 0.1  # share of noisy points from which the machine is called busy
DRIFTED = 0.1  # change of the reference product that is worth a warning
SLOWEST_BYTES_PER_S = 5e9  # assumed when guessing how long a point takes
PROBE_N = 512


@dataclass
class Run:
    """One collection. `write` takes each record; `done` holds keys of records that are there already.

    `began` is when the clock of the effort started to run, by time.perf_counter.
    """

    device: Device
    effort: Effort
    environment: str
    write: Callable[[Record], None]
    done: set[str] = field(default_factory=set)
    progress: Progress = field(default_factory=Progress)
    began: float = field(default_factory=time.perf_counter)
    references: list[float] = field(default_factory=list)  # times of the same product, again and again
    measured: int = 0
    noisy: int = 0

    def collect(self, phenomena: Iterable[str]) -> None:
        """Measure these phenomena. Unused time of one goes to the next; what is too slow is skipped and said."""
        chosen = [name for name in SHARES if name in set(phenomena)]
        self.end = self.began + self.effort.seconds * sum(SHARES[name] for name in chosen)
        self._prepare()
        until = self.began
        for name in chosen:
            until += self.effort.seconds * SHARES[name]
            self._phenomenon(name, until)
            self._time_reference()
        self.progress.say(self.summary())

    def _prepare(self) -> None:
        n = 4096 if self.device.cuda else 1024
        self.reference = matmul.single(self.device, self.device.primary, n, n, n)
        self.reference_run = timing.sampler(matmul.prepare(self.reference), self.reference)
        timing.measure(self.reference_run[1], 0.2, 0.0)  # clocks rise, libraries load
        self.probe = Probe(matmul.prepare(matmul.single(self.device, "fp32", PROBE_N, PROBE_N, PROBE_N)))
        self._time_reference()

    def _phenomenon(self, name: str, until: float) -> None:
        module: Any = import_module(f".{name}", __package__)
        self.progress.show(name, "", self.end - time.perf_counter())
        waiting = [p for p in module.points(self.device, self.effort) if key(p.record("")) not in self.done]
        for number, point in enumerate(waiting):
            left = until - time.perf_counter()
            self.progress.show(name, str(point), self.end - time.perf_counter())
            reason = point.skip or self._too_much(point, left)
            if not reason:
                try:
                    self._point(module.prepare(point), point, until, len(waiting) - number)
                except Exception as problem:  # a version of a library may lack an operator: say so and go on
                    reason = f"failed: {type(problem).__name__}: {problem}".splitlines()[0][:200]
            if reason:
                self._skip(point, reason)
            self.device.release()
        getattr(module, "close", lambda: None)()

    def _point(self, run: Any, point: Point, until: float, waiting: int) -> None:
        how, sample = timing.sampler(run, point)
        left = until - time.perf_counter()
        limit = max(0.02, min(POINT_S, left / waiting))
        meter, quiet = power.meter(self.device)[0], False
        for _ in range(1, ATTEMPTS + 1):
            spare = max(0.0, until - time.perf_counter())
            quiet = self.device.cuda or self.probe.wait(min(WAIT_S, 0.2 * spare))
            timed = timing.measure(sample, limit, self.effort.target, max(point.at_least_s, LEAST * limit), meter)
            quiet = quiet and not timed.noisy and (self.device.cuda or not self.probe.busy())
            if quiet or time.perf_counter() > until:
                break
        self.measured += 1
        self.noisy += not quiet
        self.write(point.record(self.environment, **asdict(timed), timing=how, **({} if quiet else {"noisy": True})))

    def _skip(self, point: Point, reason: str) -> None:
        record = point.record(self.environment, skipped=reason)
        mark = key(record) + reason
        if mark not in self.done:
            self.done.add(mark)
            self.write(record)

    def _too_much(self, point: Point, left_s: float) -> str:
        """Why the device cannot hold the point or the effort has no time for it, or nothing."""
        if point.memory > self.device.memory_bytes:
            return f"needs {point.memory / 1e9:.2g} GB, {self.device.memory_bytes / 1e9:.2g} GB may be used"
        rate = self.reference.flops / self.references[0]
        calls = timing.SLOW_REPEATS + 2
        cost = calls * (point.flops / rate + point.bytes / SLOWEST_BYTES_PER_S)
        if cost > max(0.2 * self.effort.seconds, 1.0) or (left_s < 0 and cost > 1.0):
            return f"too slow here for effort {self.effort.name}: about {cost:.1g} s"
        return ""

    def _time_reference(self) -> None:
        """Time the reference product, for drift of clocks and other users of the machine."""
        how, sample = self.reference_run
        quiet = self.device.cuda or self.probe.wait(WAIT_S)
        timed = timing.measure(sample, 0.3, self.effort.target)
        self.references.append(timed.time_s)
        marks = {"timing": how, "reference": True, "clock_hz": clock_hz(self.device)}
        marks |= {} if quiet and not timed.noisy else {"noisy": True}
        self.write(self.reference.record(self.environment, **asdict(timed), **marks))

    def summary(self) -> str:
        """How many points were measured, how far the machine drifted, whether it was busy."""
        first, last = self.references[0], self.references[-1]
        worst = max(self.references) / min(self.references) - 1
        text = f"{self.measured} points measured; reference product {last / first - 1:+.0%} at the end"
        if worst > DRIFTED:
            text += f", {worst:.0%} between extremes: clocks or load changed"
        if self.noisy > BUSY * self.measured:
            text += f"; {self.noisy} points noisy: the machine is busy, measure again when it is idle"
        return text
