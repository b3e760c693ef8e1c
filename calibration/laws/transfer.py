"""The laws of host copies and of disks: each operation has a latency and a bandwidth of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from costmodel.calibration.law import Columns, Constant, Facts, Law, Record
from costmodel.operators.transfer import transfer_time

KINDS = ("host_copy", "disk")
CONSTANTS = (
    Constant("bandwidth", "B/s", 3e9, 1e7, 1e12, 1.5),
    Constant("latency", "s", 2e-5, 1e-7, 1e-1, 1.5),
)


def group(record: Record) -> str | None:
    """Every direction and kind of memory by itself, such as "disk:write"."""
    return f"{record['kind']}:{record['shape']['operation']}" if record["kind"] in KINDS else None


def columns(records: Sequence[Record], facts: Facts) -> Columns:
    """Bytes."""
    return {"payload": np.array([r["shape"]["bytes"] for r in records], float)}


def cell(record: Record) -> str:
    """Accuracy is measured by operation."""
    return str(group(record))


def size(record: Record) -> float:
    """Bytes."""
    return float(record["shape"]["bytes"])


LAWS = (Law("transfers", CONSTANTS, group, columns, transfer_time, cell, size, transfer_time),)
