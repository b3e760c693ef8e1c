"""A trace that torch.profiler exported: how long a step took, and which kernels took it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any

from costmodel.calibration.runs.run import Beside, Run, RunError, beside, with_batch

MICROSECOND = 1e-6
STEP = re.compile(r"ProfilerStep#(\d+)")
# Kinds in the order in which they claim a moment: communication counts where nothing computes beside it.
KINDS = {
    "communication": re.compile(r"nccl|rccl|nvshmem|deep_?ep"),
    "attention": re.compile(r"flash|fmha|sdpa|attention|attn"),
    "matmul": re.compile(r"gemm|cutlass|nvjet|xmma|cublas|wgmma|cijk|matmul|\bmm"),
}
CLAIMS = ("matmul", "attention", "other kernels", "communication")
COMPUTING = CLAIMS[:3]

Span = tuple[float, float]


def run(file: str, trace: Any, scenario: Beside | None) -> Run:
    """The run of a trace of one process. Raises RunError for other JSON, and without steps or kernels."""
    events = trace.get("traceEvents") if isinstance(trace, dict) else trace
    if not isinstance(events, list):
        raise RunError(f"{file}: JSON without traceEvents; give a trace that torch.profiler exported")
    complete = list(_complete(events))
    steps = {int(m[1]): span for cat, name, span in complete if "gpu" not in cat and (m := STEP.fullmatch(name))}
    if not steps:
        raise RunError(f"{file}: a trace without ProfilerStep#N; profile with a schedule and call prof.step()")
    later = [span for _, span in sorted(steps.items())][min(1, len(steps) - 1) :]  # the first one starts the profiler
    start, end = later[0][0], later[-1][1]
    spans: dict[str, list[Span]] = {kind: [] for kind in CLAIMS}
    for cat, name, (a, b) in complete:
        if cat == "kernel" and a < end and b > start:
            spans[kind(name)].append((max(a, start), min(b, end)))
    if not any(spans.values()):
        raise RunError(f"{file}: a trace without device kernels; profile with ProfilerActivity.CUDA")
    shares = _shares(spans, end - start)
    said, work = beside(scenario, file)
    time = MICROSECOND * median(b - a for a, b in later)
    measured = {"step_time_s": time, "compute_time_s": time * sum(shares[kind] for kind in COMPUTING)}
    return Run(file, with_batch(said, work, None, file), measured, shares=shares)


def kind(kernel: str) -> str:
    """The kind of a kernel by its name."""
    name = kernel.lower()
    return next((kind for kind, pattern in KINDS.items() if pattern.search(name)), "other kernels")


def _complete(events: Iterable[Any]) -> Iterator[tuple[str, str, Span]]:
    """Category (lower case), name and span [µs] of the events that have a duration."""
    for event in events:
        if isinstance(event, dict):
            start, length = (_number(event.get(name)) for name in ("ts", "dur"))
            if start is not None and length:
                yield str(event.get("cat", "")).lower(), str(event.get("name", "")), (start, start + length)


def _number(value: Any) -> float | None:
    """A time of at least 0, None for anything else."""
    return value if isinstance(value, int | float) and math.isfinite(value) and value >= 0 else None


def _shares(spans: dict[str, list[Span]], window: float) -> dict[str, float]:
    """The share of the window that each kind takes where those before it do not run; idle is what is left."""
    found, so_far, covered = {}, [], 0.0
    for kind in CLAIMS:
        so_far += spans[kind]
        found[kind], covered = (_length(so_far) - covered) / window, _length(so_far)
    return found | {"idle": 1 - covered / window}


def _length(spans: list[Span]) -> float:
    """Length of the union."""
    length, reach = 0.0, -math.inf
    for start, end in sorted(spans):
        length += max(0.0, end - max(start, reach))
        reach = max(reach, end)
    return length
