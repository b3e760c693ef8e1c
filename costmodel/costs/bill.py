"""The bill: from time on devices to energy, money, carbon, storage and staff. The same for every workload."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel import ops
from costmodel.costs.carbon import embodied_carbon, operational_carbon
from costmodel.costs.energy import (
    bandwidth_share,
    compute_share,
    device_power,
    facility_energy,
    host_energy,
    idle_energy,
    load_energy,
)
from costmodel.costs.money import capital_cost, energy_cost, hosting_cost, own_energy_cost, owned_time, rent
from costmodel.costs.staff import staff_cost, staff_hours
from costmodel.costs.storage import storage_cost, stored_byte_months
from costmodel.job import Job
from costmodel.outcome import Parts
from costmodel.units import Number
from costmodel.workloads.formulas.run import device_time


@dataclass(frozen=True, slots=True)
class Usage:
    """What a workload uses: time, what one device does per second of it, and what is stored for how long.

    `busy_time` is how long one device takes for `flops` and `traffic`; `stored` maps a name to (bytes, seconds).
    """

    time: Number
    busy_time: Number
    flops: Number
    traffic: Number
    stored: dict[str, tuple[Number, Number]]


def bill(job: Job, usage: Usage) -> tuple[Parts, dict[str, Parts]]:
    """Totals and breakdowns of all costs; each breakdown adds up to its total."""
    hardware, costs, laws, devices = job.hardware, job.costs, job.profile, job.devices
    power = device_power(
        hardware.idle,
        hardware.tdp,
        compute_share(usage.flops, usage.busy_time, hardware.peak),
        bandwidth_share(usage.traffic, usage.busy_time, hardware.memory_bandwidth),
        laws.power.active,
        laws.power.per_compute,
        laws.power.per_bandwidth,
        laws.power.cap,
    )
    paid = owned_time(usage.time, costs.utilisation, costs.own)
    equipment = {
        "devices idle": idle_energy(devices, hardware.idle, paid),
        "devices load": load_energy(devices, power, hardware.idle, usage.time),
        "hosts": host_energy(devices, hardware.host_power, paid),
    }
    energy_parts = equipment | {"cooling and distribution": facility_energy(ops.total(equipment), costs.pue)}
    energy = ops.total(energy_parts)

    storage_parts = {name: stored_byte_months(size, kept) for name, (size, kept) in usage.stored.items()}
    byte_months = ops.total(storage_parts)
    hours = staff_hours(costs.people, usage.time, costs.working_share)
    device_seconds = device_time(devices, usage.time)
    electricity = energy_cost(energy, costs.electricity)
    money_parts = {
        "rent": rent(device_seconds, costs.price, costs.own),
        "capital": capital_cost(
            devices, costs.hardware_price, costs.server_overhead, paid, costs.hardware_life, costs.own
        ),
        "energy": own_energy_cost(electricity, costs.own),
        "hosting": hosting_cost(device_time(devices, paid), costs.hosting, costs.own),
        "storage": storage_cost(byte_months, costs.storage),
        "staff": staff_cost(costs.people, costs.rate, usage.time),
    }
    carbon_parts = {
        "operational": operational_carbon(energy, costs.grid),
        "embodied": embodied_carbon(devices, costs.embodied, paid, costs.hardware_life),
    }
    totals = {
        "cost_usd": ops.total(money_parts),
        "energy_j": energy,
        "energy_cost_usd": electricity,
        "carbon_kg": ops.total(carbon_parts),
        "storage_byte_months": byte_months,
        "staff_hours": hours,
        "device_seconds": device_seconds,
    }
    breakdown = {
        "cost_usd": money_parts,
        "energy_j": energy_parts,
        "carbon_kg": carbon_parts,
        "storage_byte_months": storage_parts,
    }
    return totals, breakdown
