"""Carbon intensity of electricity, by country or cloud region.

Countries are on one basis, the mean of the year's generation mix; a cloud region has the intensity of its grid in the
newest year. The range of a place is that of all its rows, other years and bases included; a place with one row gets
the typical range (economics, grid_spread_one_row).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from costmodel.catalog import economics
from costmodel.catalog.table import find, key, names, rows
from costmodel.units import unit

BASES = ("generation mix", "location-based", "grid factor", "life cycle", "generation source")

# States of the USA that have a cloud's region, by their code (ISO 3166-2).
STATES = {
    "Arizona": "us-az",
    "California": "us-ca",
    "Georgia": "us-ga",
    "Illinois": "us-il",
    "Iowa": "us-ia",
    "Ohio": "us-oh",
    "Oklahoma": "us-ok",
    "Oregon": "us-or",
    "South Carolina": "us-sc",
    "Texas": "us-tx",
    "Virginia": "us-va",
    "Washington": "us-wa",
    "Wyoming": "us-wy",
}

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Grid:
    """Carbon intensity of a place: kg of CO2-equivalent per joule."""

    code: str
    name: str
    value: float
    low: float
    high: float
    year: str
    basis: str
    source: str


def intensity(code: str = "world") -> Grid:
    """The grid of a country (code or name), a cloud region ("gcp:europe-north1", "us-east4") or the world.

    Raises CatalogError with the nearest names.
    """
    index = _index()
    found = find(index, code, "grid", _suggestions)
    size = unit("gCO2e/kWh")[0]
    first = min(BASES.index(row["basis"]) for row in found)
    row = max((row for row in found if row["basis"] == BASES[first]), key=lambda row: row["year"])
    values = [float(other["gco2_per_kwh"]) * size for other in found]
    value, low, high = float(row["gco2_per_kwh"]) * size, min(values), max(values)
    if len(found) == 1:
        spread = economics.value("grid_spread_one_row")
        low, high = value * spread.low, value * spread.high
    return Grid(row["code"], row["name"], value, low, high, row["year"], row["basis"], row["source"])


@cache
def _suggestions() -> dict[str, str]:
    """What to write for each name, that of the place of a cloud's region too: countries by name, regions by code."""
    found: dict[str, str] = {}
    for row in rows("grids"):
        region, place = ":" in row["code"], row["name"]
        found |= {key(row["code"]): row["code"]}
        if region:
            place = place.partition(",")[0]  # without the country
            state = next((code for state, code in STATES.items() if place.endswith(state)), "")
            found.setdefault(key(f"{place} {state} {row['code']}"), row["code"])
        found.setdefault(key(place), row["code"] if region else place)
    return found


@cache
def _index() -> dict[str, list[Row]]:
    """The rows of each place by every name of it."""
    places: dict[str, list[Row]] = {}
    for row in rows("grids"):
        places.setdefault(row["code"], []).append(row)
    index = {key(code): found for code, found in places.items()}
    for code, found in places.items():
        cloud, _, region = code.rpartition(":")
        own = [region] if cloud else [n for row in found for n in (row["name"], *names(row["aliases"]))]
        for name in own:
            index.setdefault(key(name), found)
    return index
