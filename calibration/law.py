"""What fitting needs to know of a law: which records inform it, and how they become arguments of its formula.

The formula is the one that the engine uses. A law says where its arguments come from: some are columns made of
records, some are facts of the device, the rest are the constants that a fit finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from costmodel.units import Number

Record = Mapping[str, Any]
Facts = Mapping[str, float]  # of a device: memory_bandwidth [B/s], peak:bf16 [FLOP/s], link_bandwidth [B/s], …
Columns = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant of a law: its unit, where a fit starts, its bounds, and the prior's spread (s.d. of its logarithm)."""

    name: str
    unit: str
    start: float
    low: float
    high: float
    spread: float


@dataclass(frozen=True, slots=True)
class Law:
    """A law of operators as a fit sees it.

    `group` names the set of constants that a record informs (a key of a profile's laws, such as "matmul:16bit"),
    None for a record that this law does not read. `columns` makes the formula's arguments, all but the constants,
    from records of one group and the facts of their device. `time` is the engine's formula [s].
    """

    name: str
    constants: tuple[Constant, ...]
    group: Callable[[Record], str | None]
    columns: Callable[[Sequence[Record], Facts], Columns]
    time: Callable[..., Number]
