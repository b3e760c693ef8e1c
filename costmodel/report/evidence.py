"""How well the laws of the shipped profiles meet their records: tables over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costmodel import profile


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
