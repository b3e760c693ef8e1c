"""The few estimators that the fits of quality share. NumPy only."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from costmodel.quality.evidence import DATA, constants, table

EVIDENCE = Path(__file__).parent.parent / "evidence"
HUBER = 1.345  # 95 % efficiency on clean Gaussian rows


def rows(name: str) -> list[dict[str, str]]:
    """The rows of an evidence table, as text."""
    with (EVIDENCE / f"quality_{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(name: str, columns: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    """A table of fitted constants, numbers to five digits, in place of the one that ships."""
    text = [",".join(columns)]
    for line in lines:
        cells = [f"{cell:.5g}" if isinstance(cell, float) else str(cell) for cell in line]
        text.append(",".join(f'"{cell}"' if "," in cell else cell for cell in cells))
    path = DATA / f"{name}.csv"
    temporary = path.with_suffix(".new")
    temporary.write_text("\n".join(text) + "\n", encoding="utf-8")
    temporary.replace(path)
    table.cache_clear()
    constants.cache_clear()


def left_out(groups: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each group: which rows train, which are tested."""
    for group in sorted(set(groups.tolist())):
        tested = groups == group
        yield ~tested, tested


def ridge(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, centre: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Robust linear fit with a normal prior on each coefficient: coefficients and their standard errors."""
    precision = np.diag(spread**-2.0)
    found, covariance = centre.astype(float), np.eye(len(centre))
    for _ in range(60):
        residual = y - x @ found
        scale = max(1.4826 * float(np.median(np.abs(residual))), 0.1)
        far = np.abs(residual) / scale
        rated = weight * np.minimum(1.0, HUBER / np.maximum(far, 1e-9)) / scale**2
        covariance = np.linalg.inv((x * rated[:, None]).T @ x + precision)
        found = covariance @ ((x * rated[:, None]).T @ y + precision @ centre)
    return found, np.sqrt(np.diag(covariance))


def share_of(groups: np.ndarray, power: float) -> np.ndarray:
    """Row weights (rows of its group)^-power: 1 lets each group count once, 0 each row."""
    _, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse].astype(float) ** -power)


def quantiles(values: np.ndarray, weight: np.ndarray, at: Sequence[float]) -> np.ndarray:
    """Weighted quantiles, interpolated between rows."""
    order = np.argsort(values, kind="stable")
    below = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    return np.asarray(np.interp(at, below, values[order]))


def factor(errors: np.ndarray) -> tuple[float, float]:
    """Median and 90 % quantile of errors of a logarithm, as factors."""
    return float(np.exp(np.median(np.abs(errors)))), float(np.exp(np.quantile(np.abs(errors), 0.9)))


def source_bootstrap(groups: np.ndarray, fit: Callable[[np.ndarray], np.ndarray], draws: int = 200) -> np.ndarray:
    """Standard errors of `fit(rows)` when whole groups are drawn with replacement."""
    rng, names = np.random.default_rng(7), sorted(set(groups.tolist()))
    found: list[Any] = []
    for _ in range(draws):
        picked = rng.choice(names, len(names))
        found.append(fit(np.concatenate([np.flatnonzero(groups == name) for name in picked])))
    return np.asarray(np.std(np.array(found), axis=0))
