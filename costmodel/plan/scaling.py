"""More devices for the same training: what each doubling still brings, and where it stops paying."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from costmodel.api import Estimate, estimate
from costmodel.fields import MOST_DEVICES
from costmodel.formula import formula
from costmodel.loading import Override, as_said, load
from costmodel.plan.answer import Answer, Column, option, possible, training
from costmodel.plan.money import DoesNotFit, PlanError
from costmodel.scenario import Scenario
from costmodel.units import Count, Fraction, Seconds

DOUBLINGS, SWEPT = 10, 5


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
    training(base, "scaling", f", or {_swept(base)}")
    limit = option(least, "--least", "0.5")
    if limit > 1:
        raise PlanError(f"--least: a doubling gains 1 at most, not {limit:g}; write for example 0.5")
    batch = int(estimate(base).outcome.job.workload.global_batch)
    found = _doublings(base, batch)
    if not found:
        raise DoesNotFit(
            f"no layout fits {base.devices:,} devices or more; change the model, or leave the layout to the rule"
        )
    devices = [answer.resolved.scenario.devices for answer in found]
    times, costs = ([answer.totals[name] for answer in found] for name in ("time_s", "cost_usd"))
    gains = [None, *(gain_of_doubling(*pair) for pair in pairwise(times))]
    worth = next((i for i, gain in enumerate(gains[1:]) if gain < limit), len(found) - 1)
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
            "next_gain": gains[worth + 1] if worth + 1 < len(found) else None,
            "cheapest_devices": devices[cheapest],
            "cheapest_cost": costs[cheapest],
            "batch": batch,
        },
        (
            f"The global batch stays {batch:,} sequences, which bounds the replicas; the cost includes staff, who are "
            "paid by time.",
        ),
    )


def _swept(base: Scenario) -> str:
    """The command that answers work of any kind on the scenario's devices and on more."""
    from costmodel.report.command import command_line

    more = f"devices={base.devices}:{min(base.devices * 2**SWEPT, MOST_DEVICES)}:x2"
    said = {name: value for name, value in as_said(base).items() if name != "ranges"}
    return command_line(said, "sweep", "--over", more)


def _doublings(base: Scenario, batch: int) -> list[Estimate]:
    """The estimates on ever more devices, from the first that fits to the first that is no faster, or fits no more."""
    found: list[Estimate] = []
    for n in range(DOUBLINGS + 1):
        if (devices := base.devices * 2**n) > MOST_DEVICES:
            break
        answer = possible(base, [("devices", devices), ("workload.global_batch", batch)])
        if answer:
            found.append(answer)
        elif found:
            break
        if len(found) > 1 and found[-1].totals["time_s"] >= found[-2].totals["time_s"]:
            break
    return found
