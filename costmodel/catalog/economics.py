"""Single figures about money, people, power and failures, by key; and what a team costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated

from costmodel.catalog.table import find, key, names, number, rows, unknown
from costmodel.formula import formula
from costmodel.units import HOUR, YEAR, Count, Fraction, Number, Seconds, UsdPerPersonSecond

ELECTRICITY = "electricity_price:"

# team and pay of each preset; pay quoted as total compensation already holds most of what an employer adds to a wage
PRESETS = {
    "academic": ("staff:academic_team", "salary:data_scientist_us", "staff:loaded_cost_factor"),
    "industry": ("staff:industry_team", "salary:ml_engineer_staff_us", "staff:loaded_cost_factor"),
    "frontier": ("staff:frontier_team", "salary:frontier_lab_range", None),
}


@dataclass(frozen=True, slots=True)
class Value:
    """A figure in the unit that `unit` names, with the ends of its range (the figure itself where none is stated)."""

    key: str
    low: float
    mid: float
    high: float
    unit: str
    date: str
    source: str
    confidence: str
    notes: str


@dataclass(frozen=True, slots=True)
class Staff:
    """A team: people at work for the whole of a job, USD per person and second of calendar time.

    `working_share` is the part of calendar time that is paid working time.
    """

    preset: str
    heads: float
    rate: float
    rate_low: float
    rate_high: float
    working_share: float
    source: str


@formula(r"r_{staff}", source="bls-2025")
def staff_rate(
    wage: Annotated[Number, "USD/person"], loaded_cost_factor: Count, year: Seconds = YEAR
) -> UsdPerPersonSecond:
    """What one person costs per calendar time: a year's wage times what an employer pays per dollar of wage."""
    return wage * loaded_cost_factor / year


@formula(r"s_{work}", source="definition")
def working_share(paid: Seconds, year: Seconds = YEAR) -> Fraction:
    """Share of calendar time that is paid working time."""
    return paid / year


def value(name: str) -> Value:
    """The figure under a key. Raises CatalogError with the nearest keys."""
    index = _index()
    return find(index, name, "economic figure", lambda: {k: v.key for k, v in index.items()})


def electricity(region: str) -> Value:
    """Price of electricity in a region, in the currency in which it is published. Raises CatalogError."""
    index: dict[str, Value] = {}
    for figure in _index().values():
        if figure.key.startswith(ELECTRICITY):
            full = figure.key.removeprefix(ELECTRICITY)
            index[key(full)] = figure
            index.setdefault(key(full.rpartition("_")[0]), figure)  # "world" for "world_business"
    return find(index, region, "electricity region", lambda: {k: k for k in index})


def staff_preset(name: str) -> Staff:
    """A team of a kind: academic, industry or frontier. Raises CatalogError.

    Heads are those of published runs; pay is a published distribution, times what an employer pays per dollar of wage;
    the ends of the range are the ends of pay.
    """
    if name not in PRESETS:
        raise unknown("staff preset", name, {p: p for p in PRESETS})
    team_key, pay_key, factor_key = PRESETS[name]
    team, pay, hours = value(team_key), value(pay_key), value("staff:paid_hours_per_year")
    factor = value(factor_key).mid if factor_key else 1.0
    sources = [team.source, pay.source, *([value(factor_key).source] if factor_key else [])]
    return Staff(
        preset=name,
        heads=team.mid,
        rate=staff_rate(pay.mid, factor),
        rate_low=staff_rate(pay.low, factor),
        rate_high=staff_rate(pay.high, factor),
        working_share=working_share(hours.mid * HOUR),
        source="; ".join(dict.fromkeys(part for source in sources for part in names(source))),
    )


@cache
def _index() -> dict[str, Value]:
    return {key(row["key"]): _value(row) for row in rows("economics")}


def _value(row: dict[str, str]) -> Value:
    mid, low, high = float(row["mid"]), number(row["low"]), number(row["high"])
    return Value(
        key=row["key"],
        low=mid if low is None else low,
        mid=mid,
        high=mid if high is None else high,
        unit=row["unit"],
        date=row["date"],
        source=row["source"],
        confidence=row["confidence"],
        notes=row["notes"],
    )
