"""Embodied carbon: kilograms of CO2-equivalent from making a device, and its share of the host.

A device without a published figure takes that of its class: accelerators by power above 900, 450 and 100 W, since
silicon area goes with it and is seldom published; everything smaller; processors.
"""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.catalog import hardware
from costmodel.catalog.table import rows
from costmodel.formula import formula
from costmodel.units import Count, Kilograms

CLASSES = ((900, "class:above-900-w"), (450, "class:above-450-w"), (100, "class:above-100-w"))
LARGE_HOST = 4  # devices from which a host is counted as a full server


@dataclass(frozen=True, slots=True)
class Embodied:
    """Embodied carbon in kg, and the row that it comes from."""

    item: str
    value: float
    low: float
    high: float
    source: str
    confidence: str


@formula(r"m_{host}", source="definition")
def host_embodied_share(host: Kilograms, devices: Count) -> Kilograms:
    """Embodied carbon of a host that one of its devices answers for."""
    return host / devices


def embodied(device_id: str) -> Embodied:
    """Embodied carbon of one device: its own published figure, or that of its class. Raises CatalogError."""
    device = hardware.device(device_id)
    if device.id in _items():
        return _row(device.id)
    return _row("class:cpu") if device.kind == "cpu" else by_power(device.tdp)


def host_share(devices_per_node: int) -> Embodied:
    """Embodied carbon of the server without devices, per device."""
    host = _row("server-8" if devices_per_node >= LARGE_HOST else "server-small")
    value, low, high = (host_embodied_share(kg, devices_per_node) for kg in (host.value, host.low, host.high))
    return Embodied(host.item, value, low, high, host.source, host.confidence)


def by_power(tdp: float) -> Embodied:
    """Embodied carbon of an accelerator of which only the design power [W] is known."""
    return _row(next((name for watts, name in CLASSES if tdp > watts), "class:small"))


def _items() -> dict[str, dict[str, str]]:
    return {row["item"]: row for row in rows("embodied")}


def _row(item: str) -> Embodied:
    row = _items()[item]
    return Embodied(item, float(row["kg"]), float(row["low"]), float(row["high"]), row["source"], row["confidence"])
