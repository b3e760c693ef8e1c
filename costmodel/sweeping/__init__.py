"""Arrays of scenarios in one vectorised pass: axes of anything in a scenario, columns out.

Axes of numbers go through the formulas as broadcast arrays; axes of names, and numbers that change what is looked
up, are walked one by one. Large grids go block by block, so that only the answer's columns grow with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from costmodel.loading import Override, load
from costmodel.scenario import Scenario
from costmodel.sweeping.axes import MOST_KEPT, MOST_POINTS, NEEDED, Over, SweepError, lent, read, typed
from costmodel.sweeping.executors import workers
from costmodel.sweeping.grid import Columns, Grid, blank

__all__ = ["MOST_KEPT", "MOST_POINTS", "Stream", "SweepError", "gather", "lent", "stream", "sweep", "typed"]


class Stream:
    """A sweep as it is computed: `points` rows in all, as the columns of one stretch of rows after the other."""

    def __init__(self, grid: Grid, executor: Executor | str | None) -> None:
        self.points, self._grid, self._executor = grid.points, grid, executor

    def __iter__(self) -> Iterator[Columns]:
        with workers(self._executor) as spread:
            yield from self._grid.blocks(spread)


def stream(
    scenario: Scenario | Mapping[str, Any] | str,
    over: Over,
    *,
    overrides: Sequence[Override] = (),
    ranges: bool = False,
    executor: Executor | str | None = None,
    strict: bool = True,
    most: int = MOST_KEPT,
) -> Stream:
    """A sweep of at most so many points in pieces that need little memory; otherwise as `sweep`."""
    lists = {key: list(values) for key, values in over.items() if key in NEEDED and isinstance(values, Sequence)}
    base = load(scenario, overrides, lacking={key: values[0] for key, values in lists.items() if values})
    return Stream(Grid(base, read(base, over, most), ranges, strict), executor)


def sweep(
    scenario: Scenario | Mapping[str, Any] | str,
    over: Over,
    *,
    overrides: Sequence[Override] = (),
    ranges: bool = False,
    executor: Executor | str | None = None,
    strict: bool = True,
) -> Columns:
    """Estimates of every combination of the values in `over`.

    `over` maps a path to its values, written as in a scenario (64, "80 GB", "fp8"), or a tuple of paths to tuples of
    values that move together. Returns 1-D columns in the order of a product (the last axis fastest): one per axis,
    as given; one per figure under its JSON path ("totals.time_s"), in SI, with `ranges` also its 80 % range
    ("totals.time_s.p10", "totals.time_s.p90"); `feasible`, false where something does not fit or requests
    queue up without end; and `reason`, which says what. Figures are NaN there. `executor` is None, "processes",
    "dask:ADDRESS" or a concurrent.futures.Executor.
    Raises SweepError for an axis that is empty, unknown or too long, for a value that no scenario accepts, and, if
    `strict`, for one that contradicts the scenario whatever the other axes say; ScenarioError and CatalogError for what
    is wrong without any axis.
    """
    found = stream(
        scenario, over, overrides=overrides, ranges=ranges, executor=executor, strict=strict, most=MOST_POINTS
    )
    return gather(found, found.points)


def gather(blocks: Iterable[Columns], points: int) -> Columns:
    """One table of so many points from its blocks."""
    columns: Columns = {}
    start = 0
    for block in blocks:
        stop = start + len(block["feasible"])
        for name, values in block.items():
            if name not in columns:
                columns[name] = blank(points, values.dtype)
            columns[name][start:stop] = values
        start = stop
    return columns
