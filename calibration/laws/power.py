"""The law of a device's power, as published records with watts inform it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from costmodel.calibration.law import Columns, Constant, Facts, Law, Record
from costmodel.calibration.laws import attention, grouped_matmul, matmul
from costmodel.costs.energy import bandwidth_share, compute_share, device_power
from costmodel.units import Number

SHORTEST = 1e-4  # s: below it a sample of the meter also holds what ran before
IDLE = 0.1  # of TDP: no records tell; only a bound from below
OPERATORS = {
    "matmul": (matmul, "flops", ("traffic",)),
    "attention_prefill": (attention, "work", ("traffic",)),
    "attention_decode": (attention, "work", ("traffic",)),
    "grouped_matmul": (grouped_matmul, "flops", ("weights", "rows")),
}
CONSTANTS = (
    Constant("active", "fraction", 0.27, 0.05, 0.8, 0.3),
    Constant("per_compute", "1", 2.0, 0.05, 20.0, 0.7),
    Constant("per_bandwidth", "1", 0.6, 0.02, 4.0, 0.5),
    Constant("cap", "fraction", 0.88, 0.4, 1.1, 0.1),
)


def group(record: Record) -> str | None:
    """Kernels that ran long enough for the meter."""
    if not record.get("watts") or record["time_s"] < SHORTEST or record["kind"] not in OPERATORS:
        return None
    return "power" if OPERATORS[record["kind"]][0].group(record) else None


def columns(records: Sequence[Record], facts: Facts) -> Columns:
    """The shares of compute and bandwidth that each record reached."""
    shares = np.array([_shares(r, facts) for r in records])
    tdp = np.full(len(records), facts["tdp"])
    return {"idle": IDLE * tdp, "tdp": tdp, "compute": shares[:, 0], "bandwidth": shares[:, 1]}


def _shares(record: Record, facts: Facts) -> tuple[float, float]:
    law, work, moved = OPERATORS[record["kind"]]
    counts = law.columns([record], facts)
    traffic = sum(float(counts[name][0]) for name in moved)
    compute = compute_share(float(counts[work][0]), record["time_s"], float(counts["peak"][0]))
    return float(compute), float(bandwidth_share(traffic, record["time_s"], facts["memory_bandwidth"]))


def cell(record: Record) -> str:
    """Accuracy is measured over all kernels of a device."""
    return "kernels"


def size(record: Record) -> float:
    """Duration."""
    return float(record["time_s"])


def _constant(tdp: Number, active: Number, **_: Number) -> Number:
    """A fixed share of TDP, whatever runs."""
    return active * tdp


LAWS = (Law("power", CONSTANTS, group, columns, device_power, cell, size, _constant, "watts"),)
