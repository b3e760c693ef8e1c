"""Ranges: draws of the assumptions go through the same formulas; percentiles and what matters come out.

The draws are an additive recurrence (Roberts 2018), which covers many dimensions evenly with a few hundred points.
Each assumption with a spread is drawn log-normally on either side of its value, so that 10 % lie below `low` and
10 % above `high`.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np

from costmodel.engine import outcome
from costmodel.job import Assumption, Assumptions, Job, Layout, build
from costmodel.outcome import Outcome
from costmodel.units import Number

DRAWS = 256
Z90 = NormalDist().inv_cdf(0.9)


@lru_cache(maxsize=4)
def normals(dimensions: int, count: int = DRAWS) -> np.ndarray:
    """Quasi-random standard normals, shape (dimensions, count)."""
    root = 2.0
    for _ in range(32):  # the generalised golden ratio: root ** (dimensions + 1) = root + 1
        root = (1 + root) ** (1 / (dimensions + 1))
    step = root ** -np.arange(1.0, dimensions + 1)
    uniform = (0.5 + np.outer(step, np.arange(1, count + 1))) % 1
    inverse = NormalDist().inv_cdf
    ranks = np.argsort(np.argsort(uniform, axis=1), axis=1)
    quantiles = np.array([inverse((i + 0.5) / count) for i in range(count)])
    return np.asarray(quantiles[ranks])


def uncertain(assumptions: Assumptions) -> list[Assumption]:
    """The assumptions that have a spread."""
    return [a for a in assumptions.values() if a.low is not None and a.high is not None and a.value and a.low < a.high]


def draw(assumption: Assumption, z: np.ndarray) -> np.ndarray:
    """Values of one assumption at standard normals z."""
    low, high = max(assumption.low or 0.0, 1e-3 * assumption.value), assumption.high or assumption.value
    up, down = np.log(max(high / assumption.value, 1.0)), np.log(max(assumption.value / low, 1.0))
    values = assumption.value * np.exp(np.where(z > 0, up, down) * z / Z90)
    return np.minimum(values, 0.99) if assumption.unit == "fraction" else np.asarray(values)


def drawn(assumptions: Assumptions, layout: Layout) -> tuple[Job, list[Assumption]]:
    """The job with every uncertain number as an array of draws, in the layout already chosen."""
    spread = uncertain(assumptions)
    z = normals(len(spread))
    values: dict[str, Number] = {a.path: draw(a, z[i]) for i, a in enumerate(spread)}
    values |= {f"parallelism.{name}": getattr(layout, name) for name in Layout.__slots__}
    return build(Job, lambda path: values[path] if path in values else assumptions[path].value), spread


def ranges(
    assumptions: Assumptions, layout: Layout, kind: str
) -> tuple[dict[str, dict[str, float]], dict[str, list[tuple[str, float]]]]:
    """Percentiles of every total and performance figure, and for totals which assumptions move them most.

    Returns ({name: {p10, p50, p90}}, {total: [(path, share of the variance of its logarithm), …]}).
    """
    job, spread = drawn(assumptions, layout)
    result = outcome(job, kind)
    percentiles, drivers = {}, {}
    z, places = normals(len(spread)), np.linspace(0, 1, DRAWS)
    for name, values in figures(result).items():
        array = np.broadcast_to(np.asarray(values, dtype=float), (DRAWS,))
        low, middle, high = np.interp((0.1, 0.5, 0.9), places, np.sort(array))  # np.quantile imports much
        percentiles[name] = {"p10": float(low), "p50": float(middle), "p90": float(high)}
        if name in result.totals:
            drivers[name] = influence(array, z, spread)
    return percentiles, drivers


def figures(result: Outcome) -> dict[str, Number]:
    """Totals and performance by name."""
    return result.totals | result.performance | {"memory_used_bytes": result.memory_used}


def influence(values: np.ndarray, z: np.ndarray, spread: list[Assumption], most: int = 8) -> list[tuple[str, float]]:
    """Squared correlation of ln(values) with each assumption's draw, largest first."""
    if not np.all(values > 0) or np.ptp(values) == 0:
        return []
    logs = np.log(values) - np.log(values).mean()
    draws = z - z.mean(axis=1, keepdims=True)
    squared = (draws @ logs) ** 2 / ((draws**2).sum(axis=1) * (logs**2).sum())
    shares = zip((a.path for a in spread), squared.tolist(), strict=True)
    return sorted(shares, key=lambda item: -item[1])[:most]
