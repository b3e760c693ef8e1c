"""Publications that formulas and tables cite."""

from __future__ import annotations

import re
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

    @property
    def work(self) -> str:
        """Who said it when: authors, year and title."""
        return f"{self.authors}{f' ({self.year})' * bool(self.year)}. {self.title}."

    @property
    def link(self) -> str:
        """Its address; empty where `where` names none."""
        if paper := re.match(r"arXiv:([\d.]+\d)", self.where):
            return f"https://arxiv.org/abs/{paper[1]}"
        site = re.match(r"[\w.-]+\.(com|org|co|au)\b[^\s,;]*", self.where)
        return f"https://{site[0]}" if site else ""


def entry(source: str) -> Entry:
    """The publication that a source id such as "narayanan-2021" names. Raises CatalogError."""
    index = {key(row["id"]): row for row in rows("bibliography")}
    return Entry(**find(index, source, "source", lambda: {k: row["id"] for k, row in index.items()}))


def is_entry(source: str) -> bool:
    """Whether a source is the id of a publication, not a text that names one."""
    return any(row["id"] == source for row in rows("bibliography"))
