"""Number formats: what a value takes in memory, and which unit of a device computes with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from costmodel.catalog.table import find, key, names, rows
from costmodel.units import UNITS


@dataclass(frozen=True, slots=True)
class Format:
    """A number format. `bytes`: per value, shared scales included; `peaks`: device peaks it can use, best first."""

    id: str
    bytes: float
    peaks: tuple[str, ...]
    source: str
    notes: str


def number_format(name: str) -> Format:
    """The format called `name`, by id or alias. Raises CatalogError with the nearest names."""
    index = _index()
    return find(index, name, "number format", lambda: {k: f.id for k, f in index.items()})


def peak(peaks: Mapping[str, float], name: str) -> float | None:
    """A device's peak in a format: of its own unit, or of the next that computes it; None if there is none.

    Raises CatalogError for an unknown format.
    """
    return next((peaks[unit] for unit in number_format(name).peaks if unit in peaks), None)


@cache
def _index() -> dict[str, Format]:
    bit = UNITS["bit"][0]
    index: dict[str, Format] = {}
    for row in rows("formats"):
        made = Format(row["id"], float(row["bits"]) * bit, tuple(names(row["peaks"])), row["source"], row["notes"])
        index |= dict.fromkeys([key(name) for name in (row["id"], *names(row["aliases"]))], made)
    return index
