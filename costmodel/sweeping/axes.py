"""Axes of a sweep: what may vary, read and checked value by value; as arrays where they are plain numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from costmodel.fields import Figure, figure
from costmodel.job import leaves
from costmodel.scenario import Scenario
from costmodel.shapes import ModelShape
from costmodel.source import cut, parse
from costmodel.stated import SECTION
from costmodel.units import UnitError, count

# Points of a sweep in memory and of one that is written to a file; combinations of names, which take a while each.
MOST_POINTS, MOST_KEPT, MOST_WALKED = 20_000_000, 500_000_000, 100_000
Path = str | tuple[str, ...]
Over = Mapping[str, Sequence[Any]] | Mapping[Path, Sequence[Any]]

NEEDED = [name for name, info in Scenario.model_fields.items() if info.is_required()]
# Numbers of a scenario whose name in a job differs.
RENAMED = {
    "engine.max_sequences": "traffic.max_sequences",
    "engine.host_time": "profile.framework.host_time_per_step",
    "workload.adapters.rank": "workload.rank",
}
# Numbers of a scenario from which a job's other numbers follow.
FOLLOWED = {"hardware.tdp", "hardware.idle", "model.max_sequence"}


class SweepError(ValueError):
    """An axis that cannot be swept; the message names it."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Paths that move together; their values as given, a row for each point; and as arrays in SI where they can."""

    paths: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    arrays: list[np.ndarray] | None

    def columns(self, part: slice) -> dict[str, np.ndarray]:
        """The values of each path as they were given, those in `part` of the axis."""
        return {p: _column(v) for p, v in zip(self.paths, zip(*self.rows[part], strict=True), strict=True)}


def read(base: Scenario, over: Over, most: int) -> list[Axis]:
    """The axes of a sweep of `base` with at most so many points.

    Raises SweepError for one that is empty, unknown or wrong in itself, and for too many.
    """
    paths = [path for key in over for path in (key if isinstance(key, tuple) else (key,))]
    if not paths:
        raise SweepError("nothing to sweep over; write for example {'devices': [8, 16, 32]}")
    for path in paths:
        if not isinstance(path, str):
            raise SweepError(f"axis {cut(str(path))} is no path; write for example 'devices'")
        if paths.count(path) > 1:
            raise SweepError(f"axis {cut(path)} is given twice; leave one of them out")
    axes = [_axis(base, key, values, paths) for key, values in over.items()]
    _check_size(axes, most)
    return axes


def _axis(base: Scenario, key: Path, values: Sequence[Any], swept: list[str]) -> Axis:
    paths = (key,) if isinstance(key, str) else tuple(key)
    name = cut(", ".join(map(str, paths)), 80)
    if isinstance(values, str | Mapping) or not hasattr(values, "__len__"):
        raise SweepError(f"axis {name} needs a list of values, such as [8, 16, 32]")
    try:
        rows = [(v,) if isinstance(key, str) else tuple(v) for v in values]
    except TypeError:
        rows = [()]
    if not rows:
        raise SweepError(f"axis {name} has no values")
    if any(len(row) != len(paths) for row in rows):
        raise SweepError(f"axis {name} needs {len(paths)} values at each point")
    columns = list(zip(*rows, strict=True))
    arrays = [_array(base, path, column, swept) for path, column in zip(paths, columns, strict=True)]
    return Axis(paths, rows, None if any(a is None for a in arrays) else [a for a in arrays if a is not None])


def _array(base: Scenario, path: str, values: Sequence[Any], swept: list[str]) -> np.ndarray | None:
    """The values in SI, checked; None when the axis has to be walked."""
    rule = _figure(base, path)
    if rule is None:
        return None
    found = _numbers(path, rule, values)
    if found is None or RENAMED.get(path, path) not in leaves() or path in FOLLOWED:
        return None
    if path.startswith("model.") and (base.compression or any(p.startswith("compression") for p in swept)):
        return None  # a step of compression may change the shape
    if isinstance(base.model, ModelShape):  # shapes that follow from others when they are not said
        said = {f"model.{name}" for name in base.model.model_fields_set} | set(swept)
        needs = {"model.heads": {"model.kv_heads", "model.head_dim"}, "model.hidden": {"model.head_dim"}}
        if not needs.get(path, set()) <= said:
            return None
    return found


def _figure(base: Scenario, path: str) -> Figure | None:
    *sections, name = path.split(".")
    part: Any = base
    for section in sections:
        part = getattr(part, section, None)
    info = getattr(type(part), "model_fields", {}).get(name)
    return figure(info) if info else None


def _numbers(path: str, rule: Figure, values: Sequence[Any]) -> np.ndarray | None:
    """Numbers as the scenario's field takes them; None if some are names. Raises SweepError for one it refuses."""
    if not rule.unit and all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in values):
        try:
            found = np.array(values, dtype=float)
        except OverflowError:
            found = np.array([float("inf") if abs(v) > 1e300 else v for v in values], dtype=float)
        low, high = rule.bounds
        good = (found >= low) & (found <= high) & ((found == np.floor(found)) | (not rule.whole))
        if good.all():
            return found
        values = [values[int(np.argmin(good))]]
    read = [_read(path, rule, value) for value in values]
    return None if any(isinstance(v, str) for v in read) else np.array(read, dtype=float)


def _read(path: str, rule: Figure, value: Any) -> Any:
    try:
        return rule.read(value.item() if isinstance(value, np.generic) else value)
    except (UnitError, ValueError) as error:
        raise SweepError(f"axis {cut(path, 80)}: {cut(str(value))}: {error}") from None


