"""The layout that is used when none is stated: the first that fits, in a stated order.

Order: pipeline stages outermost, then tensor parallelism up to the scale-up domain, then recomputation (none,
selective, full), then ZeRO 0 → 3. Then the largest power of two as micro-batch that still fits and leaves, with
a pipeline, at least four micro-batches per stage: a pipeline with fewer idles more than large batches gain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from costmodel.job import Job, Layout
from costmodel.units import Number

POWERS = tuple(float(2**n) for n in range(15))
Fits = Callable[[Job], Any]


def choose(job: Job, fits: Fits, training: bool) -> Layout:
    """The first layout for which `fits` (a bool or an array of bools) holds; stated fields are kept.

    Works on arrays of jobs: each element gets its own first fit. What never fits gets the last candidate.
    """
    candidates = list(_candidates(job, training))
    chosen = _first(job, candidates, fits)
    if job.parallelism.micro_batch is not None or not training:
        return chosen
    for micro_batch in POWERS[1:]:
        larger = replace(chosen, micro_batch=micro_batch)
        good = _both(fits(replace(job, parallelism=larger)), _enough_micro_batches(job, larger))
        chosen = _merge(good, larger, chosen)
        if not _any(good):
            break
    return chosen


def _candidates(job: Job, training: bool) -> Iterator[Layout]:
    said = job.parallelism

    def options(value: Number, choices: tuple[float, ...]) -> tuple[Number, ...]:
        return (value,) if value is not None else choices

    recomputes = options(said.recompute, (0.0, 1.0, 2.0) if training else (0.0,))
    zeros = options(said.zero, (0.0, 1.0, 2.0, 3.0) if training else (0.0,))
    micro_batch = 1.0 if said.micro_batch is None else said.micro_batch
    vp = 1.0 if said.vp is None else said.vp
    for pp, tp, recompute, zero in product(options(said.pp, POWERS), options(said.tp, POWERS), recomputes, zeros):
        yield Layout(tp, pp, vp, zero, micro_batch, recompute)


def _possible(job: Job, layout: Layout) -> Any:
    """Whether a layout makes sense at all: it divides devices and heads, stays in the domain, has layers to share."""
    said, devices = job.parallelism, job.devices
    good = _both(devices % (layout.tp * layout.pp) == 0, layout.pp <= job.model.layers)
    if said.tp is None:
        inside = _both(layout.tp <= job.hardware.scale_up_domain, job.model.heads % layout.tp == 0)
        good = _both(good, inside)
    if job.workload.global_batch is not None:
        replicas = devices / (layout.tp * layout.pp)
        good = _both(good, replicas * layout.micro_batch <= job.workload.global_batch)
    return good


def _enough_micro_batches(job: Job, layout: Layout) -> Any:
    times = job.workload.global_batch * layout.tp * layout.pp / (job.devices * layout.micro_batch)
    return _both(times >= 1, _either(layout.pp == 1, times >= 4 * layout.pp))


def _first(job: Job, candidates: list[Layout], fits: Fits) -> Layout:
    chosen, found = candidates[0], False
    for layout in candidates:
        possible = _possible(job, layout)
        if not _any(possible):
            continue
        good = _both(possible, fits(replace(job, parallelism=layout)))
        chosen = _merge(_both(_not(found), _either(good, possible)), layout, chosen)
        found = _either(found, good)
        if _all(found):
            break
    return chosen


def _merge(condition: Any, new: Layout, old: Layout) -> Layout:
    if condition is True or condition is False:
        return new if condition else old
    import numpy

    pairs = ((getattr(new, name), getattr(old, name)) for name in Layout.__slots__)
    return Layout(*(a if a is b else numpy.where(condition, a, b) for a, b in pairs))


def _any(condition: Any) -> bool:
    return condition if isinstance(condition, bool) else bool(condition.any())


def _all(condition: Any) -> bool:
    return condition if isinstance(condition, bool) else bool(condition.all())


def _not(condition: Any) -> Any:
    return not condition if isinstance(condition, bool) else ~condition


def _both(a: Any, b: Any) -> Any:
    return (a and b) if isinstance(a, bool) and isinstance(b, bool) else a & b


def _either(a: Any, b: Any) -> Any:
    return (a or b) if isinstance(a, bool) and isinstance(b, bool) else a | b
