"""The run: phenomena one after the other within a time budget, each point written as soon as it is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any

from . import timing
from .bench import Bench
from .device import Device, Point
from .effort import SHARES, Effort
from .progress import Progress
from .quiet import BUSY, settled
from .record import Record, key

AGAIN = 0.1  # share of the time kept for points during which the machine was busy
POINT_S = 3.0  # most time for one point that is not slow itself
SHORTEST_S = 0.02  # least
DRIFTED = 0.1  # change of the reference product that is worth a warning
SLOWEST_BYTES_PER_S = 5e9  # assumed when guessing how long a point takes


class Run:
    """One collection. `write` takes each record; `there` are those that an earlier run left.

    `began` is when the clock of the effort started to run, by time.perf_counter.
    """

    def __init__(
        self,
        device: Device,
        effort: Effort,
        environment: str,
        write: Callable[[Record], None],
        there: Iterable[Record],
        began: float,
    ) -> None:
        self.device, self.effort, self.environment, self.began = device, effort, environment, began
        self._write, self.records, self.progress = write, list(there), Progress()
        self.new: set[str] = set()  # keys of the points measured in this run

    def collect(self, phenomena: Iterable[str]) -> None:
        """Measure these phenomena, unused time of one going to the next, then once more what was disturbed."""
        chosen = {name: share for name, share in SHARES.items() if name in set(phenomena)}
        seconds = self.effort.seconds * (1 - AGAIN)
        self.end = self.began + self.effort.seconds * sum(chosen.values())
        self.bench = Bench(self.device, self.effort.target)
        self.write(self.bench.time_reference(self.environment))
        until, known, done = self.began, list[tuple[Any, Point]](), self._done()
        for name, share in chosen.items():
            until += seconds * share
            module = import_module(f".{name}", __package__)
            points = [(module, p) for p in module.points(self.device, self.effort) if key(p.record("")) not in done]
            known += points
            self._measure(name, points, until)
            self.write(self.bench.time_reference(self.environment))
        disturbed = [(m, p) for m, p in known if key(p.record("")) in self.new - self._done()]
        self._measure("disturbed points again", disturbed, self.end, last=True)
        self.progress.say(self.summary())

    def write(self, record: Record) -> None:
        """Keep a record and hand it on."""
        self.records.append(record)
        self._write(record)

    def _done(self) -> set[str]:
        """Keys of the points that were measured on a quiet machine."""
        return {k for k, (_, quiet) in settled(self.records).items() if quiet}

    def _measure(self, name: str, points: Sequence[tuple[Any, Point]], until: float, last: bool = False) -> None:
        """Measure points until then, those that come too late with few repeats, or not at all in the last round."""
        for number, (module, point) in enumerate(points):
            if last and time.perf_counter() > until:
                break
            self.progress.show(name, str(point), self.end - time.perf_counter())
            self._point(module, point, until, len(points) - number)
        for module, _ in points[-1:]:
            getattr(module, "close", lambda: None)()  # a phenomenon that keeps processes ends them

    def _point(self, module: Any, point: Point, until: float, waiting: int) -> None:
        """Measure one of so many points that wait until then, or say why not."""
        left = until - time.perf_counter()
        reason, fields = point.skip or self._too_much(point, left), Record()
        if not reason:
            try:
                limit = max(SHORTEST_S, min(POINT_S, left / waiting))
                fields = self.bench.time(module.prepare(point), point, limit, until)
                self.new.add(key(point.record("")))
            except Exception as problem:  # a version of a library may lack an operator: say so and go on
                reason = f"failed: {type(problem).__name__}: {problem}".splitlines()[0][:200]
        record = point.record(self.environment, **({"skipped": reason} if reason else fields))
        self.device.release()
        if not reason or record not in self.records:
            self.write(record)

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
        now = {k: quiet for k, (_, quiet) in settled(self.records).items() if k in self.new}
        times = [r["time_s"] for r in self.records if r.get("reference") and not r.get("noisy")]
        text, noisy = f"{len(now)} points measured", sum(not quiet for quiet in now.values())
        if times:
            text += f"; reference product {times[-1] / times[0] - 1:+.0%} at the end"
            if max(times) > (1 + DRIFTED) * min(times):
                text += f", {max(times) / min(times) - 1:.0%} between extremes: clocks or load changed"
        if noisy > BUSY * len(now):
            text += f"; {noisy} points noisy: the machine is busy, use --resume when it is idle"
        return text
