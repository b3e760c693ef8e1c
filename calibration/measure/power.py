"""Power: joules from the counters of the processor packages (RAPL) or of the GPU (NVML), idle and loaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from .device import Device, Point
from .effort import Effort
from .environment import gpu

RAPL = Path("/sys/class/powercap")

# level, load, seconds
LOADS = ((1, "idle", 1.0), (1, "matmul", 1.0), (2, "idle", 2.0), (2, "matmul", 3.0), (2, "copy", 2.0))


class Rapl:
    """The energy counters of all packages and their memory; each wraps at a maximum of its own.

    Raises OSError if there are none or this user may not read them.
    """

    def __init__(self) -> None:
        zones = [z for z in RAPL.glob("*-rapl:*") if (z / "name").read_text().strip().startswith(("package", "dram"))]
        if not zones:
            raise FileNotFoundError("no RAPL counter")
        self.zones = [(z / "energy_uj", int((z / "max_energy_range_uj").read_text())) for z in zones]
        self.last = [int(counter.read_text()) for counter, _ in self.zones]
        self.total = 0

    def energy_j(self) -> float:
        """Joules since this object was made; to be read at least once a minute, for the counters wrap."""
        now = [int(counter.read_text()) for counter, _ in self.zones]
        for new, old, (_, period) in zip(now, self.last, self.zones, strict=True):
            self.total += (new - old) % period
        self.last = now
        return self.total * 1e-6


@lru_cache(maxsize=2)
def meter(device: Device) -> tuple[Callable[[], float | None], str]:
    """The device's energy counter [J], and why there is none (then it always reads None)."""
    if device.cuda:
        nvml = gpu()
        if nvml and nvml.energy_j() is not None:
            return nvml.energy_j, ""
        return lambda: None, "not available: the driver gives no energy counter"
    try:
        return Rapl().energy_j, ""
    except PermissionError:
        return lambda: None, "not available: the RAPL counters may be read by root only"
    except (OSError, ValueError):
        return lambda: None, "not available: no RAPL counter"


def points(device: Device, effort: Effort) -> Iterator[Point]:
    """Idle, then loaded by arithmetic and by memory traffic; the longest window of each."""
    reason = meter(device)[1]
    if reason:
        yield device.skip("power", reason)
        return
    longest = dict(effort.rows(LOADS))
    for load, seconds in longest.items():
        yield Point("power", {"operation": load}, device.primary, device, at_least_s=seconds)


def prepare(point: Point) -> Callable[[], object]:
    """The load: sleep, a large product, or a copy that no cache holds."""
    device, load = point.device, point.shape["operation"]
    if load == "idle":
        return lambda: time.sleep(0.05)
    if load == "copy":
        from . import memory

        return memory.prepare(Point("bandwidth", {"operation": "copy", "bytes": 2**28}, "fp32", device))
    from . import matmul

    n = 8192 if device.cuda else 2048
    return matmul.prepare(Point("matmul", {"m": n, "k": n, "n": n}, point.dtype, device))
