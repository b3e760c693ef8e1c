"""The law of attention, as published records inform it: prompts and single tokens, each with constants of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from costmodel.calibration.law import Columns, Constant, Facts, Law, Record, numbers, roofline
from costmodel.catalog import formats
from costmodel.operators.attention import (
    attention_bytes,
    attention_time,
    attention_work,
    decode_blocks,
    decode_time,
    full_pairs,
    prefill_blocks,
    sharing_rows,
    tiled_work,
    window_pairs,
)
from costmodel.operators.eager import reached_bandwidth
from costmodel.profile import FAMILY
from costmodel.units import Number

NO_WINDOW = 1e9  # keys: longer than any context
WIDE = 2.0  # bytes of queries and outputs
TILE = 128.0, 16.0  # keys, and rows of queries, that kernels for matrix units take at a time (arXiv:2205.14135)
# Multi-head latent attention: features of a score and of a value, and what a token leaves in the cache. Prompts have
# 128 + 64 and 128, generation works on the latent 512 + 64, of which 512 are the value (arXiv:2405.04434, §2.1).
LATENT = {"attention_prefill": (192.0, 128.0, 320.0), "attention_decode": (576.0, 512.0, 576.0)}

CONSTANTS = (
    Constant("compute_efficiency", "fraction", 0.4, 0.02, 1.0, 0.4),
    Constant("bandwidth_efficiency", "fraction", 0.85, 0.1, 1.0, 0.3),
    Constant("launch", "s", 1e-5, 2e-7, 1e-3, 0.4),
    Constant("step_per_key", "s", 3e-9, 1e-11, 1e-6, 1.0),
    Constant("time_per_block", "s", 1.5e-6, 1e-9, 1e-4, 0.7),
    # Timings read the same data again and again; in a network all weights pass in between, so that no estimate uses it.
    Constant("cache_speedup", "1", 1.2, 1.0, 8.0, 0.2),
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
    decode, queries = records[0]["kind"] == "attention_decode", numbers(records, "length")
    cache = np.array([formats.number_format(r["shape"]["kv_dtype"] or "bf16").bytes for r in records])
    # What a prompt's own tokens leave in the cache is written on top of what is read of them.
    found = counts(records, WIDE, _seen(records) * cache if decode else queries * (WIDE + cache))
    batch, heads, kv_heads = (numbers(records, name) for name in ("batch", "heads", "kv_heads"))
    return found | {
        "blocks": decode_blocks(batch, kv_heads) if decode else prefill_blocks(batch, queries, heads),
        "peak": np.array([facts[f"peak:{r['dtype']}"] for r in records]),
        "bandwidth": np.full(len(records), facts["memory_bandwidth"]),
        "multiprocessors": np.full(len(records), facts["sms"]),
        "cache": np.full(len(records), facts["l2"]),
    }


def counts(
    records: Sequence[Record], width: Number, moved: Number, tile_keys: Number = TILE[0], tile_rows: Number = TILE[1]
) -> Columns:
    """Work [FLOP] as a kernel of such tiles runs it, traffic [B] and keys of records of one phase.

    `width`: bytes of a value of queries and outputs; `moved`: those of keys and values by sequence, head and feature.
    """
    names = ("batch", "heads", "kv_heads", "head_dim", "length", "context")
    batch, heads, kv_heads, head_dim, queries, keys = (numbers(records, name) for name in names)
    latent = np.array([r["shape"].get("variant") == "mla" for r in records])
    usual = (head_dim, head_dim, 2 * head_dim)
    score, value, kept = (np.where(latent, *pair) for pair in zip(LATENT[records[0]["kind"]], usual, strict=True))
    seen, dim = _seen(records), (score + value) / 2
    causal = np.array([bool(r["shape"].get("causal", 1)) for r in records])
    masked, full = window_pairs(batch, queries, keys - queries, seen), full_pairs(batch, queries, keys)
    work = attention_work(np.where(causal, masked, full), heads, dim)
    edge = np.where(causal, attention_work(full_pairs(batch, queries, 1.0), heads, dim), 0.0)
    return {
        "work": tiled_work(work, edge, queries, sharing_rows(queries, heads, kv_heads), tile_keys, tile_rows),
        "traffic": attention_bytes(batch, queries, 0.0, heads, dim, width, 0.0) + batch * kv_heads * kept * moved,
        "keys": seen,
    }


def _seen(records: Sequence[Record]) -> np.ndarray:
    """Keys that a query sees at most."""
    window = numbers(records, "window")
    return np.asarray(np.minimum(numbers(records, "context"), np.where(window > 0, window, NO_WINDOW)))


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


def _law(name: str, kind: str, time: Callable[..., Number]) -> Law:
    def of_kind(record: Record) -> str | None:
        return group(record) if record["kind"] == kind else None

    def cached(traffic: Number, bandwidth: Number, cache: Number, cache_speedup: Number, **rest: Number) -> Number:
        return time(traffic=traffic, bandwidth=reached_bandwidth(traffic, bandwidth, cache, cache_speedup), **rest)

    return Law(name, CONSTANTS, of_kind, columns, cached, cell, size, _roofline)


PROMPTS = _law("attention of prompts", "attention_prefill", attention_time)
TOKENS = _law("attention of single tokens", "attention_decode", decode_time)
LAWS = (PROMPTS, TOKENS)
