"""What is not dominated: nothing else is at least as good in all figures and better in one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def front(*figures: Sequence[float] | np.ndarray) -> np.ndarray:
    """Places of the points that are not dominated, by the first figure; in each figure less is better.

    Points with a NaN take no part; of equal points all stay.
    """
    points = np.array(figures, dtype=float).T
    possible = np.flatnonzero(np.all(np.isfinite(points), axis=1))
    found = points[possible]
    better = np.all(found[None] <= found[:, None], axis=-1) & np.any(found[None] < found[:, None], axis=-1)
    kept = possible[~np.any(better, axis=1)]
    return np.asarray(kept[np.argsort(points[kept, 0], kind="stable")])
