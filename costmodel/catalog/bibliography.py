"""Publications that formulas and tables cite."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.catalog.table import find, key, rows


@dataclass(frozen=True, slots=True)
class Entry:
    """A publication; `where` is a journal, an arXiv number or an address."""

    id: str
    authors: str
    year: str
    title: str
    where: str


def entry(source: str) -> Entry:
    """The publication that a source id such as "narayanan-2021" names. Raises CatalogError."""
    index = {key(row["id"]): row for row in rows("bibliography")}
    return Entry(**find(index, source, "source", {k: row["id"] for k, row in index.items()}))
