"""How long a call takes: warm-up, repeats until the median is known well enough, median and spread."""

from __future__ import annotations

import time
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .device import Point

WINDOW_S = 1e-3  # calls shorter than this are repeated within one sample: the clock's own cost vanishes
REPEATS = 7  # fewest samples, unless the time limit allows only SLOW_REPEATS
SLOW_REPEATS = 3
NOISY = 0.25  # interquartile range over median beyond which something else used the machine
WAITING = 0.02  # share of a sample that threads may have waited for a core
CAPTURED = 16  # calls in one CUDA graph
METER_S = 0.25  # shortest window over which an energy counter is trusted

KERNELS = {"matmul", "grouped_matmul", "attention_prefill", "attention_decode", "convolution", "memory_bound"}

Sample = Callable[[int], float]  # seconds that so many calls take


@dataclass(frozen=True)
class Timing:
    """Median and interquartile range over the repeats [s]; mean power [W] where a counter was read.

    `disturbed`: so many samples had to wait for a core that no more than a few were left without them.
    """

    time_s: float
    spread_s: float
    repeats: int
    watts: float | None
    disturbed: bool

    @property
    def noisy(self) -> bool:
        """Whether something else must have run."""
        return self.disturbed or self.spread_s > NOISY * self.time_s


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
    waited: Callable[[], float] = lambda: 0.0,
) -> Timing:
    """Time a call by samples of equally many calls.

    Stops once the interquartile range over the root of the number of samples (about the standard error of the
    median) is below `target` of the median, or after `limit_s`; never before `at_least_s`. `meter` reads joules;
    samples during which `waited`, the seconds that threads waited for a core, went up are left out.
    """
    calls = _batch(sample)
    clean, every = list[float](), list[float]()  # sorted
    joules, began = meter(), time.perf_counter()
    while True:
        before = waited()
        seconds = sample(calls)
        insort(every, seconds / calls)
        if waited() - before <= WAITING * seconds:
            insort(clean, seconds / calls)
        elapsed = time.perf_counter() - began
        if elapsed < at_least_s or len(every) < SLOW_REPEATS:
            continue
        known = len(clean) >= REPEATS and _spread(clean) <= target * quantile(clean, 0.5) * len(clean) ** 0.5
        if known or elapsed >= limit_s:
            break
    spent = meter()
    watts = (spent - joules) / elapsed if spent is not None and joules is not None and elapsed >= METER_S else None
    disturbed = len(clean) < SLOW_REPEATS
    times = every if disturbed else clean
    return Timing(quantile(times, 0.5), _spread(times), len(times), watts, disturbed)


def _batch(sample: Sample) -> int:
    """After warm-up, how many calls fill one sample."""
    sample(1)  # code paths, page faults, compilation
    calls = max(1, min(10_000, round(WINDOW_S / max(sample(1), 1e-9))))
    if calls > 1:
        sample(calls)  # warm caches; now the estimate of one call is a warm one too
        calls = max(1, min(10_000, round(WINDOW_S * calls / max(sample(calls), 1e-9))))
    return calls


def _spread(ordered: Sequence[float]) -> float:
    return quantile(ordered, 0.75) - quantile(ordered, 0.25)


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
