"""Times points on one device, repeats those during which something else ran, and watches the device drift."""

from __future__ import annotations

import time
from typing import Any

from . import matmul, power, timing
from .device import Device, Point
from .environment import clock_hz
from .quiet import is_quiet, probe, waited_s
from .record import Record

REFERENCE_N, REFERENCE_GPU_N, PROBE_N = 1024, 4096, 512  # sizes of square products
REFERENCE_S = 0.3
LEAST = 0.2  # share of a point's time that is used even if its median is known sooner
ATTEMPTS = 2  # at a point during which the machine was busy


class Bench:
    """A device with its reference product.

    `rate` [FLOP/s] is the best that the reference has reached; `readings` [s] are those of the probe.
    """

    def __init__(self, device: Device, target: float) -> None:
        self.device, self.target = device, target
        self.meter = power.meter(device)[0]
        n = REFERENCE_GPU_N if device.cuda else REFERENCE_N
        self.reference = matmul.single(device, device.primary, n, n, n)
        self.how, self.sample = timing.sampler(matmul.prepare(self.reference), self.reference)
        self.rate, self.readings = 0.0, list[float]()
        timing.measure(self.sample, REFERENCE_S, 0.0)  # clocks rise, libraries load
        self.probe = matmul.prepare(matmul.single(device, "fp32", PROBE_N, PROBE_N, PROBE_N))
        self.probe()  # code paths

    def time(self, run: Any, point: Point, limit_s: float, until: float) -> Record:
        """The measured fields of a record, after more attempts before `until` if the machine is not quiet."""
        how, sample = timing.sampler(run, point)
        for _ in range(ATTEMPTS):
            fields = self._attempt(sample, limit_s, max(point.at_least_s, LEAST * limit_s))
            if is_quiet(fields, sorted(self.readings)) or time.perf_counter() > until:
                break
        return fields | {"timing": how}

    def _attempt(self, sample: timing.Sample, limit_s: float, at_least_s: float) -> Record:
        timed = timing.measure(sample, limit_s, self.target, at_least_s, self.meter, waited_s)
        fields = {"time_s": timed.time_s, "spread_s": timed.spread_s, "repeats": timed.repeats, "watts": timed.watts}
        fields |= {"noisy": True} if timed.noisy else {}
        if self.device.cuda:  # a GPU is not shared, and its host waits anyway
            return fields
        self.readings.append(probe(self.probe))
        return fields | {"probe_s": self.readings[-1]}

    def time_reference(self, environment: str) -> Record:
        """A record of the reference product: clocks and other users of the machine show in its course."""
        fields = self._attempt(self.sample, REFERENCE_S, 0.0)
        self.rate = max(self.rate, self.reference.flops / fields["time_s"])
        marks = {"timing": self.how, "reference": True, "clock_hz": clock_hz(self.device)}
        return self.reference.record(environment, **fields, **marks)
