"""What laws need to know of a device beforehand: its data sheet."""

from __future__ import annotations

from functools import cache

from costmodel.calibration.law import Facts, Record
from costmodel.catalog import formats, hardware, rows


@cache
def datasheet(name: str) -> Facts:
    """The catalog's figures of a device, in SI: memory_bandwidth, link_bandwidth, peak:FORMAT, sms, l2, tdp, …

    Figures that the catalog lacks are left out; raises CatalogError for a device that it does not know.
    """
    device = hardware.device(name, representative=True)
    facts = {
        "memory_bandwidth": device.memory_bandwidth,
        "link_bandwidth": device.link_bandwidth or device.pcie_bandwidth,
        "scale_up_domain": float(device.scale_up_domain),
        "sms": device.sms,
        "l2": device.l2,
        "tdp": device.tdp,
    }
    facts |= {f"peak:{row['id']}": formats.peak(device.peaks, row["id"]) for row in rows("formats")}
    return {name: float(value) for name, value in facts.items() if value is not None}


def of(environment: Record) -> Facts:
    """The facts of the machine that an environment record describes: those of its accelerator in the catalog.

    Raises CatalogError where it has none, or one that the catalog does not know.
    """
    accelerator = environment.get("accelerator") or {}
    return datasheet(environment.get("hardware") or accelerator.get("name") or environment.get("cpu") or "")
