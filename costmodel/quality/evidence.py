"""What quality answers are made of: published cases, fitted constants, and the shape of an answer."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from costmodel.catalog.table import number
from costmodel.units import counted

DATA = Path(__file__).with_name("data")
ACCURACY, PERPLEXITY, COLLAPSE = "share of the accuracy", "perplexity ratio", "probability"  # units of what is expected


class NoEvidence(ValueError):
    """A question that nothing published answers. The message is one line: what lacks, and what can be asked instead."""


class Case(NamedTuple):
    """One published comparison of a model before and after compression.

    `bits` are effective bits per weight of the linear layers, scales included; `share` is the part of the weights
    that has them (the rest has 8); `recovery` = after/before where more is better, before/after where less is;
    `loss` = ln(perplexity after / before), nats per token (per word where the metric says so).
    """

    id: str
    source: str
    model: str
    family: str
    technique: str
    method: str
    recipe: str
    parameters: float | None
    bits: float | None
    activation_bits: float | None
    group: float | None
    share: float
    newer: bool
    removed: float | None
    tokens: float | None
    metric: str
    before: str
    after: str
    recovery: float | None
    loss: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an answer rests on: how many published rows, of which sources, and the nearest of them."""

    rows: int
    sources: tuple[str, ...]
    cases: tuple[Case, ...] = ()

    def __str__(self) -> str:
        return f"{counted(self.rows, 'row')} of {counted(len(self.sources), 'source')}"


@dataclass(frozen=True, slots=True)
class Expected:
    """An expected quality with its 80 % band, what it rests on, and what a reader must know beside it."""

    value: float
    low: float
    high: float
    unit: str
    evidence: Evidence
    warnings: tuple[str, ...] = ()


@cache
def table(name: str) -> list[dict[str, str]]:
    """The rows of a table of this room, column by name, as text. Cached: do not change them."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def constants(name: str) -> dict[str, float]:
    """The fitted constants of a table with columns constant and value."""
    return {row["constant"]: float(row["value"]) for row in table(name)}


@cache
def cases() -> tuple[Case, ...]:
    """All published cases of compression."""
    return tuple(_case(row) for row in table("cases"))


def positive(value: object, what: str) -> float:
    """A finite number above zero. Raises ValueError with one line."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{what} must be a number above 0, not {str(value)[:40]!r}")
    return float(value)


def _case(row: dict[str, str]) -> Case:
    names = ("parameters", "bits", "activation_bits", "group", "removed", "tokens", "recovery", "loss")
    numbers = {name: number(row[name]) for name in names}
    text = {name: row[name] for name in Case._fields if name not in (*names, "share", "newer")}
    return Case(**text, **numbers, share=number(row["share"]) or 1.0, newer=row["newer"] == "1")  # type: ignore[arg-type]
