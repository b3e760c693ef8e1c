"""The operators of a scenario on the roofline of its device: where each stands by its law, and what bounds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from costmodel import engine, ops
from costmodel.book import USER
from costmodel.device import Device, device
from costmodel.fields import TRAINING
from costmodel.job import Job, numbers
from costmodel.operators import roofline as f
from costmodel.operators.timing import operator_time
from costmodel.parallel.pipeline import repeated
from costmodel.program import Operator, Program
from costmodel.resolve import Resolved, resolve
from costmodel.scenario import Scenario
from costmodel.workloads import serve, train_program


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A bound of the device: a peak in some number formats [FLOP/s], or a bandwidth [B/s]."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Point:
    """One operator, forward, on one device.

    `run` is training, prefill or decode, `times` how often the operator stands in the model. `flops`, `traffic` [B] and
    `time` [s] are of one of them; `rate` [FLOP/s] and `bandwidth` [B/s] what it attains, `intensity` in FLOP/B, `share`
    that of the roofline. `number_format` is that of its products, empty where there are none.
    """

    run: str
    operator: str
    kind: str
    number_format: str
    times: float
    flops: float
    traffic: float
    intensity: float
    time: float
    rate: float
    bandwidth: float
    share: float
    bound: str


@dataclass(frozen=True, slots=True)
class Roofline:
    """Ceilings of a device and the operators of a model under them.

    `measured`: the ceilings were, instead of stated in a data sheet. By run, `total` is the time of all operators [s]
    and `share` how much of it the roofline would take. `fits`: the device has memory for the job.
    """

    model: str
    hardware: str
    measured: bool
    source: str
    peaks: tuple[Ceiling, ...]
    bandwidths: tuple[Ceiling, ...]
    points: tuple[Point, ...]
    total: dict[str, float]
    share: dict[str, float]
    fits: bool
    warnings: tuple[str, ...]


def roofline(scenario: Scenario) -> Roofline:
    """Where the operators of a scenario stand under the roofline of its device.

    Raises ScenarioError and CatalogError as an estimate does.
    """
    resolved = resolve(scenario)
    on = device(scenario.hardware, USER)
    job = engine.settle(numbers(resolved.assumptions), resolved.kind)
    points, total, share = [], {}, {}
    for run, program in _programs(job, resolved.kind).items():
        placed = list(_placed(run, program, job, resolved, on))
        points += [point for point, _ in placed]
        total[run] = ops.total({p.operator: repeated(p.times, p.time) for p, _ in placed})
        least = ops.total({p.operator: repeated(p.times, time) for p, time in placed})
        share[run] = f.roofline_share(least, total[run])
    return Roofline(
        resolved.model,
        resolved.hardware,
        on.status == "fitted",
        on.source,
        _peaks(on),
        _bandwidths(job, on),
        tuple(points),
        total,
        share,
        bool(engine.outcome(job, resolved.kind).feasible),
        resolved.warnings,
    )


def _programs(job: Job, kind: str) -> dict[str, Program]:
    if kind in TRAINING:
        return {"training": train_program.sharded(train_program.fill(job))}
    loaded, _, _ = serve.running(job, finite=kind == "infer")
    if not serve.generates(job):
        return {"pass": loaded.program}
    return {"prefill": serve.prefill_program(job, 1.0), "decode": loaded.program}


def _placed(run: str, program: Program, job: Job, resolved: Resolved, on: Device) -> Iterator[tuple[Point, float]]:
    """Each operator of a program with the time that its roofline allows."""
    layers, ends = [(o, program.layers) for o in program.layer], [(o, 1.0) for o in program.ends]
    for operator, times in layers + ends:
        if not operator.calls:  # of a model that has none of it
            continue
        peak = job.hardware.peak_16bit if operator.high_precision else job.hardware.peak
        bandwidth = job.hardware.memory_bandwidth
        time = operator_time(operator, job.hardware, job.profile)
        least = f.roofline_time(operator.flops, operator.traffic, peak, bandwidth)
        intensity = f.arithmetic_intensity(operator.flops, operator.traffic)
        point = Point(
            run=run,
            operator=operator.name,
            kind=operator.kind,
            number_format=_format(operator, resolved, on),
            times=times,
            flops=operator.flops,
            traffic=operator.traffic,
            intensity=intensity,
            time=time,
            rate=f.attained_rate(operator.flops, time),
            bandwidth=f.attained_bandwidth(operator.traffic, time),
            share=f.roofline_share(least, time),
            bound="compute" if intensity >= f.ridge_intensity(peak, bandwidth) else "memory",
        )
        yield point, least


def _format(operator: Operator, resolved: Resolved, on: Device) -> str:
    if not operator.flops:
        return ""
    return on.wide_format(resolved.compute) if operator.high_precision else resolved.compute


def _peaks(on: Device) -> tuple[Ceiling, ...]:
    """The device's peaks, highest first, formats of equal peak together."""
    together: dict[float, list[str]] = {}
    for name, peak in on.peaks.items():
        together.setdefault(peak, []).append(name)
    return tuple(Ceiling(", ".join(names), peak) for peak, names in sorted(together.items(), reverse=True))


def _bandwidths(job: Job, on: Device) -> tuple[Ceiling, ...]:
    """The bandwidth of memory, and of the last cache where that was measured."""
    memory = job.hardware.memory_bandwidth
    speedup = on.figures.get("cache_speedup")
    hot = [Ceiling("cache", f.cache_bandwidth(memory, speedup))] if speedup else []
    return (*hot, Ceiling("memory", memory))
