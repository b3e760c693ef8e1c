"""Arrays of scenarios in one vectorised pass: axes of anything in a scenario, columns out.

Axes of numbers go through the formulas as broadcast arrays; axes of names, and numbers that change what is looked
up, are walked one by one. Large grids go chunk by chunk, so that only the answer's columns grow with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain, product
from math import prod
from typing import Any

import numpy as np

from costmodel import engine
from costmodel.fields import Figure, figure
from costmodel.job import Assumptions, Job, build, leaves
from costmodel.loading import Override, load
from costmodel.outcome import Outcome
from costmodel.resolve import Resolved, resolve
from costmodel.scenario import Scenario
from costmodel.shapes import ModelShape
from costmodel.source import CONSTANTS, ScenarioError, cut
from costmodel.units import UnitError, count

CHUNK = 1 << 15
MOST_POINTS, MOST_WALKED = 20_000_000, 100_000
Path = str | tuple[str, ...]
Columns = dict[str, np.ndarray]

# Numbers of a scenario whose name in a job differs.
RENAMED = {
    "engine.max_sequences": "traffic.max_sequences",
    "engine.host_time": "profile.framework.host_time_per_step",
    "workload.adapters.rank": "workload.rank",
}
# Numbers of a scenario from which a job's other numbers follow.
FOLLOWED = {"hardware.tdp", "hardware.idle", "model.max_sequence"}
# Numbers that only the layout and the formulas look at: the scenario is checked without them, each point by itself.
FREE = ("devices", "model.", "parallelism.", "workload.global_batch")


class SweepError(ValueError):
    """An axis that cannot be swept; the message names it."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Paths that move together; their values as given, a row for each point; and as arrays in SI where they can."""

    paths: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    arrays: list[np.ndarray] | None


def sweep(
    scenario: Scenario | Mapping[str, Any] | str,
    over: Mapping[str, Sequence[Any]] | Mapping[Path, Sequence[Any]],
    *,
    overrides: Sequence[Override] = (),
    executor: Executor | None = None,
) -> Columns:
    """Estimates of every combination of the values in `over`.

    `over` maps a path to its values, written as in a scenario (64, "80 GB", "fp8"), or a tuple of paths to tuples of
    values that move together. Returns 1-D columns in the order of a product (the last axis fastest): one per axis,
    as given; one per figure under its JSON path ("totals.time_s"), in SI; and `feasible`. Figures are NaN where a
    point does not fit, or where its values contradict each other.
    Raises SweepError for an axis that is empty, unknown or too long and for a value that no scenario accepts.
    """
    base = load(scenario, overrides)
    paths = [path for key in over for path in (key if isinstance(key, tuple) else (key,))]
    if not paths:
        raise SweepError("nothing to sweep over; write for example {'devices': [8, 16, 32]}")
    for path in paths:
        if not isinstance(path, str):
            raise SweepError(f"axis {cut(str(path))} is no path; write for example 'devices'")
        if paths.count(path) > 1:
            raise SweepError(f"axis {cut(path)} is given twice; leave one of them out")
    axes = [_axis(base, key, values, paths) for key, values in over.items()]
    _check_size(axes)
    chunks = _chunks(base, axes)
    first = next(chunks, None)
    if first is None:  # nothing is possible: the base scenario, at no place in the grid, shows which columns there are
        first = _Chunk(resolve(base), {}, (slice(0),) * len(axes), ())
    every = chain([first], chunks)
    return _gather(axes, executor.map(_run, every) if executor else map(_run, every))


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


def _check_size(axes: list[Axis]) -> None:
    points = prod(len(axis.rows) for axis in axes)
    walked = prod(len(axis.rows) for axis in axes if axis.arrays is None)
    if points > MOST_POINTS:
        raise SweepError(f"a sweep of {points:,} points is more than {MOST_POINTS:,}; take fewer values or axes")
    if walked > MOST_WALKED:
        raise SweepError(
            f"{walked:,} combinations of names are more than {MOST_WALKED:,}; take fewer values of "
            + ", ".join(cut(path) for axis in axes if axis.arrays is None for path in axis.paths)
        )


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A block of points: a resolved scenario, the arrays to put in, the place in the grid, the block's shape."""

    resolved: Resolved
    arrays: dict[str, np.ndarray]
    index: tuple[Any, ...]
    shape: tuple[int, ...]


