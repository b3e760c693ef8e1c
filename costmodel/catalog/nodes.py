"""Servers: what stands around the devices."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.catalog import hardware
from costmodel.catalog.table import number, rows

KINDS = ("server", "rack", "desktop", "workstation", "cloud", "tpu-slice")
ANY_PCIE = "any-pcie"


@dataclass(frozen=True, slots=True)
class Node:
    """A server. `network_bandwidth`: B/s per device and direction; `system_power_max`: W, of the whole."""

    id: str
    name: str
    kind: str
    devices: int
    network_bandwidth: float
    system_power_max: float | None
    source: str
    notes: str


def node_for(device_id: str) -> Node | None:
    """The server that represents a device, None if there is no row.

    The rule: of the device's rows the first of the first kind in KINDS; the table lists the vendor's own server first
    and, of workstations, the largest. A PCIe card without a row gets the generic server of eight cards.
    """
    device = hardware.device(device_id)
    wanted = [row for row in rows("nodes") if row["accelerator"] == device.id]
    if not wanted and device.form_factor.startswith("PCIe"):
        wanted = [row for row in rows("nodes") if row["accelerator"] == ANY_PCIE]
    return _node(min(wanted, key=lambda row: KINDS.index(row["kind"]))) if wanted else None


def _node(row: dict[str, str]) -> Node:
    return Node(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        devices=int(row["devices"]),
        network_bandwidth=float(row["network_gbs_per_device"] + hardware.GIGA),
        system_power_max=number(row["system_power_max_w"]),
        source=row["source"],
        notes=row["notes"],
    )
