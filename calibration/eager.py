"""Laws of a machine that runs networks operator by operator, fitted from its own records.

The formulas are the engine's. What a small machine needs beside the laws of data-centre GPUs: weights come from the
cache or from memory, by what passes between two uses; classes of operators that networks on images have; what the
host pays per call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from costmodel import ops
from costmodel.calibration.law import Columns, Constant, Facts, Law, Record, numbers
from costmodel.calibration.laws import attention, collective, matmul
from costmodel.calibration.measure.record import WIDTH
from costmodel.operators.attention import attention_time, decode_blocks, decode_time, prefill_blocks
from costmodel.operators.collective import ring_time
from costmodel.operators.convolution import (
    convolution_bytes,
    convolution_depth,
    convolution_flops,
    convolution_time,
    convolved_size,
)
from costmodel.operators.eager import core_bandwidth, fresh_time, reached_bandwidth, rounds, written_bytes
from costmodel.operators.launch import host_call_time
from costmodel.operators.memory_bound import copy_bytes, memory_bound_time
from costmodel.operators.optimizer import optimizer_time, optimizer_traffic
from costmodel.parallel.pipeline import repeated
from costmodel.profile import FAMILY
from costmodel.units import Number

# Classes of memory-bound operators, and how often each moves its array as the engine counts it.
CLASSES = {
    "add": ("elementwise", 3.0),
    "relu": ("elementwise", 2.0),
    "cast": ("elementwise", 1.5),
    "gelu": ("activation", 2.0),
    "silu_mul": ("activation", 3.0),
    "layer_norm": ("norm", 2.0),
    "batch_norm": ("batch_norm", 2.0),
    "softmax": ("softmax", 2.0),
    "cross_entropy": ("softmax", 2.0),
    "embedding": ("embedding", 2.0),
    "max_pool": ("pool", 2.0),
}
UPDATE_PASSES = {"sgd": 3.0, "momentum": 5.0, "adam": 7.0, "adamw": 7.0}  # values read and written per parameter
CHAINS = {"zero_grad": "zero_grad", "forward_backward": "gradients", "forward": "forward"}
# Cores first pack operands and then multiply: times add up, and what is written costs what is read.
PACKED = {"step_per_depth": 0.0, "overlap_power": 1.0, "write_cost": 1.0}
# How attention's kernels take keys and queries, and whether moving hides under computing: on GPUs; and in PyTorch's
# kernel for CPUs, which leaves out whole tiles of 512 keys alone (aten/src/ATen/native/cpu/FlashAttentionKernel.cpp).
TILES = {
    "cuda": {"tile_keys": attention.TILE[0], "tile_rows": attention.TILE[1], "overlap": 1.0},
    "cpu": {"tile_keys": 512.0, "tile_rows": 1.0, "overlap": 0.0},
}
# How often collectives between processes on CPUs pass their payload. Where the result is another array, gloo works in
# a buffer that is made and copied, and all-reduces it for a reduce-scatter (c10d/ProcessGroupGloo.cpp in PyTorch).
GLOO = {"all_reduce": 2.0, "all_gather": 1.0, "reduce_scatter": 2.0}
PROMPTS, TOKENS = attention.PROMPTS.name, attention.TOKENS.name
# Constants of the engine's laws that this machine does not fit, with their units, by law.
UNUSED: dict[str, dict[str, tuple[float, str]]] = {
    matmul.PLAIN.name: {name: (value, "s" if "step" in name else "1") for name, value in PACKED.items()}
    | {"quantization_passes": (0.0, "1")},
    matmul.NARROW.name: {name: (value, "s" if "step" in name else "1") for name, value in PACKED.items()},
    "memory-bound operators": {"step_per_column": (0.0, "s")},
    **{name: {"step_per_key": (0.0, "s")} for name in (PROMPTS, TOKENS)},
}
TABLE = "memory_bound:table"
FP32 = 4.0

EFFICIENCY = Constant("bandwidth_efficiency", "fraction", 0.5, 0.002, 5.0, 1.5)
READ = replace(EFFICIENCY, start=0.8, spread=0.5)  # of keys and values, which a single token reads once, as a copy does
COMPUTE = Constant("compute_efficiency", "fraction", 0.7, 0.01, 20.0, 1.0)
LAUNCH = Constant("launch", "s", 3e-6, 1e-8, 1e-3, 1.5)
START = Constant("start", "s", 1e-5, 1e-8, 1e-3, 0.7)
SPEEDUP = Constant("cache_speedup", "1", 2.0, 1.0, 20.0, 0.7)
PACKING = Constant("packing_rows", "1", 10.0, 0.1, 1000.0, 1.0)
BLOCK = Constant("time_per_block", "s", 1e-6, 1e-9, 1e-4, 1.5)


def is_backward(record: Record) -> bool:
    """Whether it timed gradients."""
    return bool(record["shape"].get("direction") == "backward")


def _widths(records: Sequence[Record]) -> np.ndarray:
    return np.array([float(WIDTH[r["dtype"]]) for r in records])


def _peaks(records: Sequence[Record], facts: Facts) -> np.ndarray:
    return np.array([facts[f"peak:{r['dtype']}"] for r in records])


def _with_new_memory(law: Law) -> Law:
    """The law of operators that make their output anew: the system clears large ones page by page."""

    def columns(records: Sequence[Record], facts: Facts) -> Columns:
        found = law.columns(records, facts)
        written = found.get("outputs", written_bytes(found["traffic"]))
        return found | {"new": fresh_time(written, facts["fresh_rate"]) if "fresh_rate" in facts else 0.0}

    def time(new: Number, **rest: Number) -> Number:
        return ops.total({"operator": law.time(**rest), "new memory": new})

    return replace(law, columns=columns, time=time)


def _reached(working_set: Number, facts: Facts) -> Number:
    return reached_bandwidth(working_set, facts["memory_bandwidth"], facts["cache"], facts["cache_speedup"])


def _bandwidth_group(record: Record) -> str | None:
    return "bandwidth" if record["kind"] == "bandwidth" and record["shape"]["operation"] != "fresh" else None


def _cell(record: Record) -> str:
    return str(record["dtype"])


def _size(record: Record) -> float:
    return float(record.get("flops") or record.get("bytes") or record["shape"].get("count", 0.0))


def _law(name: str, constants: Sequence[Constant], group: Any, columns: Any, time: Any) -> Law:
    return Law(name, tuple(constants), group, columns, time, _cell, _size)


def _products(law: Law, **fixed: float) -> Law:
    """The law of products with weights from the cache or from memory."""

    def columns(records: Sequence[Record], facts: Facts) -> Columns:
        weights = numbers(records, "k") * numbers(records, "n") * _widths(records)
        found = law.columns(records, facts)
        between = found["traffic"] + (numbers(records, "copies", 1.0) - 1) * weights
        return found | {"working_set": between, "cache": facts["cache"], "rows": numbers(records, "m")} | fixed

    def time(working_set: Number, cache: Number, cache_speedup: Number, bandwidth: Number, **rest: Number) -> Number:
        return law.time(bandwidth=reached_bandwidth(working_set, bandwidth, cache, cache_speedup), **rest)

    known = {c.name: c for c in law.constants if c.name not in fixed}
    known |= {c.name: c for c in (EFFICIENCY, SPEEDUP, PACKING)}
    constants = tuple(known.values())
    return _with_new_memory(replace(law, constants=constants, columns=columns, time=time))


def _attention(name: str, kind: str, time: Any) -> Law:
    decode = kind == "attention_decode"

    def group(record: Record) -> str | None:
        return kind if record["kind"] == kind and record["dtype"] == "fp32" else None

    def columns(records: Sequence[Record], facts: Facts) -> Columns:
        width = _widths(records)
        moved, tile = numbers(records, "context") * width, (facts["tile_keys"], facts["tile_rows"])
        batch, heads, kv_heads, queries = (numbers(records, n) for n in ("batch", "heads", "kv_heads", "length"))
        return attention.counts(records, width, moved, *tile) | {
            "blocks": decode_blocks(batch, kv_heads) if decode else prefill_blocks(batch, queries, heads),
            "multiprocessors": facts["multiprocessors"],
            "peak": _peaks(records, facts),
            "bandwidth": facts["memory_bandwidth"],
            "cache": facts["cache"],
            "step_per_key": 0.0,
            **({"overlap": facts["overlap"]} if decode else {}),
        }

    def cached(traffic: Number, bandwidth: Number, cache: Number, cache_speedup: Number, **rest: Number) -> Number:
        return time(traffic=traffic, bandwidth=reached_bandwidth(traffic, bandwidth, cache, cache_speedup), **rest)

    known = COMPUTE, READ if decode else EFFICIENCY, replace(LAUNCH, start=6e-6, spread=1.0), BLOCK, SPEEDUP
    return _law(name, known, group, columns, cached)


def _convolution_group(record: Record) -> str | None:
    dense = record["kind"] == "convolution" and record["shape"]["groups"] == 1
    return f"convolution:{FAMILY[record['dtype']]}" if dense else None


def _convolution_columns(records: Sequence[Record], facts: Facts) -> Columns:
    images, channels, size, outputs, kernel, stride = (
        numbers(records, name) for name in ("batch", "in_channels", "size", "out_channels", "kernel", "stride")
    )
    width, depth = _widths(records), convolution_depth(channels, kernel, 1.0)
    out = convolved_size(size, kernel, stride, np.where(stride < kernel, kernel // 2, 0))
    traffic = convolution_bytes(images, channels, size, outputs, out, depth, width, width)
    return {
        "flops": convolution_flops(images, outputs, out, depth),
        "traffic": traffic,
        "depth": depth,
        "peak": _peaks(records, facts),
        "bandwidth": _reached(traffic, facts),
        "step_per_depth": 0.0,
    }


def _memory_bound_group(record: Record) -> str | None:
    if record["kind"] != "memory_bound" or record["shape"]["operation"] not in CLASSES:
        return None
    named = CLASSES[record["shape"]["operation"]][0]
    named = "table" if named == "embedding" and is_backward(record) else named  # its gradient is as large as the table
    return f"memory_bound:{named}"


def _memory_bound_columns(records: Sequence[Record], facts: Facts) -> Columns:
    rows, columns = numbers(records, "rows", 1.0), numbers(records, "columns", 1.0)
    for name in ("images", "channels", "height", "width"):
        rows = rows * numbers(records, name, 1.0)
    if _memory_bound_group(records[0]) == TABLE:
        rows = numbers(records, "table")
    passes = np.array([CLASSES[r["shape"]["operation"]][1] for r in records])
    return {
        "calls": 1.0,
        "traffic": passes / 2 * copy_bytes(rows, columns, _widths(records)),
        "step_per_column": 0.0,
        "bandwidth": facts["memory_bandwidth"],
        "cache": facts["cache"],
    }


def _optimizer_group(record: Record) -> str | None:
    if record["kind"] != "optimizer" or record["shape"]["implementation"] not in ("loop", "numpy"):
        return None
    return f"optimizer:{record['shape']['operation'].removesuffix('w')}"


def _optimizer_columns(records: Sequence[Record], facts: Facts) -> Columns:
    moved = FP32 * np.array([UPDATE_PASSES[r["shape"]["operation"]] for r in records])
    return {
        "tensors": numbers(records, "tensors"),
        "traffic": optimizer_traffic(numbers(records, "parameters"), moved),
        "bandwidth": facts["memory_bandwidth"],
        "cache": facts["cache"],
    }


def _update_time(start: Number, **arguments: Number) -> Number:
    return host_call_time(1.0, start, optimizer_time(**arguments))


def _link_group(record: Record) -> str | None:
    known = GLOO if record["device"] == "cpu" else collective.PASSES
    return "link" if record["kind"] == "collective" and record["shape"]["operation"] in known else None


def _link_columns(records: Sequence[Record], facts: Facts) -> Columns:
    own = records[0]["environment"]["caches"].get("L2") or 1.0
    found = collective.shared(records) | {"bandwidth": facts["link_bandwidth"], "latency_per_rank": 0.0}
    found |= {"cache": own * found["ranks"], "rounds": 1.0, "buffer": 0.0}
    if records[0]["device"] == "cpu":
        operations = [r["shape"]["operation"] for r in records]
        found["passes"] = np.array([GLOO[operation] for operation in operations])
        found["rounds"] = rounds(found["passes"])
        buffer = np.where(np.array(operations) == "all_reduce", 0.0, found["payload"])
        reached = core_bandwidth(_reached(buffer, facts), found["ranks"])
        found["buffer"] = copy_bytes(buffer, 1.0, 1.0) / reached
        if "fresh_rate" in facts:
            found["buffer"] += fresh_time(buffer, core_bandwidth(facts["fresh_rate"], found["ranks"]))
    return found


def _link_time(
    payload: Number,
    bandwidth: Number,
    latency: Number,
    cache: Number,
    cache_speedup: Number,
    rounds: Number,
    buffer: Number,
    **rest: Number,
) -> Number:
    reached = reached_bandwidth(payload, bandwidth, cache, cache_speedup)
    time = ring_time(payload, bandwidth=reached, latency=repeated(rounds, latency), **rest)
    return ops.total({"collective": time, "buffer": buffer})


def _chain_group(record: Record) -> str | None:
    return (
        f"calls:{CHAINS[op]}" if record["kind"] == "launch" and (op := record["shape"]["operation"]) in CHAINS else None
    )


def _bandwidth_time(
    traffic: Number, memory_bandwidth: Number, cache: Number, cache_speedup: Number, launch: Number
) -> Number:
    return memory_bound_time(1.0, traffic, memory_bandwidth, cache, 1.0, launch, 0.0, cache_speedup)


BANDWIDTH = _law(
    "bandwidth by working set",
    (
        Constant("memory_bandwidth", "B/s", 4e10, 1e9, 1e13, 1.0),
        Constant("cache", "B", 3e7, 1e5, 1e9, 0.7),
        replace(SPEEDUP, spread=1.0),
        replace(LAUNCH, start=1e-6),
    ),
    _bandwidth_group,
    lambda records, facts: {"traffic": np.array([r["bytes"] for r in records], float)},
    _bandwidth_time,
)
HOST = _law(
    "calls of the host",
    (Constant("latency", "s", 1e-5, 1e-9, 1e-2, 1.5), Constant("time_per_call", "s", 2e-6, 1e-8, 1e-3, 1.5)),
    _chain_group,
    lambda records, facts: {"calls": numbers(records, "count")},
    host_call_time,
)
LINK = _law(
    "collectives",
    (
        replace(EFFICIENCY, start=0.8, low=0.05, high=1.5, spread=0.3),
        Constant("latency", "s", 2.5e-4, 1e-6, 1e-1, 0.7),
        Constant("overlap_power", "1", 1.0, 0.5, 4.0, 0.1),
        # Small payloads stay in the cores' own caches; an estimate, whose gradients do not, leaves that out.
        replace(SPEEDUP, spread=0.3),
    ),
    _link_group,
    _link_columns,
    _link_time,
)
LAWS = (
    _products(matmul.PLAIN, **PACKED),
    _products(matmul.NARROW, timer=0.0, **PACKED),
    _attention(PROMPTS, "attention_prefill", attention_time),
    _attention(TOKENS, "attention_decode", decode_time),
    _law("convolution", (COMPUTE, EFFICIENCY, LAUNCH), _convolution_group, _convolution_columns, convolution_time),
    _with_new_memory(
        _law(
            "memory-bound operators",
            (EFFICIENCY, LAUNCH, SPEEDUP),
            _memory_bound_group,
            _memory_bound_columns,
            memory_bound_time,
        )
    ),
    _law("optimizer", (EFFICIENCY, LAUNCH, SPEEDUP, START), _optimizer_group, _optimizer_columns, _update_time),
    LINK,
)
