"""Carbon: from the grid while running, and from making the hardware."""

from costmodel.formula import formula
from costmodel.units import Count, Joules, Kilograms, KilogramsPerJoule, Seconds


@formula(r"m_{op}", source="patterson-2021")
def operational_carbon(energy: Joules, grid: KilogramsPerJoule) -> Kilograms:
    """CO2-equivalent of the electricity used, by the mean intensity of the grid."""
    return energy * grid


@formula(r"m_{emb}", source="gupta-2022")
def embodied_carbon(devices: Count, embodied: Kilograms, duration: Seconds, life: Seconds) -> Kilograms:
    """CO2-equivalent of making devices and their share of hosts, by the part of their life that is used up."""
    return devices * embodied * duration / life
