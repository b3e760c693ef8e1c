"""Points and records: what is to be timed, and the JSON line that says what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .device import Device

SCHEMA = "costmodel/record/1"
KEY = ("kind", "shape", "dtype", "backend", "device")
FIELDS = (*KEY, "environment")  # every record but the environment's has them
Record = dict[str, Any]


class BadFile(ValueError):
    """A file that holds no records of this schema. The message names the file and the line."""


@dataclass(frozen=True)
class Point:
    """One call to be timed.

    `flops` and `bytes` are what the algorithm needs, each operand moved once; `memory` [B] is what the call holds
    at once; `at_least_s` keeps it running that long; `skip` is the reason why it cannot be timed at all.
    """

    kind: str
    shape: Mapping[str, int | str]
    dtype: str
    device: Device
    flops: float = 0.0
    bytes: float = 0.0
    memory: float = 0.0
    at_least_s: float = 0.0
    skip: str = ""

    def record(self, environment: str, **measured: object) -> Record:
        """The record of this point with what was measured, or with the reason why nothing was."""
        head: Record = {"schema": SCHEMA, "kind": self.kind, "shape": dict(self.shape), "dtype": self.dtype}
        head |= {"backend": self.device.backend, "device": self.device.name}
        if "skipped" not in measured:
            head |= {"flops": self.flops, "bytes": self.bytes}
        return head | measured | {"environment": environment}

    def __str__(self) -> str:
        sizes = " ".join(v if isinstance(v, str) else f"{k}={v}" for k, v in self.shape.items())
        return f"{self.kind} {sizes} {self.dtype}"


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
    """The records of a file, without a last line that was cut short.

    Raises BadFile for any other line that is no record of this schema.
    """
    lines = path.read_bytes().split(b"\n")
    records = []
    for number, text in enumerate(lines[:-1], start=1):  # what follows the last line feed was cut short
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except ValueError:
            raise BadFile(f"{path}:{number}: not a JSON line; give a file that the collector wrote") from None
        found = record.get("schema") if isinstance(record, dict) else None
        if found != SCHEMA:
            raise BadFile(f"{path}:{number}: schema is {found!r}, not {SCHEMA!r}")
        missing = [k for k in (("id",) if record.get("kind") == "environment" else FIELDS) if k not in record]
        if missing:
            raise BadFile(f"{path}:{number}: a record needs the field {missing[0]!r}")
        records.append(record)
    return records
