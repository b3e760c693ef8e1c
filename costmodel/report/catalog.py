"""The catalog for reading: names of a table, or one entry."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from costmodel import catalog, profile


def listing(table: str) -> list[str]:
    """The ids of a table."""
    if table == "profiles":
        return sorted(path.stem for path in profile.FOLDER.glob("*.json"))
    key = {"prices": "item", "grids": "code"}.get(table, "id")
    return sorted({row[key] for row in catalog.rows(table)})


def entry(table: str, name: str) -> dict[str, Any]:
    """One entry in SI, with its source. Raises CatalogError when the name is unknown or ambiguous."""
    from costmodel.catalog import grids, hardware, models, prices

    if table == "hardware":
        return asdict(hardware.device(name))
    if table == "models":
        return asdict(models.model(name))
    if table == "grids":
        return asdict(grids.intensity(name))
    if table == "profiles":
        return profile.load(name)
    device = hardware.device(name).id
    offers = {"on-demand": prices.rental(device), "purchase": prices.purchase(device)}
    return {kind: asdict(offer) for kind, offer in offers.items() if offer is not None}
