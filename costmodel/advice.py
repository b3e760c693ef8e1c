"""What to know beside an answer: warnings, and what would narrow its ranges, each with what to write."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from costmodel import engine, profile
from costmodel.catalog import prices
from costmodel.fields import MOST_DEVICES, TRAINING
from costmodel.job import numbers
from costmodel.outcome import Outcome, suffices
from costmodel.parallel.layout import degrees
from costmodel.resolve import Resolved
from costmodel.scenario import Scenario
from costmodel.stated import to_type
from costmodel.units import HOUR, shortened
from costmodel.workloads.formulas.serving import devices_for_rate
from costmodel.workloads.formulas.step import tokens_per_step
from costmodel.workloads.train_program import items, usual_batch

# Assumptions that a scenario states under another name.
SAID_AS = {
    "costs.rate": "costs.staff",
    "costs.team": "costs.staff",
    "profile.framework.host_time_per_step": "engine.host_time",
}
OF_BOUGHT = ("hardware_price", "hardware_life", "hosting", "utilisation")  # fields of costs
CHEAPER = ("spot", "reserved-1y", "reserved-3y")  # than on demand
SEARCHED = 1024  # numbers of devices tried
CLEARLY = 1.5  # times the throughput at which another layout is worth a word


def warnings(resolved: Resolved, result: Outcome) -> tuple[str, ...]:
    """The warnings of an estimate, those of its resolution first."""
    training = resolved.kind in TRAINING
    return (
        *resolved.warnings,
        *(() if resolved.assumptions["costs.own"].value else idle(resolved.scenario)),
        *dear(resolved),
        *(_training if training else _serving)(resolved, result),
    )


def idle(scenario: Scenario, axes: Collection[str] = ()) -> Iterator[str]:
    """What a scenario states, or a sweep of it varies, and its answer does not hang on."""
    costs = scenario.costs
    if costs.pricing == "own" or "costs.pricing" in axes:
        return
    if said := [name for name in OF_BOUGHT if getattr(costs, name) is not None or f"costs.{name}" in axes]:
        yield f"costs.{' and costs.'.join(said)}: of bought hardware, without effect on rented; set costs.pricing=own"


def dear(resolved: Resolved) -> Iterator[str]:
    """Where a rent that should be cheaper than that on demand is not: it is another provider's, or an older one."""
    asked, price = resolved.scenario.costs.pricing, resolved.assumptions["costs.price"]
    if asked not in CHEAPER or price.status != "catalog":
        return
    known, usual = prices.rental(resolved.hardware, asked), prices.rental(resolved.hardware)
    if known is not None and usual is not None and known.value > usual.value:
        beside = prices.on_demand_beside(resolved.hardware, known)
        then = f" (there {beside.value * HOUR:.3g} USD/h on demand, {beside.date})" if beside else ""
        yours = to_type(resolved.scenario, "costs.price", price)
        yield (
            f"costs.pricing: the {asked} price known, {_offer(known)}, is above the usual one on demand, "
            f"{_offer(usual)}, of another provider or time{then}; state an offer of yours, such as {yours}"
        )


def _offer(price: prices.Price) -> str:
    """A rent, and whose and when."""
    return f"{price.value * HOUR:.3g} USD/h ({price.provider}, {price.date})"


def narrowing(resolved: Resolved, drivers: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """What a user can do about the assumptions that move a total most, with the share of its spread that each has."""
    found: dict[str, float] = {}
    for path, share in drivers:
        if words := _remedy(resolved, path):
            found[words] = found.get(words, 0.0) + share
    return sorted(found.items(), key=lambda item: -item[1])


def _remedy(resolved: Resolved, path: str) -> str | None:
    """How to know an assumption better; None for one that a scenario cannot state."""
    stated = SAID_AS.get(path, path)
    section, _, name = stated.partition(".")
    if section == "profile":
        if resolved.assumptions[path].source == profile.MEASURED:
            return None
        if resolved.kind in TRAINING:
            said = resolved.scenario.profile
            fitted = said is not None and profile.load(said).get("runs")
            fit = "add runs of other sizes and layouts to the fit" if fitted else "fit the laws to your own steps"
            return f"{fit} (costmodel calibrate --from-runs RUNS.csv)"
        return "measure the device (docs/calibration.md)"
    said = getattr(resolved.scenario, section)
    if name not in getattr(type(said), "model_fields", {}):
        return None
    return to_type(resolved.scenario, stated, resolved.assumptions[path])


def _training(resolved: Resolved, result: Outcome) -> Iterator[str]:
    work, layout = result.job.workload, result.job.parallelism
    said = resolved.assumptions["workload.global_batch"].value
    amount, each = items(result.job)
    unit = "tokens" if work.samples is None else "samples"
    batch, usual = tokens_per_step(work.global_batch, each), usual_batch(result.job, work.sequence, work.tokens)
    if said is None and layout.dp * layout.micro_batch > usual:
        yield (
            f"the global batch grew to {shortened(batch)} {unit}, not about {shortened(tokens_per_step(usual, each))}, "
            f"since each of {layout.dp:,.0f} replicas needs a micro-batch; set workload.global_batch, "
            "or use fewer devices"
        )
    if batch > amount:
        yield (
            f"one step takes {shortened(batch)} {unit}, and the whole run has {shortened(amount)}; "
            "set workload.global_batch"
        )
    if resolved.kind == "train" and work.samples is None:
        from costmodel.quality.evidence import NoEvidence
        from costmodel.quality.steps import batch_over_best

        try:
            batch_over_best(work.tokens, batch)
        except NoEvidence as error:
            yield f"a global batch of {shortened(batch)} tokens: {error}; set workload.global_batch"
        if work.tokens < result.performance["parameters"]:
            yield "fewer tokens than parameters: a smaller model would learn as much"


def _serving(resolved: Resolved, result: Outcome) -> Iterator[str]:
    if result.feasible and resolved.scenario.parallelism.tp is None:
        answered = result.performance["requests_per_s"]
        tp, best = best_degree(resolved)
        if best >= CLEARLY * answered:
            yield (
                f"the first layout that fits has tp {result.job.parallelism.tp:g}; another answers "
                f"{best / answered:.2g} times as many requests on these devices: --set parallelism.tp={tp:g}"
            )


def enough_devices(resolved: Resolved, result: Outcome) -> int | None:
    """The smallest number of devices that answers all requests, each in its first layout that fits; None if unknown.

    So many replicas like the present ones are enough; of the SEARCHED numbers up to there, another layout may do.
    """
    job, layout = numbers(resolved.assumptions), result.job.parallelism
    rate, answered = job.traffic.request_rate, result.performance["requests_per_s"]
    most = int(devices_for_rate(rate, answered, job.devices, layout.tp, layout.pp))
    devices = np.arange(max(job.devices, most - SEARCHED), min(most, MOST_DEVICES)) + 1.0
    if not devices.size:
        return None
    found = engine.complete(replace(job, devices=devices), resolved.kind)
    good = devices[suffices(found, resolved.kind)]
    return int(good[0]) if good.size else None


def best_degree(resolved: Resolved) -> tuple[float, float]:
    """The tensor-parallel degree of a server that answers most requests, and how many per second; 0 if none fits."""
    job = numbers(resolved.assumptions)
    tp = np.array(degrees(job))
    result = engine.complete(replace(job, parallelism=replace(job.parallelism, tp=tp)), resolved.kind)
    answered = np.where(result.feasible, result.performance["requests_per_s"], 0.0)
    best = int(answered.argmax())
    return float(tp[best]), float(answered[best])
