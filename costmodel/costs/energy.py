"""Energy: devices idle and at work, hosts, and the building around them."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, BytesPerSecond, Count, Flop, FlopPerSecond, Fraction, Joules, Seconds, Watts


@formula(r"u_F", source="williams-2009")
def compute_share(flops: Flop, duration: Seconds, peak: FlopPerSecond) -> Fraction:
    """Share of the peak compute rate that a device reaches."""
    return flops / (duration * peak)


@formula(r"u_B", source="williams-2009")
def bandwidth_share(traffic: Bytes, duration: Seconds, bandwidth: BytesPerSecond) -> Fraction:
    """Share of the memory bandwidth that a device reaches."""
    return traffic / (duration * bandwidth)


@formula(r"P_{dev}", source="aiconfigurator-2026")
def device_power(
    idle: Watts,
    tdp: Watts,
    compute: Fraction,
    bandwidth: Fraction,
    active: Fraction,
    per_compute: Count,
    per_bandwidth: Count,
    cap: Fraction,
) -> Watts:
    """Mean power of a busy device: a base, more with the shares of compute and bandwidth, up to a cap near TDP."""
    share = active + per_compute * compute + per_bandwidth * bandwidth
    return ops.maximum(tdp * ops.minimum(share, cap), idle)


@formula(r"P_{tdp}", source="costmodel-prior")
def power_of_cores(cores: Count, per_core: Watts = 8.0) -> Watts:
    """Thermal design power of a processor where none is known; data sheets state 4 to 15 W a core."""
    return cores * per_core


@formula(r"E_{idle}", source="barroso-2018")
def idle_energy(devices: Count, idle: Watts, duration: Seconds) -> Joules:
    """What the devices would draw if they did nothing."""
    return devices * idle * duration


@formula(r"E_{load}", source="barroso-2018")
def load_energy(devices: Count, power: Watts, idle: Watts, duration: Seconds) -> Joules:
    """What the devices draw on top of idling because they work."""
    return devices * (power - idle) * duration


@formula(r"P_{host}", source="latif-2024")
def host_power_per_device(rated: Watts, devices: Count, tdp: Watts, reached: Fraction = 0.82) -> Watts:
    """A device's share of what a server draws beside its devices.

    Servers were measured to reach 82 % of their rated power at most (8.4 of 10.2 kW with eight H100).
    """
    return ops.maximum(reached * rated / devices - tdp, 0.1 * tdp)


@formula(r"E_{host}", source="latif-2024")
def host_energy(devices: Count, host_power: Watts, duration: Seconds) -> Joules:
    """Energy of the hosts (processors, memory, network, fans), by their share per device."""
    return devices * host_power * duration


@formula(r"E_{pue}", source="barroso-2018")
def facility_energy(equipment: Joules, pue: Count) -> Joules:
    """Energy of cooling and power distribution: PUE − 1 times that of the equipment."""
    return equipment * (pue - 1)


@formula(r"e_{tok}", source="definition")
def energy_per_million(energy: Joules, units: Count) -> Joules:
    """Energy per million units of work, for example tokens."""
    return 1e6 * energy / ops.maximum(units, 1)
