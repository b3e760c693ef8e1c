"""The grid of a sweep: blocks of rows, each computed by whole arrays, with the reason where there is none.

A block is a stretch of rows in the order of the product. In it, axes of names are walked one combination at a time,
and all numbers go through the formulas as one broadcast array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

import numpy as np

from costmodel import engine
from costmodel.catalog import CatalogError
from costmodel.job import Assumption, Layout, numbers
from costmodel.loading import Override, load
from costmodel.memory import free_bytes
from costmodel.outcome import Outcome, suffices
from costmodel.parallel.layout import rules
from costmodel.ranges import DRAWS, drawn, percentiles_of
from costmodel.resolve import Resolved, resolve
from costmodel.scenario import Scenario
from costmodel.source import ScenarioError, cut
from costmodel.sweeping.axes import RENAMED, Axis, SweepError

# Numbers computed at once: enough to hide the cost of a call, few enough for the processor's cache.
CHUNK = 1 << 15
# Rows of a block, and pieces of a task, at most.
BLOCK, TASK = 1 << 20, 32
# Numbers that only the layout and the formulas look at: the scenario is checked without them, each point by itself.
FREE = ("devices", "model.", "parallelism.", "workload.global_batch")
OVERLOAD = "overload: fewer requests are answered than arrive"

Columns = dict[str, Any]
Place = tuple[slice, ...]
Map = Callable[[Callable[[list[Place]], list[Columns]], Iterable[list[Place]]], Iterable[list[Columns]]]


@dataclass(frozen=True)
class Grid:
    """All combinations of the axes' values; with `ranges` the spread of every figure too.

    `strict`: a value that contradicts the scenario, whatever the other axes say, is an error; else only if all do, or
    if it is no value at all.
    """

    base: Scenario
    axes: list[Axis]
    ranges: bool = False
    strict: bool = True
    _resolved: dict[Any, Resolved] = field(default_factory=dict)  # of the names walked last

    @property
    def points(self) -> int:
        """How many combinations there are."""
        return prod(len(axis.rows) for axis in self.axes)

    def blocks(self, spread: Map = map) -> Iterator[Columns]:
        """Columns of one stretch of rows after the other; `spread` maps tasks to workers and keeps their order.

        Raises SweepError before the last block if a value is wrong.
        """
        walked = prod(len(axis.rows) for axis in self.axes if axis.arrays is None)
        places = list(_cuts([slice(0, len(a.rows)) for a in self.axes], min(CHUNK * walked, BLOCK)))
        found = iter(spread(self.run, (task for place in places for task in self._tasks(place))))
        possible = [np.zeros(len(axis.rows), dtype=bool) for axis in self.axes]
        for place in places:
            block = self._block(place, found)
            valid = block.pop("possible")
            for i, (seen, part) in enumerate(zip(possible, place, strict=True)):
                seen[part] |= valid.any(axis=tuple(n for n in range(len(place)) if n != i))
            if place is places[-1] and (self.strict or not possible[0].any()):
                self._check(possible)
            yield {name: values.reshape(-1) for name, values in block.items()}

    def run(self, task: list[Place]) -> list[Columns]:
        """What a worker does: the columns of each piece, in its shape."""
        return [self._piece(place) for place in task]

    def _tasks(self, block: Place) -> list[list[Place]]:
        """The pieces of a block (one combination of names, a chunk of numbers), several small ones together."""
        named = [a.arrays is None for a in self.axes]
        steps = [[slice(n, n + 1) for n in range(b.start, b.stop)] for b, n in zip(block, named, strict=True) if n]
        chunk = CHUNK // DRAWS if self.ranges else CHUNK
        pieces = []
        for names in product(*steps):
            for rest in _cuts([b for b, n in zip(block, named, strict=True) if not n], chunk):
                place = {True: iter(names), False: iter(rest)}
                pieces.append(tuple(next(place[n]) for n in named))
        size = max(1, min(TASK, chunk // prod(_shape(pieces[0]))))
        return [pieces[i : i + size] for i in range(0, len(pieces), size)]

    def _block(self, block: Place, found: Iterator[list[Columns]]) -> Columns:
        """The columns of one block, put together from what its tasks found."""
        shape, columns, figures = _shape(block), {}, {}
        for i, (axis, part) in enumerate(zip(self.axes, block, strict=True)):
            for path, values in axis.columns(part).items():
                columns[path] = np.broadcast_to(values.reshape([-1 if n == i else 1 for n in range(len(shape))]), shape)
        for task in self._tasks(block):
            for place, piece in zip(task, next(found), strict=True):
                inside = tuple(slice(p.start - b.start, p.stop - b.start) for p, b in zip(place, block, strict=True))
                for name, values in piece.items():
                    if name not in figures:
                        figures[name] = (
                            np.full(shape, np.nan) if values.dtype == float else np.zeros(shape, values.dtype)
                        )
                    figures[name][inside] = values
        ends = {name: figures.pop(name) for name in ("feasible", "reason", "possible")}
        return columns | figures | ends

    def _piece(self, place: Place) -> Columns:
        names = tuple((i, part.start) for i, part in enumerate(place) if self.axes[i].arrays is None)
        if names not in self._resolved:
            self._resolved.clear()
            stated = [change for i, row in names for change in self._said(i, row)]
            try:
                self._resolved[names] = resolve(load(self.base, [*self._stand_ins(), *stated]))
            except (ScenarioError, CatalogError) as error:
                if not self.strict and not (isinstance(error, ScenarioError) and error.clash):
                    raise
                why = np.array(_line(*_words(error)), dtype=object)
                return {"feasible": np.False_, "reason": why, "possible": np.False_}
        shape, arrays = _shape(place), {}
        for i, (axis, part) in enumerate(zip(self.axes, place, strict=True)):
            for path, values in zip(axis.paths, axis.arrays or (), strict=axis.arrays is not None):
                arrays[RENAMED.get(path, path)] = values[part].reshape([-1 if n == i else 1 for n in range(len(shape))])
        return _figures_of(self._resolved[names], arrays, shape, self.ranges)

    def _said(self, axis: int, row: int) -> list[tuple[str, Any]]:
        return list(zip(self.axes[axis].paths, map(_plain, self.axes[axis].rows[row]), strict=True))

    def _stand_ins(self) -> Iterator[Override]:
        """What stands in the scenario in place of a numeric axis: its first value, or nothing where points are free."""
        for i, axis in enumerate(self.axes):
            first: list[tuple[str, Any]] = self._said(i, 0) if axis.arrays is not None else []
            for path, value in first:
                if not path.startswith(FREE):
                    yield path, value
                elif not path.startswith(("devices", "model.")):
                    yield path, None

    def _check(self, possible: list[np.ndarray]) -> None:
        """Raise SweepError for a value that is possible nowhere, in the words of an estimate of its first point.

        Where the axes have nothing to do with it, that estimate's own error.
        """
        wrong = [(i, int(np.argmin(seen))) for i, seen in enumerate(possible) if not seen.all()]
        if not wrong:
            return
        point = dict.fromkeys(range(len(self.axes)), 0) | dict(wrong[:1])
        path, words = self._obstacle([change for i, row in point.items() for change in self._said(i, row)])
        if (path, words) == self._obstacle([]):
            self._try([])
        place, row = next((w for w in wrong if self._obstacle(self._said(*w)) == (path, words)), wrong[0])
        axis = self.axes[place]
        values = ", ".join(cut(f"{v:.15g}" if isinstance(v, float) else str(v)) for v in map(_plain, axis.rows[row]))
        where = "" if path in axis.paths else path
        raise SweepError(f"axis {cut(', '.join(axis.paths), 80)}: {values}: {_line(where, words)}")

    def _obstacle(self, changes: Sequence[Override]) -> tuple[str, str]:
        """What is wrong with the scenario after some changes: path and words."""
        try:
            self._try(changes)
        except (ScenarioError, CatalogError) as error:
            return _words(error)
        return "", ""

    def _try(self, changes: Sequence[Override]) -> None:
        """The scenario after some changes, settled. Raises ScenarioError, CatalogError."""
        scenario = load(self.base, changes)
        with scenario.written.located():
            resolved = resolve(scenario)
            engine.settle(numbers(resolved.assumptions), resolved.kind)


def _figures_of(resolved: Resolved, arrays: dict[str, np.ndarray], shape: tuple[int, ...], ranges: bool) -> Columns:
    """Every figure of an array of jobs, NaN where there is no answer; with the reason for that."""
    said = numbers(resolved.assumptions, arrays)
    with np.errstate(all="ignore"):  # points that are not feasible may divide by zero
        result = engine.complete(said, resolved.kind)
        feasible = np.broadcast_to(np.asarray(suffices(result, resolved.kind)), shape)
        found = {name: np.where(feasible, values, np.nan) for name, values in _named(result).items()}
        if ranges:
            found = _with_ranges(found, feasible, resolved, arrays, result.job.parallelism)
    possible, reason = np.ones(shape, dtype=bool), np.full(shape, "", dtype=object)
    if not feasible.all():
        memory = _memory(free_bytes(result.job.hardware.memory, result.memory_used), shape)
        reason = np.where(feasible, "", np.where(result.feasible, OVERLOAD, memory))
        for holds, rule, _ in rules(result.job, said):
            broken = np.broadcast_to(~np.asarray(holds), shape) & possible
            reason[broken], possible = f"layout: {rule}", possible & ~broken
    return found | {"feasible": feasible, "reason": reason, "possible": possible}


def _with_ranges(
    found: Columns, feasible: np.ndarray, resolved: Resolved, arrays: dict[str, np.ndarray], layout: Layout
) -> Columns:
    """The figures with their 10th and 90th percentile: each point drawn as an estimate of it is, in its own layout."""

    def last(value: Any) -> Any:  # the draws are one axis more
        return value[..., None] if isinstance(value, np.ndarray) else value

    assumptions = dict(resolved.assumptions)
    for path, values in arrays.items():
        assumptions[path] = Assumption(path, last(values), assumptions[path].unit, "given", "an axis of the sweep")
    job, _ = drawn(assumptions, Layout(*(last(getattr(layout, name)) for name in Layout.__slots__)))
    columns: Columns = {}
    for name, values in _named(engine.outcome(job, resolved.kind)).items():
        low, _, high = percentiles_of(name, np.broadcast_to(values, (*feasible.shape, DRAWS)))
        columns |= {name: found[name]}
        columns |= {f"{name}.{p}": np.where(feasible, v, np.nan) for p, v in (("p10", low), ("p90", high))}
    return columns


def _named(result: Outcome) -> dict[str, Any]:
    """The figures of an outcome by their path in its JSON."""
    found = {f"totals.{name}": value for name, value in result.totals.items()}
    found |= {f"performance.{name}": value for name, value in result.performance.items()}
    return found | {"memory.used_bytes": result.memory_used}


def _memory(free: Any, shape: tuple[int, ...]) -> np.ndarray:
    """How much memory is missing, to two digits: few different words for a million points."""
    missing = np.maximum(-np.asarray(free), 1.0)
    digit = 10 ** (np.floor(np.log10(missing)) - 1)
    sizes, place = np.unique(np.ceil(missing / digit) * digit, return_inverse=True)
    words = np.array([f"memory: {size / 1e9:.4g} GB too little per device" for size in sizes], dtype=object)
    return np.broadcast_to(words[place.reshape(np.shape(free))], shape)


def _words(error: ScenarioError | CatalogError) -> tuple[str, str]:
    """Which path is wrong, and what about it."""
    return ("", str(error)) if isinstance(error, CatalogError) else (error.problems[0].path, error.problems[0].message)


def _line(path: str, words: str) -> str:
    return f"{path}: {words}" if path else words


def blank(shape: int | tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """A column without answers: NaN, where it holds figures."""
    return np.full(shape, np.nan) if dtype.kind == "f" else np.zeros(shape, dtype)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _shape(place: Place) -> tuple[int, ...]:
    return tuple(part.stop - part.start for part in place)


def _cuts(whole: list[slice], most: int) -> Iterator[Place]:
    """Parts of at most `most` points, each a stretch of the product's order (the last axis fastest)."""
    sizes, room = [], most
    for part in reversed(whole):
        sizes.append(max(1, min(part.stop - part.start, room)))
        room //= sizes[-1]
    sizes.reverse()
    for corner in product(*(range(part.start, part.stop, size) for part, size in zip(whole, sizes, strict=True))):
        yield tuple(slice(a, min(a + n, part.stop)) for a, n, part in zip(corner, sizes, whole, strict=True))
