"""Ranges: draws of the assumptions go through the same formulas; percentiles and what matters come out.

The draws are a Latin hypercube (McKay et al. 1979): every assumption meets each of its quantiles once, in an order of
its own, which stays when others are stated. An additive recurrence, which covers few dimensions more evenly, is
correlated in a hundred of them and made assumptions look important that a total does not depend on.
Each assumption with a spread is drawn log-normally on either side of its value, so that 10 % lie below `low` and
10 % above `high`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from statistics import NormalDist
from zlib import crc32

import numpy as np

from costmodel.engine import outcome
from costmodel.job import Assumption, Assumptions, Job, Layout, assemble, numbers
from costmodel.outcome import Outcome
from costmodel.units import Number

DRAWS = 512
SHARES = ("mfu", "goodput")  # figures that are a share of a whole
CHANCE = 0.03  # a share that one draw in two hundred reaches where nothing else explains the values
Z90 = NormalDist().inv_cdf(0.9)


@lru_cache(maxsize=4)
def normals(names: tuple[str, ...], count: int = DRAWS) -> np.ndarray:
    """Standard normals of a Latin hypercube, shape (names, count): of one name the same at every call."""
    own = np.array([crc32(name.encode()) for name in names], dtype=np.uint64)
    cells = own[:, np.newaxis] * np.uint64(1 << 32) + np.arange(count, dtype=np.uint64)
    ranks = np.argsort(_mixed(cells), axis=1)
    quantiles = np.array([NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)])
    return np.asarray(quantiles[ranks])


@lru_cache(maxsize=4)
def _regression(names: tuple[str, ...]) -> np.ndarray:
    """What gives the coefficients of a regression on the draws, each times its spread: shape (names, count)."""
    z = normals(names)
    draws = z - z.mean(axis=1, keepdims=True)
    return np.asarray(np.linalg.solve(draws @ draws.T, draws) * z.std(axis=1, keepdims=True))


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """64-bit numbers with their bits mixed: the output function of SplitMix64 (Steele et al. 2014)."""
    mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def uncertain(assumptions: Assumptions) -> list[Assumption]:
    """The assumptions that have a spread."""
    return [a for a in assumptions.values() if a.low is not None and a.high is not None and a.value and a.low < a.high]


def draw(assumption: Assumption, z: np.ndarray) -> np.ndarray:
    """Values of one assumption at standard normals z; a fraction stays below 1, or below a value measured above 1."""
    low, high = max(assumption.low or 0.0, 1e-3 * assumption.value), assumption.high or assumption.value
    up, down = np.log(max(high / assumption.value, 1.0)), np.log(max(assumption.value / low, 1.0))
    values = assumption.value * np.exp(np.where(z > 0, up, down) * z / Z90)
    return np.minimum(values, max(1.0, assumption.value)) if assumption.unit == "fraction" else np.asarray(values)


def drawn(assumptions: Assumptions, layout: Layout) -> tuple[Job, list[Assumption]]:
    """The job with every uncertain number as an array of draws, in the layout already chosen."""
    spread = uncertain(assumptions)
    z = normals(tuple(a.path for a in spread))
    values = {a.path: draw(a, z[i]) for i, a in enumerate(spread)}
    return replace(numbers(assumptions, values), parallelism=layout), spread


def stacked(given: Sequence[Assumptions], layouts: Sequence[Layout], z: Mapping[str, np.ndarray]) -> Job:
    """One job whose numbers are arrays [scenario, draw], each scenario in its own layout.

    `z` holds standard normals by the path of what is drawn; a scenario without a spread there keeps its value. All
    models are of one architecture.
    """
    spread = [{a.path: a for a in uncertain(each)} for each in given]
    chosen = {f"parallelism.{name}": [getattr(layout, name) for layout in layouts] for name in Layout.__slots__}

    def value(path: str) -> Number:
        if path in z:
            lines = [
                draw(own[path], z[path]) if path in own else np.full(len(z[path]), each[path].value)
                for own, each in zip(spread, given, strict=True)
            ]
            return np.stack(lines)
        values = chosen.get(path) or [each[path].value for each in given]
        if values[0] is None or all(v == values[0] for v in values):
            return values[0]
        return np.array(values, dtype=float)[:, np.newaxis]

    return assemble(given[0], value)


def ranges(
    assumptions: Assumptions, layout: Layout, kind: str
) -> tuple[dict[str, dict[str, float]], dict[str, list[tuple[str, float]]]]:
    """Percentiles of every total and performance figure, and for totals which assumptions move them most.

    Returns ({name: {p10, p50, p90}}, {total: [(path, share of the variance of its logarithm), …]}).
    """
    job, spread = drawn(assumptions, layout)
    result = outcome(job, kind)
    percentiles, drivers = {}, {}
    for name, values in figures(result).items():
        array = np.broadcast_to(np.asarray(values, dtype=float), (DRAWS,))
        low, middle, high = map(float, percentiles_of(name, array))
        percentiles[name] = {"p10": low, "p50": middle, "p90": high}
        if name in result.totals:
            drivers[name] = influence(array, spread)
    return percentiles, drivers


def percentiles_of(name: str, values: np.ndarray) -> tuple[np.ndarray, ...]:
    """10th, 50th and 90th percentile of a figure: of a share up to 1, beyond which only noise of the laws reaches."""
    found = quantiles(values)
    return tuple(np.minimum(found, 1.0)) if name.rpartition(".")[2] in SHARES else found


def quantiles(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """10th, 50th and 90th percentile along the last axis (np.quantile imports much)."""
    ordered, last = np.sort(values, axis=-1), values.shape[-1] - 1
    below, share = np.divmod(np.array([0.1, 0.5, 0.9]) * last, 1)
    low = ordered[..., below.astype(int)]
    found = low + share * (ordered[..., below.astype(int) + 1] - low)
    return found[..., 0], found[..., 1], found[..., 2]


def figures(result: Outcome) -> dict[str, Number]:
    """Totals and performance by name."""
    return result.totals | result.performance | {"memory_used_bytes": result.memory_used}


def influence(values: np.ndarray, spread: list[Assumption], most: int = 8) -> list[tuple[str, float]]:
    """The share of each assumption's draw in the variance of ln(values), largest first; without what may be chance.

    Squared standardised coefficients of a regression on all assumptions together (Saltelli et al. 2008, §1.2.5): draws
    of one that does not matter are correlated a little with those of one that does.
    """
    if not np.all(values > 0) or np.ptp(values) == 0:
        return []
    logs = np.log(values) - np.log(values).mean()
    squared = (_regression(tuple(a.path for a in spread)) @ logs) ** 2 / logs.var()
    shares = zip((a.path for a in spread), squared.tolist(), strict=True)
    return sorted((s for s in shares if s[1] > CHANCE), key=lambda item: -item[1])[:most]
