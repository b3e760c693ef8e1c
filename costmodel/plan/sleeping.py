"""A service that often waits: how much of its energy goes into waiting, and what sleeping would save."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costmodel import ops
from costmodel.catalog import economics
from costmodel.costs.energy import facility_energy
from costmodel.costs.money import energy_cost
from costmodel.formula import formula
from costmodel.loading import Override, load
from costmodel.plan.answer import Answer, Column, fitting
from costmodel.plan.formulas import saved_share
from costmodel.plan.money import PlanError
from costmodel.scenario import Serving
from costmodel.units import Count, Fraction, Joules, PerSecond, Seconds, Watts
from costmodel.workloads.formulas.serving import rate_per_replica


@formula(r"u_{busy}", source="kleinrock-1975")
def busy_share(rate: PerSecond, latency: Seconds) -> Fraction:
    """Share of the time in which a replica has at least one request, when requests come at random (M/G/∞)."""
    return 1 - ops.exp(-rate * latency)


@formula(r"t_{idle}", source="kleinrock-1975")
def idle_time(busy: Fraction, period: Seconds, replicas: Count) -> Seconds:
    """Time that all replicas together wait for requests."""
    return (1 - busy) * period * replicas


@formula(r"n_{gap}", source="kleinrock-1975")
def idle_gaps(idle: Seconds, rate: PerSecond) -> Count:
    """Gaps without a request, each as long on average as the time between two requests of a replica."""
    return idle * rate


@formula(r"E_{ctx}", source="vadari-2026")
def context_energy(power: Watts, devices: Count, idle: Seconds) -> Joules:
    """Energy of devices that wait with a model loaded, beyond that of devices without one."""
    return power * devices * idle


@formula(r"E_{busy}", source="barroso-2018")
def busy_energy(load: Joules, busy: Fraction) -> Joules:
    """Energy that work takes beyond idling, from that of working all the time."""
    return load * busy


@formula(r"E_{wait}", source="barroso-2018")
def waiting_energy(standing: Joules, busy: Fraction, loaded: Joules) -> Joules:
    """Energy of the time without a request: of what stands at idle over the whole period, and of the loaded model."""
    return standing * (1 - busy) + loaded


@formula(r"E_{sleep}", source="vadari-2026")
def saved_by_sleep(power: Watts, devices: Count, idle: Seconds, gaps: Count, break_even: Seconds) -> Joules:
    """Energy saved by sleeping in every gap: waking takes what sleeping saves in the break-even time.

    Nothing where the mean gap is shorter, for then one stays awake. `devices` are those of a replica.
    """
    return power * devices * ops.maximum(idle - gaps * break_even, 0)


@formula("w", source="kleinrock-1975")
def mean_wait(wake: Seconds, busy: Fraction) -> Seconds:
    """What waking adds to a request on average: those that find the replica without another request wait."""
    return wake * (1 - busy)


@formula(r"n_{dev}", source="definition")
def devices_per_replica(devices: Count, replicas: Count) -> Count:
    """Devices that wait and wake together."""
    return devices / replicas


@formula(r"E_{left}", source="definition")
def energy_left(energy: Joules, saved: Joules) -> Joules:
    """Energy that is left after a saving."""
    return energy - saved


def sleep(scenario: Any, overrides: Sequence[Override] = ()) -> Answer:
    """Energy of a service at a low request rate: always awake, without its model while it waits, or switched off.

    Needs traffic.request_rate. Raises PlanError, ScenarioError.
    """
    base = load(scenario, [*overrides, ("ranges", False)])
    if not isinstance(base.workload, Serving):
        raise PlanError(
            f"sleeping is a question about a service, not about {base.workload.kind}; write workload: serve"
        )
    if base.traffic.request_rate is None:
        raise PlanError("sleeping needs a request rate; write traffic: {request_rate: 0.01 requests/s}")
    answer = fitting(base)
    job, found, parts = answer.outcome.job, answer.outcome.performance, answer.outcome.breakdown["energy_j"]
    hardware, costs = job.hardware, job.costs
    rate = rate_per_replica(base.traffic.request_rate, found["replicas"])
    busy = busy_share(rate, found["latency_s"])
    idle = idle_time(busy, job.workload.period, found["replicas"])
    gaps, together = idle_gaps(idle, rate), devices_per_replica(job.devices, found["replicas"])
    context = economics.value("context_power").mid
    standing = ops.total({name: parts[name] for name in ("devices idle", "hosts")})
    loaded = context_energy(context, together, idle)
    working = busy_energy(parts["devices load"], busy)
    awake = ops.total({"standing": standing, "model loaded": loaded, "devices load": working})
    reload = economics.value("reload_time").mid
    starts = economics.value("sleep_break_even:switched_off").mid
    modes = {
        "awake": (0.0, 0.0, 0.0),
        "model unloaded": (context, economics.value("sleep_break_even:model_unloaded").mid, reload),
        "switched off": (
            ops.total({"idle": hardware.idle, "host": hardware.host_power, "model": context}),
            starts,
            ops.total({"start": starts, "reload": reload}),
        ),
    }
    energy, cost, saved, wait = [], [], [], []
    for power, break_even, wake in modes.values():
        less = saved_by_sleep(power, together, idle, gaps, break_even)
        left = energy_left(awake, less)
        energy.append(ops.total({"equipment": left, "building": facility_energy(left, costs.pue)}))
        cost.append(energy_cost(energy[-1], costs.electricity))
        saved.append(saved_share(cost[-1], cost[0]))
        wait.append(mean_wait(wake, busy) if less else 0.0)
    return Answer(
        "sleep",
        {
            "while waiting": Column("", tuple(modes)),
            "energy": Column("J", tuple(energy)),
            "electricity": Column("USD", tuple(cost)),
            "saved": Column("fraction", tuple(saved)),
            "mean wait": Column("s", tuple(wait)),
        },
        {
            "busy": busy,
            "waiting": saved_share(energy_left(awake, waiting_energy(standing, busy, loaded)), awake),
            "saved_unloaded": saved[1],
            "saved_off": saved[2],
            "wait_off": wait[2],
        },
        (
            f"Requests come at random; a loaded model adds {context:g} W to an idle device, reloading takes "
            f"{reload:g} s, starting a server {starts:g} s. Rent is paid whether devices sleep or not, unless they are "
            "handed back.",
        ),
    )
