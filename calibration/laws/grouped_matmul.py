"""The law of a mixture's experts, as published records inform it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from costmodel.calibration.law import Columns, Constant, Facts, Law, Record, roofline
from costmodel.catalog import formats
from costmodel.operators.grouped_matmul import (
    dispatch_bytes,
    expert_rows_bytes,
    expert_weights_bytes,
    fullest_rank_rows,
    grouped_matmul_flops,
    grouped_matmul_time,
    touched_experts,
)
from costmodel.profile import FAMILY
from costmodel.units import Number

# Formats of records: the format they compute in, and that of their weights.
MIXED = {
    "fp8_block": ("fp8", "fp8"),
    "w4a16": ("bf16", "int4"),
    "w4a16_mxfp4": ("bf16", "mxfp4"),
    "w4afp8": ("fp8", "int4"),
    "w4a8_mxfp4": ("fp8", "mxfp4"),
    "w4a8_mxfp4_mxfp8": ("fp8", "mxfp4"),
    "w4a8_int": ("int8", "int4"),
}
WIDE = 2.0  # bytes of an activation between products
DRAWS = 6  # of a skewed load, of which the mean counts

CONSTANTS = (
    Constant("compute_efficiency", "fraction", 0.4, 0.02, 1.3, 0.5),
    Constant("bandwidth_efficiency", "fraction", 0.85, 0.1, 1.3, 0.2),
    Constant("launch", "s", 2.5e-5, 1e-6, 1e-3, 0.5),
    Constant("row_passes", "1", 3.0, 0.05, 60.0, 0.7),
    Constant("dispatch_passes", "1", 3.0, 0.02, 60.0, 0.7),
)


def group(record: Record) -> str | None:
    """One set of constants for each family of formats, apart where only the weights are in 4 bits."""
    if record["kind"] != "grouped_matmul" or record["shape"].get("operation") != "experts":
        return None
    compute, weights = _formats(record)
    if compute not in FAMILY or record["shape"]["topk"] < 1:
        return None
    narrow = FAMILY[weights] != FAMILY[compute]
    return f"grouped_matmul:{FAMILY[compute]}" + (":weight-only" if narrow else "")


def columns(records: Sequence[Record], facts: Facts) -> Columns:
    """Counts on the fullest rank, as the engine has them; loads that are not even or random are drawn."""
    names = ("tokens", "topk", "experts", "ep", "hidden", "intermediate", "tp", "gated")
    tokens, chosen, experts, ranks, hidden, width, tp, gated = (
        np.array([r["shape"][name] for r in records], float) for name in names
    )
    kinds = [str(r["shape"]["distribution"]).removesuffix("_eplb") for r in records]
    loads = [_load(*load) for load in zip(kinds, tokens, chosen, experts, ranks, strict=True)]
    touched, rows = np.array(loads).T
    width, matrices = width / tp, 2 + gated
    pairs = [_formats(r) for r in records]
    weight = np.array([formats.number_format(w).bytes for _, w in pairs])
    return {
        "flops": grouped_matmul_flops(rows, hidden, width, matrices),
        "weights": expert_weights_bytes(touched, hidden, width, matrices, weight),
        "rows": expert_rows_bytes(rows, hidden, width, matrices, WIDE),
        "dispatch": dispatch_bytes(tokens, chosen, hidden, WIDE),
        "peak": np.array([facts[f"peak:{compute}"] for compute, _ in pairs]),
        "bandwidth": np.full(len(records), facts["memory_bandwidth"]),
    }


def _formats(record: Record) -> tuple[str, str]:
    dtype: str = record["dtype"]
    return MIXED.get(dtype, (dtype, dtype))


@cache
def _load(distribution: str, tokens: float, chosen: float, experts: float, ranks: float) -> tuple[float, float]:
    """Experts touched and rows on the fullest rank: even, at random, or by a power law of tokens per expert."""
    if distribution == "balanced":
        rows = float(fullest_rank_rows(tokens, chosen, ranks, 1.0))
        return min(experts / ranks, float(np.ceil(rows))), max(1.0, rows)
    if not distribution.startswith("power_law_"):
        touched = float(touched_experts(experts, chosen, tokens, ranks))
        return touched, float(fullest_rank_rows(tokens, chosen, ranks, 1.0))
    power, rng = float(distribution.removeprefix("power_law_")), np.random.default_rng(0)
    found = [_drawn(power, tokens, chosen, int(experts), int(ranks), rng) for _ in range(DRAWS)]
    touched, rows = np.mean(found, axis=0)
    return float(touched), float(rows)


def _drawn(
    power: float, tokens: float, chosen: float, experts: int, ranks: int, rng: np.random.Generator
) -> tuple[float, float]:
    """One draw of popularities from a density x^-power between 1 and 0.8 of the tokens."""
    top, at = max(0.8 * tokens, 1.0001), rng.random(experts)
    one = 1 - power
    popularity = top**at if abs(one) < 1e-9 else (1 + at * (top**one - 1)) ** (1 / one)
    wanted = np.minimum(popularity / popularity.sum() * tokens * chosen, tokens)
    load = np.floor(wanted)
    missing = max(0, int(tokens * chosen - load.sum()))
    load[np.argsort(load - wanted, kind="stable")[:missing]] += 1
    by_rank = load.reshape(ranks, -1) if experts % ranks == 0 else load[None]
    fullest = by_rank[by_rank.sum(axis=1).argmax()]
    return float((fullest > 0).sum()), float(fullest.sum())


def cell(record: Record) -> str:
    """Accuracy is measured by number format and kernel."""
    return f"{record['dtype']} {record['backend']}"


def size(record: Record) -> float:
    """Operations on one rank."""
    s = record["shape"]
    rows = fullest_rank_rows(s["tokens"], s["topk"], s["ep"], 1.0)
    return float(grouped_matmul_flops(rows, s["hidden"], s["intermediate"] / s["tp"], 2 + s["gated"]))


def _roofline(
    flops: Number,
    weights: Number,
    peak: Number,
    bandwidth: Number,
    compute_efficiency: Number,
    bandwidth_efficiency: Number,
    launch: Number,
    **_: Number,
) -> Number:
    return roofline(flops, weights, peak, bandwidth, compute_efficiency, bandwidth_efficiency, launch)


LAWS = (Law("experts", CONSTANTS, group, columns, grouped_matmul_time, cell, size, _roofline),)
