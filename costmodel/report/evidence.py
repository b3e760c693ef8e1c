"""How well predictions hold: of published runs, and of the laws of the shipped profiles over their records."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from costmodel import profile, validation
from costmodel.report.table import as_csv as csv_text
from costmodel.report.text import PERFORMANCE
from costmodel.report.validation import percent
from costmodel.units import counted

PUBLISHED = Path(validation.__file__).with_name("published.csv")
RUNS = PUBLISHED.with_name("runs.csv.gz")
TEXT, COUNTS = ("table", "group", "name"), ("rows", "answered")
WORDS = {name: label for name, (label, _) in PERFORMANCE.items()} | {"peak_memory_bytes": "memory of a device"}

# Units of metrics, by the end of their names; all others are times.
UNITS = {"_bytes": "B", "_w": "W", "_j_per_token": "J", "_j_per_request": "J", "device_hours": "h", "_kwh": "kWh"}

Judged = dict[str, dict[str, Any]]


class Run(NamedTuple):
    """A measurement that was published, and its prediction."""

    source: str
    metric: str
    measured: float
    predicted: float


@cache
def published() -> dict[str, dict[str, Judged]]:
    """Statistics of the tables of published runs: by table, then by metric or source, then by its name."""
    found: dict[str, dict[str, Judged]] = {}
    with PUBLISHED.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            figures = {k: int(v) if k in COUNTS else float(v) for k, v in row.items() if k not in TEXT}
            found.setdefault(row["table"], {}).setdefault(row["group"], {})[row["name"]] = figures
    return found


def in_words(judged: Judged) -> Judged:
    """The same under the names that all reports have for metrics; sources keep theirs."""
    return {words(name): row for name, row in judged.items()}


def words(metric: str) -> str:
    """A metric's name in all reports."""
    return WORDS.get(metric, metric.replace("_", " "))


@cache
def runs(table: str) -> list[Run]:
    """Measurements of a table and their predictions, to three digits; equal ones stand once."""
    with gzip.open(RUNS, "rt", encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["table"] == table]
    return [Run(row["source"], row["metric"], float(row["measured"]), float(row["predicted"])) for row in rows]


def unit(metric: str) -> str:
    """The unit of a metric's figures."""
    return next((unit for end, unit in UNITS.items() if metric.endswith(end)), "s")


def standing(table: str) -> str:
    """How far off the predictions of a table are, in a sentence about what it has most of."""
    judged = published()[table]["metric"]
    name, most = max(judged.items(), key=lambda item: item[1]["answered"])
    return (
        f"{table}: of {counted(most['answered'], 'measurement')} of {words(name)}, half are predicted "
        f"within {percent(most['median'])} (a naive rule: {percent(most['naive_median'])}), nine tenths within "
        f"{percent(most['p90'])}; {percent(most['coverage_80'])} lie in their 80 % range."
    )


def as_csv(table: str) -> str:
    """One line for each metric and source of a table, with its statistics."""
    groups = published()[table]
    names = list(next(row for judged in groups.values() for row in judged.values()))
    lines = ((group, name, row) for group, judged in groups.items() for name, row in judged.items())
    return csv_text([("by", "name", *names), *((*known, *(row.get(n, "") for n in names)) for *known, row in lines)])


def command(table: str) -> str:
    """What judges such a table, here the sample of its rows that stands in the repository."""
    kind = table.partition(" ")[0].lower()
    return f"costmodel validate tests/data/{kind}_runs.csv --kind {kind}"


def profiles() -> list[str]:
    """The shipped profiles that say how well they fit."""
    names = sorted(path.stem for path in profile.FOLDER.glob("*.json"))
    return [name for name in names if profile.load(name).get("fit")]


def overview() -> list[dict[str, str]]:
    """A row for each law: in each profile its median error and the bound of nine tenths of its errors."""
    fits = {name: profile.load(name)["fit"] for name in profiles()}
    laws = dict.fromkeys(law for judged in fits.values() for law in judged)
    return [{"law": law} | {name: _errors(judged.get(law)) for name, judged in fits.items()} for law in laws]


def _errors(row: Mapping[str, Any] | None) -> str:
    return "" if row is None else f"{row['median']:.0%} / {row['p90']:.0%}"


def sources(made: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """Law, source and number of records."""
    listed = made.get("records") or {}
    return [(law, source, count) for law, counts in listed.items() for source, count in counts.items()]
