"""Training on several kinds of device at once, in data parallel: who waits for whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costmodel import ops
from costmodel.formula import formula
from costmodel.loading import Override, load
from costmodel.plan.answer import Answer, Column, option, possible, training
from costmodel.plan.money import DoesNotFit, PlanError
from costmodel.resolve import resolve
from costmodel.source import cut
from costmodel.units import Count, Fraction, PerSecond, Seconds, Usd


@formula("v", source="definition")
def group_speed(devices: Count, time: Seconds) -> PerSecond:
    """Speed of equal devices together, where one device's share of a fleet's work takes so long."""
    return devices / time


@formula("t", source="definition")
def time_by_speed(devices: Count, speed: PerSecond) -> Seconds:
    """Time of a fleet in which every device gets work by its speed: all end together."""
    return devices / speed


@formula("w", source="definition")
def waiting_share(balanced: Seconds, time: Seconds) -> Fraction:
    """Share of the work's time that is lost against the same fleet with its work split by speed."""
    return 1 - balanced / time


@formula("C", source="definition")
def share_of_cost(cost: Usd, devices: Count, fleet: Count, time: Seconds, alone: Seconds) -> Usd:
    """Cost of some devices of a fleet over its time, from that of a fleet of them alone over its own time."""
    return cost * devices / fleet * time / alone


def fleet(scenario: Any, add: str = "a100-sxm-80gb=32", overrides: Sequence[Override] = ()) -> Answer:
    """Time and cost of training on the scenario's devices and those in `add`, such as "a100-sxm-80gb=32,l40s=8".

    Each device's speed is that in a fleet of its own kind, of the same size. Raises PlanError, ScenarioError.
    """
    base = load(scenario, [*overrides, ("ranges", False)])
    training(base, "a mixed fleet")
    resolve(base)  # whatever is wrong with the scenario itself, before layouts are looked for
    if not isinstance(base.hardware, str):
        raise PlanError("a mixed fleet needs devices of the catalog; write hardware: h100-sxm")
    groups = {base.hardware: base.devices} | _groups(add, base.hardware)
    total = sum(groups.values())
    answers = {}
    for name in groups:
        if (answer := possible(base, [("hardware", name), ("devices", total)])) is None:
            raise DoesNotFit(f"the job has no layout on {total:,} × {name}; leave {name} out, or change the numbers")
        answers[name] = answer
    times, costs = ({k: a.totals[name] for k, a in answers.items()} for name in ("time_s", "cost_usd"))
    mixed, alone = " + ".join(f"{n:,} × {name}" for name, n in groups.items()), f"{base.devices:,} × {base.hardware}"
    speeds = {name: group_speed(n, times[name]) for name, n in groups.items()}
    slowest, balanced = max(times.values()), time_by_speed(total, ops.total(speeds))
    table = [(f"{total:,} × {name}", times[name], costs[name], None) for name in groups]
    if (first := possible(base, ())) is not None:
        table.append((alone, first.totals["time_s"], first.totals["cost_usd"], None))
    for how, time in (("equal shares", slowest), ("shares by speed", balanced)):
        parts = {name: share_of_cost(costs[name], n, total, time, times[name]) for name, n in groups.items()}
        table.append((f"mixed, {how}", time, ops.total(parts), waiting_share(balanced, time)))
    labels, time, cost, waiting = zip(*table, strict=True)
    return Answer(
        "fleet",
        {
            "devices": Column("", labels),
            "time": Column("s", time),
            "cost": Column("USD", cost),
            "waiting": Column("fraction", waiting),
        },
        {
            "mixed": mixed,
            "alone": alone,
            "alone_time": first and first.totals["time_s"],
            "equal_time": slowest,
            "split_time": balanced,
            "lost": waiting_share(balanced, slowest),
        },
        (
            "Each kind keeps the layout and the speed that it has in a fleet of its own kind of the same size; work is "
            "split in whole samples, and links between the kinds are taken to be as fast as the kinds' own.",
        ),
    )


def _groups(text: str, first: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in text.split(","):
        name, _, number = (word.strip() for word in part.partition("="))
        if not name or not number or name in found or name == first:
            raise PlanError(f"--add {cut(part, 60)!r} names no other devices; write for example a100-sxm-80gb=32")
        devices = option(number, "--add", "a100-sxm-80gb=32")
        if devices != int(devices):
            raise PlanError(f"--add {cut(part, 60)!r}: devices are counted whole; write for example a100-sxm-80gb=32")
        found[name] = int(devices)
    return found