def _chunks(base: Scenario, axes: list[Axis]) -> Iterator[_Chunk]:
    """The grid in blocks of at most CHUNK points; without the walked points that are contradictions."""
    vector = [i for i, axis in enumerate(axes) if axis.arrays is not None]
    walked = [i for i in range(len(axes)) if i not in vector]
    _check_names(base, [axes[i] for i in walked])
    known = [override for i in vector for override in _stand_ins(axes[i])]
    load(base, known)  # raises when no point can be right, such as a request rate for training
    for point in product(*(range(len(axes[i].rows)) for i in walked)):
        at = dict(zip(walked, point, strict=True))
        stated = [pair for i in walked for pair in zip(axes[i].paths, axes[i].rows[at[i]], strict=True)]
        try:
            resolved = resolve(load(base, [*known, *stated]))
        except ScenarioError as error:
            if error.clash:
                continue
            raise
        for slices in _blocks([len(axes[i].rows) for i in vector]):
            arrays = {}
            shape = tuple(s.stop - s.start for s in slices)
            for place, (i, cut_out) in enumerate(zip(vector, slices, strict=True)):
                dims = [shape[place] if n == place else 1 for n in range(len(vector))]
                for path, values in zip(axes[i].paths, axes[i].arrays or (), strict=True):
                    arrays[RENAMED.get(path, path)] = values[cut_out].reshape(dims)
            index = tuple(at[i] if i in at else slices[vector.index(i)] for i in range(len(axes)))
            yield _Chunk(resolved, arrays, index, shape)


def _stand_ins(axis: Axis) -> Iterator[Override]:
    """What stands in the scenario in place of a vector axis: its first value, or nothing where each point is free."""
    for path, value in zip(axis.paths, axis.rows[0], strict=True):
        if not path.startswith(FREE):
            yield path, value.item() if isinstance(value, np.generic) else value
        elif not path.startswith(("devices", "model.")):
            yield path, None


def _check_names(base: Scenario, axes: list[Axis]) -> None:
    """Each value of a walked axis must be one that a scenario accepts, whatever the other axes say."""
    for axis in axes:
        for row in axis.rows:
            try:
                load(base, list(zip(axis.paths, row, strict=True)))
            except ScenarioError as error:
                if not error.clash:
                    raise


def _blocks(lengths: list[int]) -> Iterator[tuple[slice, ...]]:
    """Slices that cut a grid into blocks of at most CHUNK points."""
    sizes, room = [], CHUNK
    for length in reversed(lengths):
        sizes.append(max(1, min(length, room)))
        room //= sizes[-1]
    sizes.reverse()
    starts = (range(0, length, size) for length, size in zip(lengths, sizes, strict=True))
    for corner in product(*starts):
        yield tuple(slice(a, min(a + s, n)) for a, s, n in zip(corner, sizes, lengths, strict=True))


def _run(chunk: _Chunk) -> tuple[tuple[Any, ...], Columns]:
    """The place of a block of points, and its figures."""
    with np.errstate(all="ignore"):  # points that are not feasible may divide by zero
        result = engine.complete(_job(chunk.resolved.assumptions, chunk.arrays), chunk.resolved.kind)
    feasible = np.broadcast_to(np.asarray(result.feasible), chunk.shape)
    columns = {name: np.where(feasible, values, np.nan) for name, values in _figures(result).items()}
    return chunk.index, columns | {"feasible": feasible}


def _job(assumptions: Assumptions, arrays: dict[str, np.ndarray]) -> Job:
    return build(Job, lambda path: arrays[path] if path in arrays else assumptions[path].value)


def _figures(result: Outcome) -> dict[str, Any]:
    found = {f"totals.{name}": value for name, value in result.totals.items()}
    found |= {f"performance.{name}": value for name, value in result.performance.items()}
    return found | {"memory.used_bytes": result.memory_used}


def _gather(axes: list[Axis], results: Iterable[tuple[tuple[Any, ...], Columns]]) -> Columns:
    lengths = [len(axis.rows) for axis in axes]
    columns: Columns = {}
    for place, axis in enumerate(axes):
        dims = [lengths[place] if n == place else 1 for n in range(len(axes))]
        for path, column in zip(axis.paths, zip(*axis.rows, strict=True), strict=True):
            columns[path] = np.broadcast_to(_column(column).reshape(dims), lengths).reshape(-1)
    for index, figures in results:
        for name, values in figures.items():
            if name not in columns:
                columns[name] = np.full(lengths, False if name == "feasible" else np.nan)
            columns[name][index] = values
    return {name: values.reshape(-1) for name, values in columns.items()}


def _column(values: Sequence[Any]) -> np.ndarray:
    """The values of an axis as they were given."""
    if all(isinstance(v, str) for v in values) or all(isinstance(v, int | float | np.number) for v in values):
        return np.array(values)
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def typed_axes(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Axes as typed: ["devices=8,16"] → {"devices": [8.0, 16.0]}. Raises SweepError when one has another form."""
    found: dict[str, list[Any]] = {}
    for text in texts:
        path, _, listed = text.partition("=")
        words = [word.strip() for word in listed.split(",") if word.strip()]
        if not path.strip() or not words:
            raise SweepError(f"{cut(text, 60)!r} is no axis; write for example devices=8,16,32")
        if path.strip() in found:
            raise SweepError(f"axis {cut(path.strip())} is given twice; write its values in one list")
        found[path.strip()] = [_word(word) for word in words]
    return found


def _word(word: str) -> Any:
    try:
        return count(word)
    except UnitError:
        return CONSTANTS.get(word.lower(), word)
