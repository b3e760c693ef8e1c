"""The run: phenomena one after the other within a time budget, each point written as soon as it is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from . import timing
from .bench import Bench
from .device import Device
from .effort import SHARES, Effort
from .progress import Progress
from .record import Point, Record, key

POINT_S = 3.0  # most time for one point that is not slow itself
SHORTEST_S = 0.02  # least
BUSY = 0.1  # share of noisy points from which the machine is called busy
DRIFTED = 0.1  # change of the reference product that is worth a warning
SLOWEST_BYTES_PER_S = 5e9  # assumed when guessing how long a point takes


class Run:
    """One collection. `write` takes each record; `done` holds the marks of records that are there already.

    `began` is when the clock of the effort started to run, by time.perf_counter.
    """

    def __init__(
        self,
        device: Device,
        effort: Effort,
        environment: str,
        write: Callable[[Record], None],
        done: set[str],
        began: float,
        progress: Progress | None = None,
    ) -> None:
        self.device, self.effort, self.environment, self.write = device, effort, environment, write
        self.done, self.began, self.progress = done, began, progress or Progress()
        self.quiet: dict[str, bool] = {}  # what was measured: whether the machine was quiet meanwhile

    def collect(self, phenomena: Iterable[str]) -> None:
        """Measure these phenomena, unused time of one going to the next; noisy points once more if time is left."""
        chosen = {name: share for name, share in SHARES.items() if name in set(phenomena)}
        self.end = self.began + self.effort.seconds * sum(chosen.values())
        self.bench = Bench(self.device, self.effort.target)
        self.write(self.bench.time_reference(self.environment))
        until, again = self.began, list[tuple[Any, Point]]()
        for name, share in chosen.items():
            until += self.effort.seconds * share
            module = import_module(f".{name}", __package__)
            points = [p for p in module.points(self.device, self.effort) if key(p.record("")) not in self.done]
            for number, point in enumerate(points):
                self.progress.show(name, str(point), self.end - time.perf_counter())
                self._point(module, point, until, len(points) - number)
                again += [(module, point)] if self.quiet.get(key(point.record(""))) is False else []
            _close(module)
            self.write(self.bench.time_reference(self.environment))
        for number, (module, point) in enumerate(again):
            if time.perf_counter() < self.end:
                self.progress.show("noisy points again", str(point), self.end - time.perf_counter())
                self._point(module, point, self.end, len(again) - number)
                _close(module)
        self.progress.say(self.summary())

    def _point(self, module: Any, point: Point, until: float, waiting: int) -> None:
        """Measure one of so many points that wait until then, or say why not."""
        left = until - time.perf_counter()
        reason, fields = point.skip or self._too_much(point, left), Record()
        if not reason:
            try:
                limit = max(SHORTEST_S, min(POINT_S, left / waiting))
                fields = self.bench.time(module.prepare(point), point, limit, until)
                self.quiet[key(point.record(""))] = "noisy" not in fields
            except Exception as problem:  # a version of a library may lack an operator: say so and go on
                reason = f"failed: {type(problem).__name__}: {problem}".splitlines()[0][:200]
        record = point.record(self.environment, **({"skipped": reason} if reason else fields))
        self.device.release()
        if mark(record) not in self.done:
            self.write(record)
        if reason:
            self.done.add(mark(record))

    def _too_much(self, point: Point, left_s: float) -> str:
        """Why the device cannot hold the point or the effort has no time for it, or nothing."""
        if point.memory > self.device.memory_bytes:
            return f"needs {point.memory / 1e9:.2g} GB, {self.device.memory_bytes / 1e9:.2g} GB may be used"
        once = point.flops / self.bench.rate + point.bytes / SLOWEST_BYTES_PER_S
        cost = (timing.SLOW_REPEATS + 2) * once
        if cost > max(0.2 * self.effort.seconds, 1.0) or (left_s < 0 and cost > 1.0):
            return f"too slow here for effort {self.effort.name}: about {cost:.1g} s"
        return ""

    def summary(self) -> str:
        """How many points were measured, how far the machine drifted, whether it was busy."""
        text, times = f"{len(self.quiet)} points measured", self.bench.quiet_times
        if times:
            text += f"; reference product {times[-1] / times[0] - 1:+.0%} at the end"
            if max(times) > (1 + DRIFTED) * min(times):
                text += f", {max(times) / min(times) - 1:.0%} between extremes: clocks or load changed"
        noisy = sum(not quiet for quiet in self.quiet.values())
        if noisy > BUSY * len(self.quiet):
            text += f"; {noisy} points noisy: the machine is busy, use --resume when it is idle"
        return text


def mark(record: Record) -> str:
    """What need not be written again: a measured point, or a point skipped for the same reason."""
    return key(record) + str(record.get("skipped", ""))


def _close(module: Any) -> None:
    """Let a phenomenon that keeps processes end them."""
    getattr(module, "close", lambda: None)()
