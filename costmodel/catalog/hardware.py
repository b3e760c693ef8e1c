"""Devices: accelerators and processors, one row a product.

Peaks are dense (without sparsity), of the unit that a matrix product can use, per device. Link rates are one
direction, all links together. Memory is the marketed decimal figure. Where a data sheet is silent on power, the row's
notes say how it was estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from costmodel.catalog.table import CatalogError, find, key, names, number, rows

PEAKS = ("fp64", "fp32", "tf32", "bf16", "fp16", "fp8", "mxfp8", "fp6", "fp4", "int8", "int4")
MEGA, GIGA, TERA = "e6", "e9", "e12"  # what tables are in

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Device:
    """One device. SI units: B, B/s, FLOP/s, W, Hz, USD; die area in mm², process in nm. None: not stated.

    `peaks` has the formats that are stated. `link_bandwidth` and `pcie_bandwidth` are per direction;
    `scale_up_domain` is how many devices the fast links join. `l2` is the last cache on the chip.
    """

    id: str
    name: str
    vendor: str
    kind: str
    architecture: str
    year: int
    form_factor: str
    memory: float
    memory_bandwidth: float
    peaks: dict[str, float]
    vector_fp32: float | None
    tdp: float
    idle: float | None
    link_type: str
    link_bandwidth: float | None
    scale_up_domain: int
    pcie_bandwidth: float | None
    sms: int | None
    l2: float | None
    boost_clock: float | None
    die_area_mm2: float | None
    process_nm: float | None
    launch_price: float | None
    source: str
    confidence: str
    notes: str


def device(name: str, representative: bool = False) -> Device:
    """The device called `name`, by id, alias or full name.

    A name that fits several products raises CatalogError with what tells them apart; with `representative` it means
    the first of them in the table, the most common one. An unknown name raises CatalogError with the nearest.
    """
    if name in _by_id():  # the usual case needs no index of all names
        return _device(name)
    shared = candidates(name)
    if shared and representative:
        return shared[0]
    if shared:
        listed = ", ".join(f"{d.id} ({_by_id()[d.id]['memory_gb']} GB, {d.form_factor})" for d in shared)
        raise CatalogError(f"{name!r} fits several products: {listed}; write one of these ids", [d.id for d in shared])
    return _device(find(_index(), name, "hardware", lambda: _index() | {shorter: shorter for shorter in _ambiguous()}))


def candidates(name: str) -> list[Device]:
    """The products that an ambiguous name such as "h100" fits, most common first; none if it is not ambiguous."""
    return [_device(i) for i in _ambiguous().get(key(name), [])] if isinstance(name, str) else []


def ambiguous_names(device_id: str) -> list[str]:
    """The shorter names that fit this device among others."""
    return names(_row(device_id)["ambiguous_names"])


@cache
def _by_id() -> dict[str, Row]:
    return {row["id"]: row for row in rows("hardware")}


def _row(device_id: str) -> Row:
    return _by_id()[device(device_id).id]


@cache
def _index() -> dict[str, str]:
    """Id by every name that means one product."""
    index: dict[str, str] = {}
    for row in rows("hardware"):
        full = row["name"] if row["name"].startswith(row["vendor"]) else f"{row['vendor']} {row['name']}"
        for name in (row["id"], *names(row["aliases"]), row["name"], full):
            index.setdefault(key(name), row["id"])
        for alias in names(row["aliases"]):
            index.setdefault(key(f"{row['vendor']} {alias}"), row["id"])
    return index


@cache
def _ambiguous() -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for row in rows("hardware"):
        for name in names(row["ambiguous_names"]):
            for spelling in (name, f"{row['vendor']} {name}"):
                index.setdefault(key(spelling), []).append(row["id"])
    return {name: ids for name, ids in index.items() if name not in _index()}


@cache
def _device(device_id: str) -> Device:
    row = _by_id()[device_id]
    sms = number(row["sms"])
    return Device(
        id=row["id"],
        name=row["name"],
        vendor=row["vendor"],
        kind=row["kind"],
        architecture=row["architecture"],
        year=int(row["year"]),
        form_factor=row["form_factor"],
        memory=float(row["memory_gb"] + GIGA),
        memory_bandwidth=float(row["memory_bandwidth_gbs"] + GIGA),
        peaks={peak: float(row[peak] + TERA) for peak in PEAKS if row[peak]},
        vector_fp32=number(row["fp32_vector"], TERA),
        tdp=float(row["tdp_w"]),
        idle=number(row["idle_w"]),
        link_type=row["link_type"],
        link_bandwidth=number(row["link_gbs"], GIGA),
        scale_up_domain=int(row["scale_up_domain"]),
        pcie_bandwidth=number(row["pcie_gbs"], GIGA),
        sms=None if sms is None else int(sms),
        l2=number(row["l2_mb"], MEGA),
        boost_clock=number(row["boost_clock_mhz"], MEGA),
        die_area_mm2=number(row["die_area_mm2"]),
        process_nm=number(row["process_nm"]),
        launch_price=number(row["launch_price_usd"]),
        source=row["source"],
        confidence=row["confidence"],
        notes=row["notes"],
    )
