"""Reading a table, and finding a row by name."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

DATA = Path(__file__).with_name("data")
FEW = 12  # names that an error lists in full
PART = 3  # letters from which on a part of a name says which is meant
SIZE = re.compile(r"\d+[bBmM]")  # of a model, which stands behind a dash
SUCH_AS = {"model": "llama-3.1-8b", "hardware": "h100-sxm"}  # where no name is near: entries that any question takes

T = TypeVar("T")


class CatalogError(ValueError):
    """A name that the catalog cannot answer. The message is one line; `candidates` are names that it can."""

    def __init__(self, message: str, candidates: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.candidates = list(candidates)


@cache
def rows(table: str) -> list[dict[str, str]]:
    """The rows of a table, column by name, as text. Cached: do not change them. Raises CatalogError."""
    path = DATA / f"{table}.csv"
    tables = sorted(p.stem for p in DATA.glob("*.csv"))
    if table not in tables:
        raise unknown("catalog table", table, {name: name for name in tables})
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        columns = next(reader)
        return [dict(zip(columns, row, strict=True)) for row in reader]


def key(name: str) -> str:
    """A name as it is compared: upper and lower case, spaces, underscores and dashes are alike."""
    return "-".join(name.lower().replace("_", " ").replace("-", " ").split())


def names(cell: str) -> list[str]:
    """The names in a cell that lists several, separated by semicolons."""
    return [name.strip() for name in cell.split(";") if name.strip()]


def number(cell: str, scale: str = "") -> float | None:
    """A cell in SI, None if blank; `scale` is its unit as a power of ten, such as "e9" for GB (exact to the digit)."""
    return float(cell + scale) if cell else None


def find(index: Mapping[str, T], name: str, what: str, ids: Callable[[], Mapping[str, str]]) -> T:
    """The entry of `index` under `name`; `ids()` gives the id to suggest for each key. Raises CatalogError."""
    if isinstance(name, str) and key(name) in index:
        return index[key(name)]
    raise unknown(what, name, ids())


def unknown(what: str, name: object, ids: Mapping[str, str]) -> CatalogError:
    """The error for a name that nothing has, with the nearest ids: those that it is a part of, if there are any."""
    from difflib import get_close_matches

    text = str(name)[:60]
    part = f"-{key(text)}" if SIZE.fullmatch(text) else key(text)
    within = [k for k in ids if part in k] if len(part) >= PART else []
    near = get_close_matches(key(text), within or ids, n=5, cutoff=0.0 if within else 0.5)
    close = list(dict.fromkeys(ids[k] for k in near))[:3]
    known = list(dict.fromkeys(ids.values()))
    if close:
        hint = f"did you mean {' or '.join(repr(c) for c in close)}?"
    elif len(known) <= FEW:
        hint = f"known are {', '.join(known)}"
    else:
        hint = f"for example {SUCH_AS.get(what, known[0])!r}"
    return CatalogError(f"unknown {what} {text!r}; {hint}", close)
