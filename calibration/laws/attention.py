"""The law of attention, as published records inform it: prompts and single tokens, each with constants of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from costmodel.calibration.law import Columns, Constant, Facts, Law, Record, roofline
from costmodel.catalog import formats
from costmodel.operators.attention import (
    attention_bytes,
    attention_time,
    attention_work,
    decode_blocks,
    prefill_blocks,
    row_padding,
    tiled_pairs,
    window_pairs,
)
from costmodel.profile import FAMILY
from costmodel.units import Number

NO_WINDOW = 1e9  # keys: longer than any context
WIDE = 2.0  # bytes of queries and outputs
# Multi-head latent attention: features of a score and of a value, and what a token leaves in the cache. Prompts have
# 128 + 64 and 128, generation works on the latent 512 + 64, of which 512 are the value (arXiv:2405.04434, §2.1).
LATENT = {"attention_prefill": (192.0, 128.0, 320.0), "attention_decode": (576.0, 512.0, 576.0)}

CONSTANTS = (
    Constant("compute_efficiency", "fraction", 0.4, 0.02, 1.3, 0.4),
    Constant("bandwidth_efficiency", "fraction", 0.85, 0.1, 1.15, 0.3),
    Constant("launch", "s", 1e-5, 2e-7, 1e-3, 0.4),
    Constant("step_per_key", "s", 3e-9, 1e-11, 1e-6, 1.0),
    Constant("time_per_block", "s", 1.5e-6, 1e-9, 1e-4, 0.7),
)


def group(record: Record) -> str | None:
    """The phase, apart where it computes in 8 bits or on latents."""
    if record["kind"] not in LATENT or "variant" not in record["shape"] or FAMILY.get(record["dtype"]) is None:
        return None
    kind: str = record["kind"]
    if record["shape"]["variant"] == "mla":
        return f"{kind}:latent"
    return kind if FAMILY[record["dtype"]] == "16bit" else f"{kind}:{FAMILY[record['dtype']]}"


def columns(records: Sequence[Record], facts: Facts) -> Columns:
    """Counts as the engine has them, of records of one phase on one device."""
    names = ("batch", "heads", "kv_heads", "head_dim", "length", "context")
    batch, heads, kv_heads, head_dim, queries, keys = (_numbers(records, name) for name in names)
    kind, decode = records[0]["kind"], records[0]["kind"] == "attention_decode"
    latent = np.array([r["shape"]["variant"] == "mla" for r in records])
    score, value, kept = (
        np.where(latent, there, usual)
        for there, usual in zip(LATENT[kind], (head_dim, head_dim, 2 * head_dim), strict=True)
    )
    window = _numbers(records, "window")
    seen = np.minimum(keys, np.where(window > 0, window, NO_WINDOW))
    causal = np.array([bool(r["shape"].get("causal", 1)) for r in records])
    masked = tiled_pairs(window_pairs(batch, queries, keys - queries, seen), batch, queries)
    cache = np.array([formats.number_format(r["shape"]["kv_dtype"] or "bf16").bytes for r in records])
    dim = (score + value) / 2
    # What a prompt's own tokens leave in the cache is written on top of what is read of them.
    kv = batch * kv_heads * kept * (seen * cache if decode else queries * (WIDE + cache))
    return {
        "work": attention_work(
            np.where(causal, masked, batch * queries * keys), heads, dim, row_padding(queries, heads, kv_heads)
        ),
        "traffic": attention_bytes(batch, queries, 0.0, heads, dim, WIDE, 0.0) + kv,
        "keys": seen,
        "blocks": decode_blocks(batch, kv_heads) if decode else prefill_blocks(batch, queries, heads),
        "peak": np.array([facts[f"peak:{r['dtype']}"] for r in records]),
        "bandwidth": np.full(len(records), facts["memory_bandwidth"]),
        "multiprocessors": np.full(len(records), facts["sms"]),
    }


def _numbers(records: Sequence[Record], name: str) -> np.ndarray:
    return np.array([r["shape"].get(name, 0.0) for r in records], float)


def cell(record: Record) -> str:
    """Accuracy is measured by phase, kind, formats of arithmetic and cache, and kernel."""
    shape = record["shape"]
    kind = shape["variant"] if shape["variant"] in ("mla", "encoder") else "gqa"
    phase = record["kind"].removeprefix("attention_")
    return f"{phase} {kind} {record['dtype']} {shape['kv_dtype'] or '-'} {record['backend']}"


def size(record: Record) -> float:
    """Pairs of queries and keys, times heads and their width."""
    shape = record["shape"]
    window = shape.get("window") or NO_WINDOW
    causal = window_pairs(shape["batch"], shape["length"], shape["context"] - shape["length"], window)
    pairs = causal if shape.get("causal", 1) else shape["batch"] * shape["length"] * shape["context"]
    return float(pairs * shape["heads"] * shape["head_dim"])


def _roofline(
    work: Number,
    traffic: Number,
    peak: Number,
    bandwidth: Number,
    compute_efficiency: Number,
    bandwidth_efficiency: Number,
    launch: Number,
    **_: Number,
) -> Number:
    return roofline(work, traffic, peak, bandwidth, compute_efficiency, bandwidth_efficiency, launch)


LAWS = (Law("attention", CONSTANTS, group, columns, attention_time, cell, size, _roofline),)
