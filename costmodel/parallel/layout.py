"""The layout that is used when none is stated: the first that fits, in a stated order; and which layouts can exist.

Order: pipeline stages outermost, then tensor parallelism up to the scale-up domain, then recomputation (none,
selective, full), then ZeRO 0 → 3. Then the largest power of two as micro-batch that still fits and leaves, with
a pipeline, at least four micro-batches per stage: a pipeline with fewer idles more than large batches gain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain, product
from typing import Any

from costmodel import ops
from costmodel.architectures.kinds import Architecture, architecture_of
from costmodel.job import Job, Layout
from costmodel.units import Number

POWERS = tuple(float(2**n) for n in range(15))
Fits = Callable[[Job], Any]


def degrees(job: Job) -> list[float]:
    """Tensor-parallel degrees that stay on one fast interconnect, whatever one that is less than a device means."""
    return [tp for tp in POWERS if tp <= max(1, min(job.devices, job.hardware.scale_up_domain))]


def rules(job: Job, said: Job) -> Iterator[tuple[Any, str, str]]:
    """What a layout must fulfil: whether it does, the rule, and what is wrong where it does not ("path: words")."""
    layout, model, batch = job.parallelism, job.model, job.workload.global_batch
    made = architecture_of(model)
    whole = _all_of(layout.tp % 1 == 0, layout.pp % 1 == 0, layout.dp % 1 == 0)
    exact = _both(whole, layout.tp * layout.pp * layout.dp == job.devices)
    yield (
        exact,
        "tp · pp · dp must equal devices",
        "devices: {devices:g} cannot be shared out over whole tp · pp · dp; change devices, tp, pp or dp",
    )
    yield from _sharing(job, made)
    if "kv_heads" in made.fields:
        yield (
            model.heads % model.kv_heads == 0,
            "kv_heads must divide heads",
            "model.kv_heads: {kv_heads:g} does not divide heads = {heads:g}; write a divisor",
        )
    yield (
        _either(layout.vp == 1, layout.pp > 1),
        "vp above 1 needs pp above 1",
        "parallelism.vp: {vp:g} needs more than one stage, but pp = 1; write vp: 1 or a larger pp",
    )
    if batch is not None:
        yield (
            layout.dp * layout.micro_batch <= batch,
            "dp · micro_batch must be at most global_batch",
            "workload.global_batch: {global_batch:g} is less than dp · micro_batch = {dp:g} · {micro_batch:g}; "
            "write a larger global_batch, or fewer devices",
        )
    if said.workload.global_batch is not None:
        step = _stated(said.parallelism.dp) * _stated(said.parallelism.micro_batch)
        yield (
            batch % step == 0,
            "global_batch must be a multiple of dp · micro_batch",
            "workload.global_batch: {global_batch:g} is no multiple of dp · micro_batch",
        )


def _sharing(job: Job, made: Architecture) -> Iterator[tuple[Any, str, str]]:
    """What can be shared out of a model of this architecture: heads and layers, tables, or nothing."""
    layout, model = job.parallelism, job.model
    if made.split == "heads":
        yield (
            model.heads % layout.tp == 0,
            "tp must divide the model's heads",
            "parallelism.tp: {tp:g} does not divide the model's {heads:g} heads; write a divisor",
        )
        yield (
            layout.pp * layout.vp <= model.layers + 2,  # embedding and head may each be a stage of their own
            "pp · vp must be at most the model's layers + 2",
            "parallelism.pp: pp · vp = {pp:g} · {vp:g} is more than the model's {layers:g} layers, embedding and head; "
            "write less",
        )
        return
    single = {"pp": layout.pp} if made.split == "tables" else {"tp": layout.tp, "pp": layout.pp}
    for name, degree in single.items():
        rule = f"{name} must be 1 for a {made.name}"
        yield degree == 1, rule, f"parallelism.{name}: {{{name}:g}} cannot share out a {made.name}; write {name}: 1"
    if made.split == "tables" and job.workload.global_batch is not None:
        for name, degree, only, why in (
            ("dp", layout.dp, 1, "copies of the tables would drift apart"),
            ("zero", layout.zero, 0, "shards what is copied, and tables are not"),
        ):
            rule = f"{name} must be {only} where tables are trained"
            yield degree == only, rule, f"parallelism.{name}: {{{name}:g}} {why}; write {name}: {only}"


def possible(job: Job, said: Job) -> Any:
    """Whether the layout of `job` can exist (a bool, or an array of bools); `said` is the job as it was stated."""
    return _all_of(*(holds for holds, _, _ in rules(job, said)))


def obstacle(job: Job, said: Job) -> tuple[str, str] | None:
    """Why the layout of a job in plain numbers cannot exist, as path and words; None if it can."""
    for holds, _, words in rules(job, said):
        if not holds:
            parts = (job.model, job.workload, job.parallelism)
            values = {name: getattr(part, name) for part in parts for name in part.__slots__}
            path, _, message = words.format(devices=job.devices, **values).partition(": ")
            return path, message
    return None


def choose(job: Job, said: Job, fits: Fits, training: bool) -> Layout:
    """The first layout for which `fits` (a bool or an array of bools) holds; what `said` states is kept.

    Works on arrays of jobs: each element gets its own first fit. What never fits gets the last candidate that is
    possible, or an impossible one where there is none. A global batch that is unsaid keeps its usual size, with fewer
    replicas than devices where need be; only where no such layout fits may it grow to a micro-batch for each device.
    """
    chosen = _choose(job, said, fits, training)
    if not training or said.workload.global_batch is not None:
        return chosen
    most, batch = job.devices * _stated(said.parallelism.micro_batch), job.workload.global_batch
    settled, crowded = replace(job, parallelism=chosen), most > batch
    if not _any(crowded):
        return chosen
    good = _either(_not(crowded), _both(possible(settled, said), fits(settled)))
    if _all(good):
        return chosen
    roomy = replace(job, workload=replace(job.workload, global_batch=ops.maximum(most, batch)))
    return _merge(good, chosen, _choose(roomy, said, fits, training))


def _choose(job: Job, said: Job, fits: Fits, training: bool) -> Layout:
    chosen = _first(job, said, fits, training)
    if said.parallelism.micro_batch is not None or not training:
        return chosen
    for micro_batch in POWERS[1:]:
        larger = replace(chosen, micro_batch=micro_batch)
        good = _both(fits(replace(job, parallelism=larger)), _enough_micro_batches(job, larger))
        chosen = _merge(good, larger, chosen)
        if not _any(good):
            break
    return chosen


def _candidates(job: Job, training: bool) -> Iterator[list[Layout]]:
    """Layouts in order, those that share the model out alike together; what is unsaid follows where it can."""
    said, devices = job.parallelism, job.devices
    recomputes = _options(said.recompute, (0.0, 1.0, 2.0) if training else (0.0,))
    zeros = _options(said.zero, (0.0, 1.0, 2.0, 3.0) if training and not _tables(job) else (0.0,))
    micro_batch = 1.0 if said.micro_batch is None else said.micro_batch
    vp = 1.0 if said.vp is None else said.vp
    pairs: Iterable[tuple[Number, Number]] = [(said.pp, said.tp)]
    if said.tp is None and training and _tables(job):
        pp = 1.0 if said.pp is None else said.pp
        pairs = [(pp, devices / pp if said.dp is None else devices / (pp * said.dp))]
    elif said.dp is None:
        pairs = product(_options(said.pp, POWERS), _options(said.tp, POWERS))
    elif said.pp is None:  # few stages first: many tensor-parallel shards first
        pairs = [(devices / (said.dp * tp), tp) for tp in _options(said.tp, POWERS[::-1])]
    elif said.tp is None:
        pairs = [(said.pp, devices / (said.dp * said.pp))]
    for number, (pp, tp) in enumerate(pairs):
        dp = devices / (tp * pp) if said.dp is None else said.dp
        if number and not _any(dp >= 1):
            continue  # more shards than devices, whatever is recomputed
        yield [
            Layout(tp, pp, dp, vp, zero, micro_batch, recompute, said.sequence_parallel)
            for recompute, zero in product(recomputes, zeros)
        ]


def _tables(job: Job) -> bool:
    """Whether tables are shared out, in training over all devices: copies of them would drift apart."""
    return architecture_of(job.model).split == "tables"


def _options(value: Number, choices: tuple[float, ...]) -> tuple[Number, ...]:
    return (value,) if value is not None else choices


def _enough_micro_batches(job: Job, layout: Layout) -> Any:
    times = job.workload.global_batch / (layout.dp * layout.micro_batch)
    return _both(times >= 1, _either(layout.pp == 1, times >= 4 * layout.pp))


def _first(job: Job, said: Job, fits: Fits, training: bool) -> Layout:
    candidates = _candidates(job, training)
    start = next(candidates)
    chosen, last, found = start[0], start[0], False
    for alike in chain([start], candidates):
        good = possible(replace(job, parallelism=alike[0]), said)
        if said.parallelism.tp is None and not (training and _tables(job)):
            good = _both(good, alike[0].tp <= job.hardware.scale_up_domain)
        if not _any(good):
            continue
        last = _merge(good, alike[-1], last)
        for layout in alike:
            new = _all_of(good, _not(found), fits(replace(job, parallelism=layout)))
            if _any(new):
                chosen, found = _merge(new, layout, chosen), _either(found, new)
                if _all(found):
                    return chosen
    return _merge(found, chosen, last)


def _merge(condition: Any, new: Layout, old: Layout) -> Layout:
    if condition is True or condition is False:
        return new if condition else old
    import numpy

    pairs = ((getattr(new, name), getattr(old, name)) for name in Layout.__slots__)
    return Layout(*(a if a is b else numpy.where(condition, a, b) for a, b in pairs))


def _stated(value: Number) -> Number:
    return 1.0 if value is None else value


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


def _all_of(*conditions: Any) -> Any:
    result: Any = True
    for condition in conditions:
        result = _both(result, condition)
    return result
