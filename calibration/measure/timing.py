"""How long a call takes: warm-up, repeats until the median is known well enough, median and spread."""

from __future__ import annotations

import time
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .record import Point

WINDOW_S = 1e-3  # calls shorter than this are repeated within one sample: the clock's own cost vanishes
REPEATS = 7  # fewest samples, unless the time limit allows only SLOW_REPEATS
SLOW_REPEATS = 3
NOISY = 0.25  # interquartile range over median beyond which something else used the machine
CAPTURED = 16  # calls in one CUDA graph
METER_S = 0.25  # shortest window over which an energy counter is trusted

KERNELS = {"matmul", "grouped_matmul", "attention_prefill", "attention_decode", "convolution", "memory_bound"}

Sample = Callable[[int], float]  # seconds that so many calls take


@dataclass(frozen=True)
class Timing:
    """Median and interquartile range over the repeats [s]; mean power [W] where a counter was read."""

    time_s: float
    spread_s: float
    repeats: int
    watts: float | None

    @property
    def noisy(self) -> bool:
        """Whether the repeats differ so much that something else must have run."""
        return self.spread_s > NOISY * self.time_s


def quantile(ordered: Sequence[float], q: float) -> float:
    """The q-quantile of sorted values, linear between neighbours."""
    position = q * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (position - low) * (ordered[high] - ordered[low])


def measure(
    sample: Sample,
    limit_s: float,
    target: float,
    at_least_s: float = 0.0,
    meter: Callable[[], float | None] = lambda: None,
) -> Timing:
    """Time a call by samples of equally many calls.

    Stops once the interquartile range over the root of the number of samples (about the standard error of the
    median) is below `target` of the median, or after `limit_s`; never before `at_least_s`. `meter` reads joules.
    """
    sample(1)  # code paths, page faults, compilation
    calls = max(1, min(10_000, round(WINDOW_S / max(sample(1), 1e-9))))
    if calls > 1:
        sample(calls)  # warm caches; now the estimate of one call is a warm one too
        calls = max(1, min(10_000, round(WINDOW_S * calls / max(sample(calls), 1e-9))))
    times: list[float] = []
    joules, began = meter(), time.perf_counter()
    while True:
        insort(times, sample(calls) / calls)
        elapsed = time.perf_counter() - began
        median, spread = quantile(times, 0.5), quantile(times, 0.75) - quantile(times, 0.25)
        known = len(times) >= REPEATS and spread <= target * median * len(times) ** 0.5
        if elapsed >= at_least_s and (known or (elapsed >= limit_s and len(times) >= SLOW_REPEATS)):
            break
    spent = meter()
    watts = (spent - joules) / elapsed if spent is not None and joules is not None and elapsed >= METER_S else None
    return Timing(median, spread, len(times), watts)


def sampler(run: Any, point: Point) -> tuple[str, Sample]:
    """How `run` is timed (wall, events, graph, or its own clock), and the function that does it.

    On a GPU, kernels are captured into a CUDA graph where that works, so that the host's launch cost, a
    phenomenon of its own, does not hide them.
    """
    if hasattr(run, "sample"):
        return "own", run.sample
    if point.device.name == "cpu":
        return "wall", _wall_clock(run, lambda: None)
    if point.kind not in KERNELS and point.kind != "bandwidth":
        return "wall", _wall_clock(run, point.device.synchronize)
    if point.shape.get("direction") != "backward":  # autograd runs on streams of its own
        try:
            return "graph", _cuda_graph(run)
        except RuntimeError:  # a call that synchronises cannot be captured
            point.device.synchronize()
    return "events", _cuda_events(run)


def _wall_clock(run: Callable[[], object], finish: Callable[[], object]) -> Sample:
    def sample(calls: int) -> float:
        began = time.perf_counter()
        for _ in range(calls):
            run()
        finish()
        return time.perf_counter() - began

    return sample


def _cuda_events(run: Callable[[], object]) -> Sample:
    import torch

    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def sample(calls: int) -> float:
        start.record()
        for _ in range(calls):
            run()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) * 1e-3

    return sample


def _cuda_graph(run: Callable[[], object]) -> Sample:
    import torch

    side = torch.cuda.Stream()  # capture needs a warm-up on a stream that is not the default one
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(CAPTURED):
            run()
    replay = _cuda_events(graph.replay)

    def sample(calls: int) -> float:
        replays = -(-calls // CAPTURED)
        return replay(replays) * calls / (replays * CAPTURED)

    return sample
