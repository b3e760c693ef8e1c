"""The law of matrix products, as records inform it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from costmodel.calibration.law import Columns, Constant, Facts, Law, Record
from costmodel.catalog import formats
from costmodel.operators.matmul import matmul_bytes, matmul_flops, matmul_time, matrix_bytes
from costmodel.profile import FAMILY, WEIGHT_ONLY
from costmodel.units import Number

WIDE = 2.0  # bytes of an activation outside products in 8 or 4 bits
# Formats of records that are no formats of numbers: the format they compute in, and that of their weights.
MIXED = {
    "fp8_block": ("fp8", "fp8"),
    "fp8_static": ("fp8", "fp8"),
    "w8a16": ("bf16", "int8"),
    "w4a16": ("bf16", "int4"),
}
# Kinds of products with constants of their own: 16-bit ones of narrow weights, 8-bit ones with block scales.
APART = {"w8a16": f"matmul:{WEIGHT_ONLY}", "w4a16": f"matmul:{WEIGHT_ONLY}", "fp8_block": "matmul:8bit-block"}

COMMON = (
    Constant("compute_efficiency", "fraction", 0.7, 0.02, 1.3, 0.4),
    Constant("bandwidth_efficiency", "fraction", 0.8, 0.05, 2.0, 0.3),
    Constant("launch", "s", 3e-6, 1e-7, 3e-4, 0.8),
    Constant("step_per_depth", "s", 8e-10, 1e-11, 1e-6, 0.8),
    Constant("overlap_power", "1", 2.0, 0.6, 8.0, 0.5),
    Constant("write_cost", "1", 1.5, 0.3, 15.0, 0.6),
)
# What events around a single call add to its time, where calls are not timed in a graph of many: the smallest products
# then take 2 us (L40S) to 6 us (A100) longer. No estimate uses it.
TIMER = Constant("timer", "s", 4e-6, 1e-8, 1e-3, 0.5)
QUANTIZATION = Constant("quantization_passes", "1", 2.5, 0.2, 60.0, 0.8)


def compute_format(dtype: str) -> str:
    """The number format that a record of this dtype computes in."""
    return MIXED.get(dtype, (dtype, dtype))[0]


def is_quantised(dtype: str) -> bool:
    """Whether it computes in less than 16 bits."""
    return FAMILY[compute_format(dtype)] in ("8bit", "4bit")


def group(record: Record) -> str | None:
    """One set of constants for each family of formats."""
    if record["kind"] != "matmul" or compute_format(record["dtype"]) not in FAMILY:
        return None
    return APART.get(record["dtype"], f"matmul:{FAMILY[compute_format(record['dtype'])]}")


def columns(records: Sequence[Record], facts: Facts) -> Columns:
    """Counts and traffic as the engine has them; all records of one dtype family, on one device."""
    m, n, k = (np.array([r["shape"][name] for r in records], float) for name in "mnk")
    dtypes = [r["dtype"] for r in records]
    weight = np.array([formats.number_format(MIXED.get(d, (d, d))[1]).bytes for d in dtypes])
    dynamic = np.array(["quantize" in r["shape"] for r in records])
    narrow = np.array([is_quantised(d) for d in dtypes])
    wide = np.array([4.0 if d in ("fp32", "tf32") else WIDE for d in dtypes])
    activation = np.where(narrow & ~dynamic, weight, wide)  # quantised beforehand, or on the way in
    outputs = matrix_bytes(m, n, wide)
    return {
        "flops": matmul_flops(m, n, k),
        "traffic": matmul_bytes(m, n, k, activation, weight) + outputs - matrix_bytes(m, n, activation),
        "inputs": np.where(dynamic, matrix_bytes(m, k, wide), 0.0),
        "outputs": outputs,
        "depth": k,
        "peak": np.array([facts[f"peak:{compute_format(d)}"] for d in dtypes]),
        "bandwidth": np.full(len(records), facts["memory_bandwidth"]),
    }


def _kinds(*wanted: str) -> Callable[[Record], str | None]:
    def of_kind(record: Record) -> str | None:
        named = group(record)
        return named if named and named.partition(":")[2] in wanted else None

    return of_kind


def _plain_columns(records: Sequence[Record], facts: Facts) -> Columns:
    return columns(records, facts) | {"quantization_passes": np.zeros(len(records))}


def _timed(made: Callable[[Sequence[Record], Facts], Columns]) -> Callable[[Sequence[Record], Facts], Columns]:
    def with_timer(records: Sequence[Record], facts: Facts) -> Columns:
        return made(records, facts) | {"alone": np.array([float("timed" in r["shape"]) for r in records])}

    return with_timer


def _time(alone: Number, timer: Number, **product: Number) -> Number:
    return matmul_time(**product) + alone * timer


def cell(record: Record) -> str:
    """Accuracy is measured by number format and library, that of narrow weights in all their formats."""
    kind = (group(record) or "").partition(":")[2]
    kind = kind if kind == WEIGHT_ONLY else record["dtype"]
    return f"{kind} {record['backend'].split('/')[0].split('_')[0]}"


def size(record: Record) -> float:
    """Operations."""
    shape = record["shape"]
    return float(matmul_flops(shape["m"], shape["n"], shape["k"]))


PLAIN = Law("matrix products", COMMON, _kinds("32bit", "16bit"), _plain_columns, matmul_time, cell, size)
UNPACKED = replace(
    PLAIN,
    name="matrix products of weights in 8 or 4 bits",
    constants=(*COMMON, TIMER),
    group=_kinds(WEIGHT_ONLY),
    columns=_timed(_plain_columns),
    time=_time,
)
NARROW = replace(
    PLAIN,
    name="matrix products in 8 or 4 bits",
    constants=(*COMMON, TIMER, QUANTIZATION),
    group=_kinds("8bit", "8bit-block", "4bit"),
    columns=_timed(columns),
    time=_time,
)
LAWS = (PLAIN, UNPACKED, NARROW)
