"""Power usage effectiveness: energy of a data centre per energy of its machines.

"industry" is the average of the operators' survey, for machines of unknown whereabouts; "hyperscale" the middle of the
fleets of the large clouds.
"""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.catalog.table import find, key, rows


@dataclass(frozen=True, slots=True)
class Pue:
    """PUE of an operator or site, with the range that single sites may take."""

    name: str
    value: float
    low: float
    high: float
    year: int
    source: str


def pue(name: str = "industry") -> Pue:
    """The PUE of "industry", "hyperscale", an operator ("google") or a site ("gcp:us-central1").

    Raises CatalogError with the nearest names.
    """
    index = {key(row["name"]): row for row in rows("pue")}
    row = find(index, name, "PUE", lambda: {k: r["name"] for k, r in index.items()})
    return Pue(row["name"], float(row["pue"]), float(row["low"]), float(row["high"]), int(row["year"]), row["source"])
