"""The catalog for reading: lists of what is in a table, or one entry."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from costmodel import catalog, profile
from costmodel.catalog.table import key
from costmodel.model import usable
from costmodel.report.quantities import SCALES, interval, number, show
from costmodel.report.table import aligned, as_csv

TABLES = {
    "models": "shapes; those that an estimate can use are marked",
    "hardware": "devices: memory, peaks, links, power",
    "prices": "rent and purchase of devices, storage, egress, with their spread",
    "grids": "carbon intensity of electricity by country and cloud region",
    "engines": "software around the operators, by profile: time on the host, memory, prompts in parts",
    "profiles": "constants of the laws of time, fitted to measurements",
}
NAMES = {"models": "id", "hardware": "id", "prices": "item", "grids": "code"}
SEARCHED = {
    "models": ("id", "aliases", "hf_id", "family", "kind"),
    "hardware": ("id", "aliases", "ambiguous_names", "vendor", "name", "architecture"),
    "prices": ("item", "kind", "pricing"),
    "grids": ("code", "name", "aliases"),
}
# Columns of a list: heading, key of an entry, and the unit in which it is shown; which of them stand to the left.
COLUMNS = {
    "models": (
        ("model", "id", ""),
        ("parameters", "params_published", "1"),
        ("layers", "layers", "1"),
        ("usable", "usable", ""),
        ("kind", "kind", ""),
    ),
    "hardware": (
        ("device", "id", ""),
        ("memory [GB]", "memory", "GB"),
        ("bandwidth [GB/s]", "memory_bandwidth", "GB/s"),
        ("16-bit [TFLOP/s]", "peak16", "TFLOP/s"),
        ("power [W]", "tdp", "W"),
    ),
    "prices": (
        ("item", "item", ""),
        ("pricing", "pricing", ""),
        ("price", "price", ""),
        ("10–90 %", "range", ""),
        ("date", "date", ""),
        ("rows", "rows", "1"),
    ),
    "grids": (
        ("grid", "code", ""),
        ("CO2e [g/kWh]", "value", "g/kWh"),
        ("least", "low", "g/kWh"),
        ("most", "high", "g/kWh"),
        ("year", "year", ""),
        ("place", "name", ""),
    ),
    "engines": (
        ("profile", "name", ""),
        ("host per step [ms]", "host_time_per_step", "ms"),
        ("per sequence [µs]", "host_time_per_sequence", "µs"),
        ("per call [µs]", "host_time_per_call", "µs"),
        ("memory [GB]", "context_bytes", "GB"),
        ("prompt tokens at once", "prefill_chunk", "1"),
    ),
    "profiles": (("profile", "name", ""), ("meaning", "meaning", "")),
}
LEFT = {"models": (0, 4), "hardware": (0,), "prices": (0, 1), "grids": (0, 5), "engines": (0,), "profiles": (0, 1)}
UNITS = {  # of the figures of an entry
    **dict.fromkeys(("memory", "l2", "context_bytes"), "B"),
    **dict.fromkeys((f"host_time_per_{what}" for what in ("step", "sequence", "call")), "s"),
    **dict.fromkeys(("memory_bandwidth", "link_bandwidth", "pcie_bandwidth"), "B/s"),
    "vector_fp32": "FLOP/s",
    "prefill_chunk": "1",
    **dict.fromkeys(("tdp", "idle"), "W"),
    **dict.fromkeys(("value", "low", "high"), "kg/J"),
    "boost_clock": "Hz",
    "launch_price": "USD",
}
SIZES = {name: size for scales in SCALES.values() for size, name in scales if name}


def listing(table: str, part: str = "") -> list[str]:
    """The ids of a table that have `part` in one of their names; of hardware with machines measured as a whole."""
    if table in ("engines", "profiles"):
        return [name for name in profile.names() if key(part) in key(name)]
    ids = {
        row[NAMES[table]]
        for row in catalog.rows(table)
        if any(key(part) in key(row[column]) for column in SEARCHED[table])
    }
    if table == "hardware":
        ids |= {name for name in profile.machines() if key(part) in key(name)}
    return sorted(ids)


def places() -> dict[str, str]:
    """The codes of the grids by what a list shows of them: code and place."""
    return {f"{row['code']} {row['name']}": row["code"] for row in catalog.rows("grids")}


def entries(table: str, part: str = "") -> list[dict[str, Any]]:
    """The entries of a table that have `part` in one of their names, without profiles that cannot be read."""
    if table == "prices":
        return [offer for name in listing(table, part) for offer in _offers(name)]
    unread = unreadable(table)
    return [entry(table, name) for name in listing(table, part) if name not in unread]


def unreadable(table: str) -> dict[str, str]:
    """What is wrong with each profile that a table would list if it could be read, by name."""
    return profile.broken() if table in ("hardware", "engines", "profiles") else {}


def entry(table: str, name: str) -> dict[str, Any]:
    """One entry in SI, with its source. Raises CatalogError when the name is unknown or ambiguous."""
    from costmodel.catalog import grids, hardware, models

    if table == "hardware":
        made = profile.machine(name)
        return asdict(hardware.device(name)) if made is None else _machine(made)
    if table == "models":
        return {"usable": usable(name)} | asdict(models.model(name))
    if table == "grids":
        return asdict(grids.intensity(name))
    made = profile.load(name)
    if table == "engines":
        constants = made["laws"]["framework"]
        sources = "; ".join(dict.fromkeys(constant["source"] for constant in constants.values()))
        return {"name": name} | {of: constant["value"] for of, constant in constants.items()} | {"source": sources}
    return made


def found(table: str, name: str) -> dict[str, Any] | list[dict[str, Any]]:
    """The entry called `name`, or all entries with `name` as a part of theirs. Raises CatalogError."""
    try:
        return _offers(name) if table == "prices" else entry(table, name)
    except catalog.CatalogError:
        some = entries(table, name)
        if not some:
            raise
        return some


def _offers(name: str) -> list[dict[str, Any]]:
    from costmodel.catalog import prices

    return [{"item": name, "unit": unit} | asdict(price) for unit, price in prices.offers(name)]


def _machine(made: Mapping[str, Any]) -> dict[str, Any]:
    """What a machine's profile says of the machine, without the constants of its laws."""
    return {name: made.get(name) for name in ("name", "meaning", "environment", "backend", "hardware", "fit")}


