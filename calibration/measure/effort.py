"""How much is measured: efforts, and how the phenomena share their time. Loaded before any numerical library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# phenomenon: share of the time; in this order, so that idle power is read before anything gets hot
SHARES = {
    "power": 0.04,
    "launch": 0.06,
    "matmul": 0.26,
    "memory": 0.08,
    "elementwise": 0.13,
    "attention": 0.12,
    "convolution": 0.12,
    "optimizer": 0.06,
    "transfer": 0.04,
    "collective": 0.09,
}


@dataclass(frozen=True)
class Effort:
    """How much to measure: design rows up to `level`, `seconds` in all, medians known to `target` of their value."""

    name: str
    level: int
    seconds: float
    target: float

    def rows(self, table: Sequence[tuple[Any, ...]], secondary: bool = False) -> list[tuple[Any, ...]]:
        """The rows of a design table that belong to this effort, without their first column, the level.

        Level 0 is the least that identifies a law, so a secondary dtype stays one level below the main one.
        """
        return [row[1:] for row in table if row[0] <= self.level - secondary]


EFFORTS = {
    "quick": Effort("quick", 1, 20.0, 0.02),
    "default": Effort("default", 2, 120.0, 0.01),
    "thorough": Effort("thorough", 3, 480.0, 0.005),
}