def _check_size(axes: list[Axis], most: int) -> None:
    points = prod(len(axis.rows) for axis in axes)
    walked = prod(len(axis.rows) for axis in axes if axis.arrays is None)
    if points > most:
        instead = ", or write them to a file (--out FILE.csv)" if most < points <= MOST_KEPT else ""
        raise SweepError(f"a sweep of {points:,} points is more than {most:,}; take fewer values or axes{instead}")
    if walked > MOST_WALKED:
        raise SweepError(
            f"{walked:,} combinations of names are more than {MOST_WALKED:,}; take fewer values of "
            + ", ".join(cut(path) for axis in axes if axis.arrays is None for path in axis.paths)
        )


def _column(values: Sequence[Any]) -> np.ndarray:
    """The values of an axis as they were given."""
    if all(isinstance(v, str) for v in values) or all(isinstance(v, int | float | np.number) for v in values):
        return np.array(values)
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def typed(base: Scenario, texts: Sequence[str], most: int = MOST_POINTS) -> dict[str, list[Any]]:
    """Axes as typed: ["devices=8:64:x2", "workload.tokens=1e11:1e13:9:log"] → {"devices": [8, 16, 32, 64], …}.

    A list has commas, each value written as in the scenario. FROM:TO:N stands for N values, evenly spaced as those of
    np.linspace; FROM:TO:N:log for N with equal ratios (np.geomspace); FROM:TO:xF for FROM, F·FROM, … up to TO. Where
    only whole numbers make sense they are rounded. Raises SweepError for any other form, and for a range of more than
    `most` values.
    """
    found: dict[str, list[Any]] = {}
    for text in texts:
        path, _, listed = (part.strip() for part in text.partition("="))
        label = cut(text, 60)
        written = parse(f"[{listed}]", label)
        if not path or not written.tree or written.problems:
            raise SweepError(f"{label!r} is no axis; write for example devices=8,16,32 or devices=8:512:x2")
        if path in found:
            raise SweepError(f"axis {cut(path)} is given twice; write its values in one list")
        rule = _figure(base, path)
        whole = rule is not None and rule.whole
        sized = path.startswith(f"{SECTION}.") if rule is None else bool(rule.unit)
        found[path] = [value for word in written.tree for value in _values(cut(path), word, whole, sized, most)]
    return found


def lent(texts: Sequence[str]) -> dict[str, Any]:
    """What axes as typed lend to a scenario that lacks it: of each key that every scenario needs the first value."""
    found = {}
    for text in texts:
        path, _, listed = (part.strip() for part in text.partition("="))
        values = parse(f"[{listed}]", path).tree
        if path in NEEDED and values:
            first = values[0]
            found[path] = first.partition(":")[0] if path == "devices" and isinstance(first, str) else first
    return found


def _values(path: str, word: Any, whole: bool, sized: bool, most: int) -> list[Any]:
    """The values that one word of a list stands for, in a field of whole numbers or of figures with a unit."""
    parts = [part.strip() for part in word.split(":")] if isinstance(word, str) else []
    if len(parts) < 3 or not set(parts[0]) & set("0123456789"):
        return [_number(word, sized) if isinstance(word, str) else word]
    low, high, unit = _ends(path, word, sized, *parts[:2])
    ratio = parts[2][1:] if parts[2].startswith(("x", "X")) else None
    try:
        step = float(parts[2] if ratio is None else ratio)
    except ValueError:
        step = float("nan")
    logarithmic = ratio is not None or parts[3:] == ["log"]
    good = len(parts) == 3 if ratio is not None else parts[3:] in ([], ["log"]) and step == step // 1
    if not good or not 1 < step < float("inf"):
        raise SweepError(f"axis {path}: {cut(word)!r} is no range; write FROM:TO:N, FROM:TO:N:log, or FROM:TO:x2")
    if logarithmic and not 0 < low < high:
        raise SweepError(
            f"axis {path}: {cut(word)!r} multiplies, and so needs 0 < FROM < TO; write for example 8:512:x2"
        )
    many = step if ratio is None else 1 + np.floor(np.log(high / low) / np.log(step) + 1e-9)
    if many > most:
        raise SweepError(f"axis {path}: {cut(word)!r} has {many:,.0f} values, more than {most:,}; take fewer")
    if ratio is not None:
        numbers = low * step ** np.arange(many)
    else:
        numbers = (np.geomspace if logarithmic else np.linspace)(low, high, int(many))
    if whole:
        numbers = np.unique(np.rint(numbers))
    return [f"{float(n)!r} {unit}" if unit else float(n) for n in numbers]


def _ends(path: str, word: str, sized: bool, low: str, high: str) -> tuple[float, float, str]:
    """Both ends of a range and their unit, "" for plain numbers."""
    split = [re.fullmatch(r"([-+]?[\d._]+(?:[eE][-+]?\d+)?)\s*(.*)", end) for end in (low, high)]
    try:
        return _count(low, sized), _count(high, sized), ""
    except UnitError:
        units = {found.group(2) for found in split if found}
        if len(units) == 1 and all(split) and "" not in units:
            return *(float(found.group(1)) for found in split if found), units.pop()  # type: ignore[return-value]
    wanted = "needs a number with the same unit at both ends; write for example '1 USD/h:4 USD/h:7'"
    raise SweepError(f"axis {path}: {cut(word)!r} {wanted}")


def _number(word: str, sized: bool) -> Any:
    try:
        return _count(word, sized)
    except UnitError:
        return word


def _count(text: str, sized: bool) -> float:
    """A number without a unit. Raises UnitError: where figures have units, 4 B is four bytes, not four billion."""
    if sized and text[-1:].isalpha():
        raise UnitError(text)
    return count(text)
