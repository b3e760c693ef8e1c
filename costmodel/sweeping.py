"""Arrays of scenarios in one vectorised pass: axes of anything in a scenario, columns out.

Axes of plain numbers go through the formulas as broadcast arrays; axes of names, and numbers that change what is
looked up, are walked one by one. Large grids go chunk by chunk, so that memory stays constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from itertools import product
from math import prod
from typing import Any

import numpy as np

from costmodel import engine
from costmodel.job import Assumptions, Job, build
from costmodel.loading import load
from costmodel.outcome import Outcome
from costmodel.resolve import Resolved, resolve
from costmodel.scenario import Scenario
from costmodel.units import UnitError, count

CHUNK = 1 << 15
Path = str | tuple[str, ...]
Columns = dict[str, np.ndarray]

# What a scenario's number becomes in a job, where its name differs; all others are named alike.
ALIASES = {"model.attention_bias": "model.qkv_bias", "traffic.max_sequences": "engine.max_sequences"}
VECTOR = (
    "devices",
    "workload.",
    "traffic.",
    "hardware.",
    "model.",
    "parallelism.",
    "costs.price",
    "costs.pue",
    "costs.grid",
    "costs.electricity",
    "costs.storage",
    "costs.checkpoints_kept",
    "costs.hardware_price",
    "costs.hardware_life",
)


class SweepError(ValueError):
    """An axis that cannot be swept; the message names it."""


def sweep(
    scenario: Scenario | Mapping[str, Any] | str,
    over: Mapping[Path, Sequence[Any]],
    *,
    overrides: Sequence[str] = (),
    executor: Executor | None = None,
) -> Columns:
    """Estimates of every combination of the values in `over`.

    `over` maps a path to its values, or a tuple of paths to tuples of values that move together. Returns
    1-D columns in the order of a product (the last axis fastest): one per axis, one per figure under its JSON
    path ("totals.time_s"), NaN where infeasible, and `feasible`.
    Raises SweepError for an axis that is empty or unknown, ScenarioError for a value that a scenario refuses.
    """
    base = load(scenario, overrides) if not isinstance(scenario, Scenario) else scenario
    axes = [_axis(path, values) for path, values in over.items()]
    if not axes:
        raise SweepError("nothing to sweep over; write for example {'devices': [8, 16, 32]}")
    jobs = list(_chunks(base, axes))
    results = executor.map(_run, jobs) if executor else map(_run, jobs)
    return _gather(axes, list(zip((index for _, _, index, _ in jobs), results, strict=True)))


def _axis(path: Path, values: Sequence[Any]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    paths = (path,) if isinstance(path, str) else tuple(path)
    rows = [(v,) if isinstance(path, str) else tuple(v) for v in values]
    if not rows:
        raise SweepError(f"axis {', '.join(paths)} has no values")
    if any(len(row) != len(paths) for row in rows):
        raise SweepError(f"axis {', '.join(paths)} needs {len(paths)} values at each point")
    return paths, rows


def _is_vector(axis: tuple[tuple[str, ...], list[tuple[Any, ...]]]) -> bool:
    paths, rows = axis
    plain = all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for row in rows for v in row)
    return plain and all(path.startswith(VECTOR) for path in paths)


Work = tuple[Resolved, dict[str, np.ndarray], tuple[Any, ...], tuple[int, ...]]


def _chunks(base: Scenario, axes: list[Any]) -> Iterator[Work]:
    """Resolved scenarios with the arrays to put in, each at most CHUNK points, with their place in the grid."""
    vector = [i for i, axis in enumerate(axes) if _is_vector(axis)]
    walked = [i for i in range(len(axes)) if i not in vector]
    for point in product(*(range(len(axes[i][1])) for i in walked)):
        fixed = dict(zip(walked, point, strict=True))
        stated = {p: v for i, at in fixed.items() for p, v in zip(axes[i][0], axes[i][1][at], strict=True)}
        first = {p: v for i in vector for p, v in zip(axes[i][0], axes[i][1][0], strict=True)}
        resolved = resolve(_with(base, stated | first))
        _check_values(base, stated, [axes[i] for i in vector])
        for slices in _blocks([len(axes[i][1]) for i in vector]):
            arrays, shape = {}, tuple(s.stop - s.start for s in slices)
            for place, (i, cut) in enumerate(zip(vector, slices, strict=True)):
                dims = [1] * len(vector)
                dims[place] = shape[place]
                for column, path in enumerate(axes[i][0]):
                    values = np.array([row[column] for row in axes[i][1][cut]], dtype=float)
                    arrays[ALIASES.get(path, path)] = values.reshape(dims)
            index = tuple(fixed[i] if i in fixed else slices[vector.index(i)] for i in range(len(axes)))
            yield resolved, arrays, index, shape


def _with(base: Scenario, stated: dict[str, Any]) -> Scenario:
    return load(base, [f"{path}={value}" for path, value in stated.items()]) if stated else base


def _check_values(base: Scenario, stated: dict[str, Any], axes: list[Any]) -> None:
    """Every value of a vector axis must be one that a scenario accepts: its extremes are tried."""
    for paths, rows in axes:
        for column, path in enumerate(paths):
            for value in {min(r[column] for r in rows), max(r[column] for r in rows)}:
                if path.startswith(("costs.", "hardware.", "traffic.request_rate")) and value >= 0:
                    continue  # quantities in SI
                if value != value or value < 0:
                    raise SweepError(f"axis {path}: {value} is not a number above zero")


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


def _run(work: Work) -> Columns:
    resolved, arrays, _, shape = work
    job = _job(resolved.assumptions, arrays)
    result = engine.complete(job, resolved.kind)
    feasible = np.broadcast_to(np.asarray(result.feasible), shape)
    columns = {name: np.where(feasible, values, np.nan) for name, values in _figures(result).items()}
    return columns | {"feasible": feasible}


def _job(assumptions: Assumptions, arrays: dict[str, np.ndarray]) -> Job:
    unknown = [path for path in arrays if path not in assumptions]
    if unknown:
        raise SweepError(f"axis {unknown[0]} is not a number of a scenario")
    return build(Job, lambda path: arrays[path] if path in arrays else assumptions[path].value)


def _figures(result: Outcome) -> dict[str, Any]:
    found = {f"totals.{name}": value for name, value in result.totals.items()}
    found |= {f"performance.{name}": value for name, value in result.performance.items()}
    return found | {"memory.used_bytes": result.memory_used}


def _gather(axes: list[Any], results: list[tuple[Any, Columns]]) -> Columns:
    lengths = [len(rows) for _, rows in axes]
    columns: Columns = {}
    for place, (paths, rows) in enumerate(axes):
        for column, path in enumerate(paths):
            values = np.array([row[column] for row in rows])
            dims = [1] * len(axes)
            dims[place] = len(rows)
            columns[path] = np.broadcast_to(values.reshape(dims), lengths).reshape(-1)
    for index, found in results:
        for name, values in found.items():
            if name not in columns:
                columns[name] = np.empty(lengths, dtype=values.dtype)
            columns[name][index] = values
    return {name: values.reshape(-1) if values.ndim > 1 else values for name, values in columns.items()}


def points(over: Mapping[Path, Sequence[Any]]) -> int:
    """How many points a sweep has."""
    return prod(len(values) for values in over.values())


def axis(text: str) -> tuple[str, list[Any]]:
    """An axis as typed: "devices=8,16" → ("devices", [8.0, 16.0]). Raises SweepError when it has another form."""
    path, _, listed = text.partition("=")
    words = [word.strip() for word in listed.split(",") if word.strip()]
    if not path or not words:
        raise SweepError(f"{text[:60]!r} is no axis; write for example devices=8,16,32")
    values: list[Any] = []
    for word in words:
        try:
            values.append(count(word))
        except UnitError:
            values.append(word)
    return path.strip(), values
