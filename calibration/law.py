"""What fitting needs to know of a law: which records inform it, and how they become arguments of its formula.

The formula is the one that the engine uses. A law says where its arguments come from: some are columns made of
records, some are facts of the device, the rest are the constants that a fit finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import numpy as np

from costmodel.units import Number

Record = Mapping[str, Any]
Facts = Mapping[str, float]  # of a device: memory_bandwidth [B/s], peak:bf16 [FLOP/s], link_bandwidth [B/s], …
Columns = dict[str, Any]  # an array with a number for each record, or one number for all


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant of a law: unit, where a fit starts, bounds, and the prior's spread (s.d. of its logarithm)."""

    name: str
    unit: str
    start: float
    low: float
    high: float
    spread: float


def numbers(records: Sequence[Record], name: str, default: float = 0.0) -> np.ndarray:
    """One size of each record's shape."""
    return np.array([r["shape"].get(name, default) for r in records], float)


def roofline(
    flops: Number,
    traffic: Number,
    peak: Number,
    bandwidth: Number,
    compute_efficiency: Number,
    bandwidth_efficiency: Number,
    launch: Number,
    **_: Number,
) -> Number:
    """The plain roofline that every law must beat: launch, then the longer of computing and moving [s]."""
    compute, memory = flops / (compute_efficiency * peak), traffic / (bandwidth_efficiency * bandwidth)
    return launch + np.maximum(compute, memory)


@dataclass(frozen=True, slots=True)
class Law:
    """A law of operators as a fit sees it.

    `group` names the set of constants that a record informs (a key of a profile's laws, such as "matmul:16bit"),
    None for a record that this law does not read. `columns` makes the formula's arguments, all but the constants,
    from records of one group and the facts of their device. `time` is the engine's formula [s].

    For judging it: `cell` names the rows of one device that are fitted together when accuracy is measured (number
    format, library, …), `size` is what makes a record large (operations, bytes), `naive` the time [s] by the
    baseline, which takes the same columns and the constants that its arguments name. `measured` is the field of a
    record that the formula predicts, where it is not the time.
    """

    name: str
    constants: tuple[Constant, ...]
    group: Callable[[Record], str | None]
    columns: Callable[[Sequence[Record], Facts], Columns]
    time: Callable[..., Number]
    cell: Callable[[Record], str]
    size: Callable[[Record], float]
    naive: Callable[..., Number] = roofline
    measured: str = "time_s"

    def baseline(self) -> Law:
        """The law's own baseline as a law, with those constants that it knows."""
        known = signature(self.naive).parameters
        constants = tuple(c for c in self.constants if c.name in known)
        return replace(self, name=f"{self.name}, baseline", constants=constants, time=self.naive)