def as_text(table: str, shown: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> str:
    """An entry, or a list of them, for reading."""
    from costmodel.report import machine

    if not isinstance(shown, Mapping):
        heads = [heading for heading, _, _ in COLUMNS[table]]
        return aligned(
            [heads, *([_cell(*column[1:], each) for column in COLUMNS[table]] for each in shown)], LEFT[table]
        )
    if table == "profiles":
        return machine.everything(shown)
    if "environment" in shown:  # a machine measured as a whole
        return machine.overview(shown)
    return _definitions(shown)


def as_table(table: str, shown: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> str:
    """The columns of a list as CSV, in SI."""
    rows = [shown] if isinstance(shown, Mapping) else shown
    columns = [name for _, name, _ in COLUMNS[table] if name not in ("price", "range")]
    columns += ["value", "low", "high", "unit"] if table == "prices" else []
    return as_csv([columns, *([_figure(name, each) for name in columns] for each in rows)])


def _figure(name: str, each: Mapping[str, Any]) -> Any:
    """A figure of an entry, also of a machine that was measured as a whole."""
    measured = each["hardware"] if "environment" in each else {}
    if name == "peak16":
        peaks = each.get("peaks") or {kind: measured.get(f"peak:{kind}") for kind in ("bf16", "fp16")}
        return peaks.get("bf16") or peaks.get("fp16")
    return each["name"] if name == "id" and measured else each.get(name, measured.get(name))


def _cell(name: str, unit: str, each: Mapping[str, Any]) -> str:
    if name == "price":
        return show(each["value"], each["unit"])
    if name == "range":
        return interval(each["low"], each["high"], each["unit"], each["value"])
    value = _figure(name, each)
    if value is None or value == "":
        return "–"
    if unit in SIZES:
        return number(value / SIZES[unit])
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else show(value, "1") if unit else str(value)


def _definitions(shown: Mapping[str, Any]) -> str:
    """Names and values below each other, long ones wrapped."""
    lines: dict[str, Any] = {}
    for name, value in shown.items():
        if name == "peaks":
            lines |= {f"peak {kind}": show(rate, "FLOP/s", 4) for kind, rate in value.items()}
        elif isinstance(value, Mapping):
            lines |= value
        elif isinstance(value, bool):
            lines[name] = "yes" if value else "no"
        elif value not in (None, ""):
            lines[name] = show(value, UNITS[name], 4) if name in UNITS else value
    width = max(map(len, lines)) + 2
    across = max(shutil.get_terminal_size((100, 24)).columns, width + 20)
    return "\n".join(
        textwrap.fill(f"{name.replace('_', ' '):{width}}{value}", across, subsequent_indent=" " * width)
        for name, value in lines.items()
    )
