"""Records: the JSON line that says what came out of timing a point, written and read back strictly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA = "costmodel/record/1"
KEY = ("kind", "shape", "dtype", "backend", "device")
FAMILY, VERSION = SCHEMA.rsplit("/", 1)
PUBLISHED = "published"  # the timing of a record that was taken from a publication
WIDTH = {"fp32": 4, "tf32": 4, "bf16": 2, "fp16": 2, "int8": 1, "fp8": 1}  # bytes per value
LARGEST = 1e18  # of what is counted or timed

# What a field must be, by field: of the environment, of every record, of one that was timed, of one timed here.
TEXT, NUMBER, POSITIVE, MAPPING = "a text", "a number of at least 0", "a number above 0", "a mapping"
ENVIRONMENT = {"id": TEXT, "versions": MAPPING}
MACHINE = {"date": TEXT, "cpu": TEXT, "cores": POSITIVE, "threads": POSITIVE}
POINT = {"kind": TEXT, "shape": MAPPING, "dtype": TEXT, "backend": TEXT, "device": TEXT, "environment": TEXT}
TIMED = {"time_s": POSITIVE}
HERE = {"flops": NUMBER, "bytes": NUMBER}
IF_SAID = {"spread_s": NUMBER, "watts": NUMBER, "probe_s": POSITIVE, "memory_bytes": POSITIVE, "accelerator": MAPPING}
NAMES = ("operation", "implementation", "direction", "quantize")  # what is a text in a shape timed here
ATTENTION = ("batch", "heads", "kv_heads", "head_dim", "length", "context")
SHAPES: dict[str, tuple[str, ...]] = {
    "matmul": ("m", "n", "k"),
    "attention_prefill": ATTENTION,
    "attention_decode": ATTENTION,
    "convolution": ("batch", "in_channels", "size", "out_channels", "kernel", "stride", "groups"),
    "launch": ("operation", "count"),
    "bandwidth": ("operation", "bytes"),
    "memory_bound": ("operation",),
    "optimizer": ("operation", "implementation", "parameters", "tensors"),
    "collective": ("operation", "processes", "bytes"),
}
Record = dict[str, Any]


class BadFile(ValueError):
    """A file that holds no records of this schema. The message names the file and the line."""


def key(record: Record) -> str:
    """What makes two records repeats of each other."""
    return json.dumps([record[k] for k in KEY], sort_keys=True)


def line(record: Record) -> str:
    """One line of JSON; floats to six digits, since no timing is known better."""
    return json.dumps(rounded(record), separators=(", ", ": "), allow_nan=False) + "\n"


def rounded(value: Any) -> Any:
    """The value with every float in it rounded to six digits."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return value


def read(path: Path) -> list[Record]:
    """The records of a file, without a last line that was cut short. Raises BadFile for any other bad line."""
    return [record for _, record in parsed(path.read_bytes(), path)]


def parsed(data: bytes, path: Path) -> Iterator[tuple[int, Record]]:
    """The records in the content of a file, each with its line, checked in every field that a fit reads.

    Raises BadFile.
    """
    for number, text in enumerate(data.split(b"\n")[:-1], start=1):  # what follows the last line feed was cut short
        if text.strip():
            try:
                record = json.loads(text)
            except (ValueError, RecursionError):
                record = "no JSON"
            if wrong := _wrong(record):
                raise BadFile(f"{path}:{number}: {wrong}")
            yield number, record


def _wrong(record: Any) -> str:
    """What is wrong with a record, or nothing."""
    if record == "no JSON":
        return "not a JSON line; give a file that the collector wrote"
    found = record.get("schema") if isinstance(record, dict) else None
    if found != SCHEMA:
        family, _, version = str(found).rpartition("/")
        if family == FAMILY:
            return f"records of version {version[:20]}; this program reads version {VERSION}"
        return f"schema is {str(found)[:60]!r}, not {SCHEMA!r}; give a file that the collector wrote"
    published = record.get("timing") == PUBLISHED
    if record.get("kind") == "environment":
        needed = ENVIRONMENT | ({} if "hardware" in record else MACHINE)
    else:
        timed = "skipped" not in record
        needed = POINT | (TIMED if timed else {}) | (HERE if timed and not published else {})
    needed |= {name: rule for name, rule in IF_SAID.items() if record.get(name) is not None}
    for name, rule in needed.items():
        if name not in record:
            return f"a record needs the field {name!r}"
        if not _is(record[name], rule):
            return f"{name} must be {rule}, not {str(record[name])[:20]!r}"
    return "" if published or "skipped" in record or record["kind"] == "environment" else _wrong_point(record)


def _wrong_point(record: Record) -> str:
    """What is wrong with the shape or the format of a call that was timed here, or nothing."""
    shape = record["shape"]
    if record["dtype"] not in WIDTH:
        return f"dtype {record['dtype'][:20]!r} is none of {', '.join(WIDTH)}"
    needed = SHAPES.get(record["kind"], ())
    for name in dict.fromkeys((*needed, *shape)):
        rule = TEXT if name in NAMES else POSITIVE if name in needed else NUMBER
        if name not in shape:
            return f"the shape of {record['kind']} needs {name!r}"
        if not _is(shape[name], rule):
            return f"shape.{name[:20]} must be {rule}, not {str(shape[name])[:20]!r}"
    return ""


def _is(value: Any, rule: str) -> bool:
    if rule in (TEXT, MAPPING):
        return isinstance(value, str if rule == TEXT else dict)
    number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LARGEST
    return number and (value > 0 or rule == NUMBER)
