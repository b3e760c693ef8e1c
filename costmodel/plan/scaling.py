"""More devices for the same training: what each doubling still brings, and where it stops paying."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from costmodel.api import estimate
from costmodel.architectures.kinds import architecture_of
from costmodel.formula import formula
from costmodel.loading import Override, load
from costmodel.plan.answer import Answer, Column, option, training
from costmodel.plan.money import PlanError
from costmodel.sweeping import sweep
from costmodel.units import Count, Fraction, Seconds

DOUBLINGS = 10


@formula("g", source="amdahl-1967")
def gain_of_doubling(before: Seconds, after: Seconds) -> Fraction:
    """What twice the devices gain: 1 when they halve the time, 0 when they change nothing."""
    return before / after - 1


@formula(r"\eta", source="amdahl-1967")
def scaling_efficiency(first: Seconds, first_devices: Count, time: Seconds, devices: Count) -> Fraction:
    """Speed-up over the first point, per device."""
    return first * first_devices / (time * devices)


def scale(scenario: Any, least: str | float = 0.5, overrides: Sequence[Override] = ()) -> Answer:
    """Training on the scenario's devices and on 2, 4, 8, … times as many, at one global batch (strong scaling).

    Adding stops paying at the first doubling that gains less than `least` (see gain_of_doubling).
    Raises PlanError, ScenarioError.
    """
    base = load(scenario, [*overrides, ("ranges", False)])
    training(base, "scaling")
    limit = option(least, "--least", "0.5")
    if limit > 1:
        raise PlanError(f"--least: a doubling gains 1 at most, not {limit:g}; write for example 0.5")
    job = estimate(base).outcome.job
    batch, whole = int(job.workload.global_batch), architecture_of(job.model).split == "nothing"
    most = max(batch, base.devices) if whole else None  # a model on every device: none without a sample
    asked = [n for n in (base.devices * 2**n for n in range(DOUBLINGS + 1)) if most is None or n <= most]
    found = sweep(base, {"devices": asked}, overrides=[("workload.global_batch", batch)])
    places = [i for i, fits in enumerate(found["feasible"]) if fits]
    if not places:
        raise PlanError(
            f"no layout fits {asked[0]:,} to {asked[-1]:,} devices; write more devices, or leave the layout to the rule"
        )
    places = [i for i in places if all(found["feasible"][places[0] : i])]  # up to the first gap
    gains = [gain_of_doubling(*pair) for pair in pairwise(found["totals.time_s"][places].tolist())]
    places = places[: next((i for i, gain in enumerate(gains) if gain <= 0), len(gains)) + 1]  # more would be slower
    devices, times, costs = (found[name][places].tolist() for name in ("devices", "totals.time_s", "totals.cost_usd"))
    gains = [None, *gains[: len(places) - 1]]
    worth = next((i for i, gain in enumerate(gains[1:]) if gain < limit), len(places) - 1)
    cheapest = costs.index(min(costs))
    return Answer(
        "scale",
        {
            "devices": Column("1", tuple(devices)),
            "time": Column("s", tuple(times)),
            "cost": Column("USD", tuple(costs)),
            "gain of doubling": Column("fraction", tuple(gains)),
            "efficiency": Column(
                "fraction",
                tuple(scaling_efficiency(times[0], devices[0], t, n) for t, n in zip(times, devices, strict=True)),
            ),
        },
        {
            "least": limit,
            "worth_devices": devices[worth],
            "worth_time": times[worth],
            "worth_cost": costs[worth],
            "next_gain": gains[worth + 1] if worth + 1 < len(places) else None,
            "cheapest_devices": devices[cheapest],
            "cheapest_cost": costs[cheapest],
            "batch": batch,
        },
        (
            f"The global batch stays {batch:,} sequences, which bounds the replicas; the cost includes staff, who are "
            "paid by time.",
        ),
    )
