"""Published kernel timings → records: tables of others' measurements, as the collector would have written them.

`python -m costmodel.calibration.published FOLDER` rewrites the shipped evidence from the tables in FOLDER: those rows
that inform a law, and of them the columns that laws read. What is left out, and why, is counted on standard error.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from costmodel.calibration.facts import datasheet
from costmodel.calibration.law import Record
from costmodel.calibration.measure.environment import identity
from costmodel.calibration.measure.record import PUBLISHED, SCHEMA
from costmodel.calibration.records import EVIDENCE, write
from costmodel.catalog import CatalogError, hardware

Row = dict[str, str]
Made = tuple[str, dict[str, Any], str]  # kind, shape, dtype

# The fields that identify a row of a table; their hash is the record's id and decides which third holds it out.
IDENTITY = {
    "gemm": ("device", "library", "version", "dtype", "m", "n", "k"),
    "attention": (
        *("device", "library", "version", "phase", "kind", "dtype", "kv_dtype", "batch", "seq_len", "context"),
        *("heads", "kv_heads", "head_dim", "window"),
    ),
    "moe": (
        *("device", "library", "version", "dtype", "tokens", "hidden", "intermediate", "topk", "experts"),
        *("tp", "ep", "distribution"),
    ),
    "comm": ("device", "library", "version", "op", "dtype", "devices", "bytes"),
    "other": ("device", "library", "version", "op", "shape", "dtype"),
}
QUANTISED = ("fp8", "fp8_block", "fp8_static", "nvfp4")  # by these sources timed with their dynamic quantisation
DATES = {  # of the snapshots that the tables were taken from, by source
    "aic": "2026-08-21",
    "aiter": "2026-08-22",
    "vidur": "2024-11",
    "deepbench": "2020",
    "ml-engineering": "2026-08-22",
}
EAGER = ("0.14.0", "0.18.0", "0.22.0", "0.24.0")  # of vLLM: fp8_block products timed without a graph
# Each call timed by itself: times lie on the ticks of events, 1.024 us of an A100 and 0.032 us of an H200.
ALONE = ("trtllm/WeightOnlyQuantMatmul", "trtllm/SmoothQuantGemm")
# Of TensorRT-LLM: decoding was timed on a cache of keys alone (CacheType.SELFKONLY in the collector of attention).
KEYS_ALONE = ("1.0.0", "1.2.0rc5", "1.3.0rc10", "1.3.0rc15", "1.3.0rc17")
# Vidur's phi-2 runs other operators under the same names: two sums at once, a norm with a mean, GELU without a gate
# (vidur/profiling/mlp/mlp_impl.py).
OTHERWISE = ("residual_add", "norm", "activation_mul")
MEMORY_BOUND = {
    "residual_add": "add",
    "rope": "rope",
    "activation_mul": "silu_mul",
    "norm": "rms_norm",
    "embedding": "embedding",
    "fp8_quantize": "quantize",
}
COLLECTIVES = {"alltoall": "all_to_all", "p2p": "send"}


class Useless(ValueError):
    """A row that informs no law; the message says why."""


def records(folder: Path) -> tuple[list[Record], Counter[str]]:
    """Every usable row of the tables in `folder` as a record with its environment, and what was left out why."""
    found: list[Record] = []
    dropped: Counter[str] = Counter()
    for table, made in TABLES.items():
        rows = list(_rows(folder / f"kernels_{table}.csv"))
        floats = {c for c in IDENTITY[table] if _is_float(row[c] for row in rows)}
        for row in rows:
            try:
                found.append(_record(table, row, made(row), floats))
            except Useless as why:
                dropped[f"{table}: {why}"] += 1
    return found, dropped


def _rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _record(table: str, row: Row, made: Made, floats: set[str]) -> Record:
    kind, shape, dtype = made
    fields = (_as_read(row[c], c in floats, c) for c in IDENTITY[table])
    record: dict[str, Any] = {"schema": SCHEMA, "kind": kind, "shape": shape, "dtype": dtype}
    record |= {"backend": row["library"], "device": "cuda"}
    if row.get("bytes") and kind == "memory_bound":
        record["bytes"] = float(row["bytes"])
    record["time_s"] = float(f"{float(row['time_us']) * 1e-6:.6g}")
    if row.get("power_w") and float(row["time_us"]) >= 100:  # shorter than a sample of the power meter: contaminated
        record["watts"] = float(row["power_w"])
    record |= {"timing": PUBLISHED, "id": hashlib.md5("|".join(fields).encode()).hexdigest()[:8]}
    return record | {"environment": _environment(row)}


def _environment(row: Row) -> Record:
    try:
        device = hardware.device(row["device"], representative=True).id
        datasheet(device)
    except CatalogError:
        raise Useless("device unknown to the catalog") from None
    library = row["library"].split("/")[0]
    environment: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": "environment",
        "id": "",
        "hardware": device,
        "source": row["source"],
    }
    environment |= {"versions": {library: row["version"]}, "date": DATES.get(row["source"].split(":")[0].split()[0])}
    return environment | {"id": identity(environment)}


def _matmul(row: Row) -> Made:
    library, dtype = row["library"], row["dtype"]
    if library.startswith("vllm/") and dtype == "fp8_block" and row["version"] in EAGER:
        raise Useless("timed without a graph: the host's time, not the kernel's")
    if "best shape" in library:
        raise Useless("best of many shapes")
    if library.startswith("sglang/") and dtype == "w8a16":  # int8_scaled_mm in its collector (kernel int8_wo)
        raise Useless("called weight-only, but activations are quantised on the way")
    shape: dict[str, Any] = {"m": int(row["m"]), "k": int(row["k"]), "n": int(row["n"])}
    if row["source"].startswith("aic") and dtype in QUANTISED:
        shape["quantize"] = "dynamic"
    if library in ALONE:
        shape["timed"] = "alone"
    return "matmul", shape, dtype


def _attention(row: Row) -> Made:
    if row["library"].startswith("vllm/") and row["version"] == "0.14.0" and row["kind"] == "mla":
        raise Useless("timed without a graph: the host's time, not the kernel's")
    generic = row["library"].startswith("trtllm/torch_flow") and row["phase"] == "decode"
    if generic and row["version"] in KEYS_ALONE:
        raise Useless("timed on a cache of keys alone: half the traffic")
    new, before = int(row["seq_len"]), int(row["context"])
    shape = {"batch": int(row["batch"]), "heads": int(row["heads"]), "kv_heads": int(row["kv_heads"])}
    shape |= {"head_dim": int(row["head_dim"]), "length": new, "context": before + new}
    shape |= {"causal": int(row["kind"] != "encoder"), "window": int(row["window"] or 0)}
    return f"attention_{row['phase']}", shape | {"variant": row["kind"], "kv_dtype": row["kv_dtype"]}, row["dtype"]


def _grouped_matmul(row: Row) -> Made:
    names = ("tokens", "hidden", "intermediate", "topk", "experts", "tp", "ep")
    shape: dict[str, Any] = {"operation": "experts"} | {name: int(float(row[name])) for name in names}
    if shape["topk"] < 1:
        raise Useless("experts per token not stated")
    nongated = "nongated" in row["library"] or (shape["topk"], shape["experts"]) in ((6, 128), (22, 512))
    return "grouped_matmul", shape | {"gated": int(not nongated), "distribution": row["distribution"]}, row["dtype"]


def _collective(row: Row) -> Made:
    operation = COLLECTIVES.get(row["op"], row["op"])
    if operation not in ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send"):
        raise Useless("operation without a law")
    if not row["bytes"] or not row["devices"] or not row["nodes"]:
        raise Useless("size, ranks or nodes not stated")
    processes, size = int(float(row["devices"])), float(row["bytes"])
    if operation == "all_gather":  # published as the whole output
        size /= processes
    shape = {"operation": operation, "processes": processes, "nodes": int(row["nodes"]), "bytes": size}
    return "collective", shape, row["dtype"]


def _other(row: Row) -> Made:
    if row["op"] not in MEMORY_BOUND or not row["bytes"]:
        raise Useless("operation without a law")
    if "phi-2" in row["source"] and row["op"] in OTHERWISE:
        raise Useless("another operator under the same name")
    sizes = dict(part.split("=") for part in row["shape"].split(","))
    rows, columns = list(sizes.values())[:2]
    width = sum(map(int, columns.split("+"))) * int(sizes.get("head_dim", 1))
    shape = {"operation": MEMORY_BOUND[row["op"]], "rows": int(rows), "columns": width}
    return "memory_bound", shape, row["dtype"]


def _as_read(cell: str, is_float: bool, column: str) -> str:
    """A cell as a table reader with typed columns shows it; ids must not depend on the reader."""
    if not cell:
        return "" if column == "kv_dtype" else "nan"
    return str(float(cell)) if is_float else cell


def _is_float(cells: Iterable[str]) -> bool:
    """A column of numbers is one of floats as soon as a cell is blank or has a point."""
    values = list(cells)
    try:
        for value in values:
            float(value or 0)
    except ValueError:
        return False
    return any(not value or not value.lstrip("-").isdigit() for value in values)


TABLES: dict[str, Callable[[Row], Made]] = {
    "gemm": _matmul,
    "attention": _attention,
    "moe": _grouped_matmul,
    "comm": _collective,
    "other": _other,
}


def main() -> None:
    """Rewrite the evidence from the folder that the command line names."""
    found, dropped = records(Path(sys.argv[1]))
    kinds: dict[str, list[Record]] = defaultdict(list)
    for record in found:
        kinds[record["kind"].split("_p")[0].split("_d")[0]].append(record)
    EVIDENCE.mkdir(exist_ok=True)
    for kind, kept in kinds.items():
        write(EVIDENCE / f"{kind}.jsonl.gz", kept)
        print(f"{kind}: {len(kept)} records", file=sys.stderr)
    for why, count in dropped.most_common():
        print(f"left out {count}: {why}", file=sys.stderr)


if __name__ == "__main__":
    main()
