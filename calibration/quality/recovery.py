"""Bands of recovered accuracy: costmodel.quality.recovery, and how they hold on sources that were left out."""

from __future__ import annotations

import numpy as np

from costmodel.calibration.quality import fitting
from costmodel.quality import pruning, recovery

CHECKED = ("fp8", "int8", "int4", "nvfp4", "cnn-int8")  # enough sources to leave one out
WIDENINGS = np.arange(1.0, 2.01, 0.05)
TARGET = 0.8


def data(case: str) -> tuple[np.ndarray, np.ndarray]:
    """ln(recovery) of the rows of a case, and their sources."""
    found = [(c.recovery, c.source) for c in recovery.chosen(case) if c.recovery]
    return np.log([share for share, _ in found]), np.array([source for _, source in found])


def band(values: np.ndarray, sources: np.ndarray, widening: float, power: float = 0.5) -> tuple[float, float, float]:
    """Low, middle, high: quantiles over rows of sources that count by the square root of their rows, widened."""
    low, middle, high = fitting.quantiles(values, fitting.share_of(sources, power), [0.1, 0.5, 0.9])
    return middle + widening * (low - middle), middle, middle + widening * (high - middle)


def held(case: str, widening: float, power: float = 0.5) -> np.ndarray:
    """Which rows lie in the band of the other sources."""
    values, sources = data(case)
    found = []
    for train, tested in fitting.left_out(sources):
        low, _, high = band(values[train], sources[train], widening, power)
        found.append((low <= values[tested]) & (values[tested] <= high))
    return np.concatenate(found)


def widening(without: str | None = None) -> float:
    """The least widening with which the bands of the checked cases, one left aside, hold four fifths of their rows."""
    used = [c for c in CHECKED if c != without]
    for wide in WIDENINGS:
        if np.concatenate([held(c, float(wide)) for c in used]).mean() >= TARGET:
            return float(wide)
    return float(WIDENINGS[-1])


def coverage() -> dict[str, tuple[float, float]]:
    """For each checked case: share held by the plain band of rows, and by the band widened by the other cases."""
    return {c: (float(held(c, 1.0, 0.0).mean()), float(held(c, widening(c)).mean())) for c in CHECKED}


def refit() -> None:
    """Write recovery.csv and sparse.csv."""
    wide, lines = widening(), []
    for case in recovery.CASES:
        values, sources = data(case)
        low, middle, high = (float(np.exp(v)) for v in band(values, sources, wide))
        names = sorted(set(sources.tolist()))
        lines.append((case, middle, max(low, 0.0), high, len(values), len(names), "; ".join(names)))
    fitting.write("recovery", ("case", "value", "low", "high", "rows", "sources", "source"), lines)
    sparse = []
    for pattern in pruning.SPARSE:
        found = pruning.sparse_cases(pattern)
        loss, sources = np.array([c.loss for c in found]), np.array([c.source for c in found])
        low, middle, high = (float(np.exp(v)) for v in band(loss, sources, wide))
        sparse.append((pattern, middle, low, high, len(loss), found[0].source))
    fitting.write("sparse", ("pattern", "value", "low", "high", "rows", "source"), sparse)
