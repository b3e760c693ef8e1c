"""The catalog for reading: names of a table, or one entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from costmodel import catalog, profile


def listing(table: str) -> list[str]:
    """The ids of a table; of hardware with the machines that were measured as a whole."""
    if table == "profiles":
        return profile.names()
    key = {"prices": "item", "grids": "code"}.get(table, "id")
    ids = {row[key] for row in catalog.rows(table)}
    if table == "hardware":
        ids |= set(profile.machines())
    return sorted(ids)


def entry(table: str, name: str) -> dict[str, Any]:
    """One entry in SI, with its source. Raises CatalogError when the name is unknown or ambiguous."""
    from costmodel.catalog import grids, hardware, models, prices

    if table == "hardware":
        made = profile.machine(name)
        return asdict(hardware.device(name)) if made is None else _machine(made)
    if table == "models":
        return asdict(models.model(name))
    if table == "grids":
        return asdict(grids.intensity(name))
    if table == "profiles":
        return profile.load(name)
    device = hardware.device(name).id
    offers = {"on-demand": prices.rental(device), "purchase": prices.purchase(device)}
    return {kind: asdict(offer) for kind, offer in offers.items() if offer is not None}


def _machine(made: Mapping[str, Any]) -> dict[str, Any]:
    """What a machine's profile says of the machine, without the constants of its laws."""
    return {name: made.get(name) for name in ("name", "meaning", "environment", "backend", "hardware", "fit")}


def as_text(table: str, found: Mapping[str, Any]) -> str:
    """An entry for reading; profiles and machines with units and tables."""
    from costmodel.report import machine

    if table == "profiles":
        return machine.everything(found)
    if table == "hardware" and "environment" in found:  # a machine measured as a whole
        return machine.overview(found)
    return "\n".join(f"{key:24} {value}" for key, value in found.items() if value not in (None, ""))
