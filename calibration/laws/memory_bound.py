"""The law of memory-bound operators, as published records inform it: by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from costmodel.calibration.law import Columns, Constant, Facts, Law, Record
from costmodel.operators.memory_bound import memory_bound_time
from costmodel.units import Number

CLASSES = {
    "add": "elementwise",
    "rope": "activation",  # arithmetic on each element, and as fast
    "silu_mul": "activation",
    "rms_norm": "norm",
    "embedding": "embedding",
    "quantize": "quantize",  # judged only: products have their own constant for it
}
CONSTANTS = (
    Constant("bandwidth_efficiency", "fraction", 0.6, 0.02, 1.3, 0.3),
    Constant("launch", "s", 2.5e-6, 2e-7, 1e-3, 0.4),
    Constant("step_per_column", "s", 4e-10, 1e-12, 1e-8, 0.8),
    Constant("cache_speedup", "1", 1.5, 1.0, 8.0, 0.4),
)


def group(record: Record) -> str | None:
    """The class of the operator."""
    if record["kind"] != "memory_bound" or record["shape"]["operation"] not in CLASSES:
        return None
    return f"memory_bound:{CLASSES[record['shape']['operation']]}"


def columns(records: Sequence[Record], facts: Facts) -> Columns:
    """Traffic as the records state it, each operand once."""
    return {
        "calls": np.ones(len(records)),
        "traffic": np.array([r["bytes"] for r in records], float),
        "depth": np.array([_width(r) for r in records]),
        "bandwidth": np.full(len(records), facts["memory_bandwidth"]),
        "cache": np.full(len(records), facts["l2"]),
    }


def _width(record: Record) -> float:
    """Values in the row that a block takes. Sums and look-ups are cut into equal pieces whatever the rows are."""
    return 0.0 if record["shape"]["operation"] in ("add", "embedding") else float(record["shape"]["columns"])


def cell(record: Record) -> str:
    """Accuracy is measured by operator and library."""
    return f"{record['shape']['operation']} {record['backend']}"


def size(record: Record) -> float:
    """Bytes."""
    return float(record["bytes"])


def _line(traffic: Number, bandwidth: Number, bandwidth_efficiency: Number, launch: Number, **_: Number) -> Number:
    return launch + traffic / (bandwidth_efficiency * bandwidth)


LAWS = (Law("memory-bound operators", CONSTANTS, group, columns, memory_bound_time, cell, size, _line),)
