"""Money: renting devices, or owning, powering and housing them."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Count, Fraction, Joules, Seconds, Usd, UsdPerJoule, UsdPerSecond


@formula(r"C_{rent}", source="definition")
def rent(device_time: Seconds, price: UsdPerSecond, own: Count) -> Usd:
    """Rent of the devices for their time; nothing when they are owned (`own` = 1)."""
    return (1 - own) * device_time * price


@formula(r"C_{cap}", source="cottier-2024")
def capital_cost(
    devices: Count, price: Usd, server_overhead: Count, duration: Seconds, life: Seconds, own: Count
) -> Usd:
    """Share of the purchase that the duration uses up, straight line over the life.

    `server_overhead` multiplies the device's price to that of its share of server and network.
    """
    return own * devices * price * server_overhead * duration / life


@formula(r"t_{own}", source="barroso-2018")
def owned_time(duration: Seconds, utilisation: Fraction, own: Count) -> Seconds:
    """Time for which devices are paid: that of the work, and of bought ones their share of idle time as well."""
    return duration * (1 + own * (1 / utilisation - 1))


@formula(r"C_E", source="definition")
def energy_cost(energy: Joules, price: UsdPerJoule) -> Usd:
    """What the electricity costs; part of the rent when devices are rented."""
    return energy * price


@formula(r"C_{E,own}", source="definition")
def own_energy_cost(energy_cost: Usd, own: Count) -> Usd:
    """The part of the energy cost that the owner of the devices pays on top."""
    return own * energy_cost


@formula(r"C_{host}", source="barroso-2018")
def hosting_cost(device_time: Seconds, price: UsdPerSecond, own: Count) -> Usd:
    """Space, cooling plant and operations for owned devices, per device-time."""
    return own * device_time * price


@formula(r"c_{tok}", source="definition")
def cost_per_million(cost: Usd, units: Count) -> Usd:
    """Cost per million units of work, for example tokens."""
    return 1e6 * cost / ops.maximum(units, 1)
