"""Reading records for a fit: files of the collector and shipped evidence, plain or compressed."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from costmodel import files
from costmodel.calibration.law import Record
from costmodel.calibration.measure.quiet import settled
from costmodel.calibration.measure.record import FIELDS, SCHEMA, BadFile

FAMILY, VERSION = SCHEMA.rsplit("/", 1)
PUBLISHED = "published"  # the timing of a record that was taken from a publication
EVIDENCE = Path(__file__).with_name("evidence")


class RecordError(BadFile):
    """A file that holds no records that can be used. The message is one line with file, line and what is wrong."""


def read(path: Path) -> list[Record]:
    """The timed records of a file, each with the environment in place of its id.

    Raises RecordError for a file that cannot be read, for a line that is no record of this version, and for a record
    of an environment that the file does not describe. Skipped points are left out, and of repeats the settled one
    counts.
    """
    environments: dict[str, Record] = {}
    records: list[dict[str, Any]] = []
    for number, text in enumerate(_lines(path), start=1):
        if text.strip():
            record = _checked(text, f"{path}:{number}")
            if record["kind"] == "environment":
                environments[record["id"]] = record
            elif record["environment"] not in environments:
                raise RecordError(f"{path}:{number}: environment {record['environment']!r} is not described above it")
            elif "skipped" not in record:
                records.append(record)
    if not records:
        raise RecordError(f"{path}: holds no timed record; give a file that the collector wrote")
    published = [r for r in records if r.get("timing") == PUBLISHED]
    measured = settled(r for r in records if r.get("timing") != PUBLISHED)
    chosen = published + [record for record, _ in measured.values()]
    return [record | {"environment": environments[record["environment"]]} for record in chosen]


def evidence(*kinds: str) -> list[Record]:
    """The shipped records of these kinds, all without an argument."""
    paths = sorted(p for p in EVIDENCE.glob("*.jsonl*") if not kinds or p.name.split(".")[0] in kinds)
    return [record for path in paths for record in read(path)]


def write(path: Path, records: Iterable[Record]) -> None:
    """Write records with their environments as compressed lines, the same bytes each time."""
    lines: list[str] = []
    seen: set[str] = set()
    for record in records:
        environment = record["environment"]
        if environment["id"] not in seen:
            seen.add(environment["id"])
            lines.append(json.dumps(environment, separators=(",", ":")))
        lines.append(json.dumps({**record, "environment": environment["id"]}, separators=(",", ":"), allow_nan=False))
    files.write(path, gzip.compress(("\n".join(lines) + "\n").encode(), 9, mtime=0))


def _lines(path: Path) -> list[str]:
    try:
        data = path.read_bytes()
        text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        return text.decode().split("\n")[:-1]  # what follows the last line feed was cut short
    except OSError as problem:
        raise RecordError(f"{path}: {problem.strerror or 'not a compressed file'}") from None
    except (EOFError, zlib.error):
        raise RecordError(f"{path}: the compressed file is damaged") from None
    except UnicodeDecodeError:
        raise RecordError(f"{path}: not a text file; give a file that the collector wrote") from None


def _checked(text: str, where: str) -> dict[str, Any]:
    """The record in a line, known to have the fields that a fit reads."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise RecordError(f"{where}: not a JSON line; give a file that the collector wrote") from None
    found = record.get("schema") if isinstance(record, dict) else None
    if found != SCHEMA:
        family, _, version = str(found).rpartition("/")
        if family == FAMILY:
            raise RecordError(f"{where}: records of version {version[:20]}; this program reads version {VERSION}")
        raise RecordError(f"{where}: schema is {str(found)[:60]!r}, not {SCHEMA!r}")
    needed = ("id",) if record.get("kind") == "environment" else FIELDS
    for field in needed:
        if field not in record:
            raise RecordError(f"{where}: a record needs the field {field!r}")
    if record["kind"] == "environment" or "skipped" in record:
        return record
    if not isinstance(record["shape"], dict) or not isinstance(record["environment"], str):
        raise RecordError(f"{where}: shape must be a mapping and environment an id")
    time = record.get("time_s")
    if isinstance(time, bool) or not isinstance(time, int | float) or not (math.isfinite(time) and time > 0):
        raise RecordError(f"{where}: time_s must be a positive number of seconds, not {str(time)[:20]}")
    return record
