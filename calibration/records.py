"""Reading records for a fit: files of the collector and shipped evidence, plain or compressed."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from costmodel import files
from costmodel.calibration.law import Record
from costmodel.calibration.measure.quiet import settled
from costmodel.calibration.measure.record import PUBLISHED, BadFile, parsed

EVIDENCE = Path(__file__).with_name("evidence")


def read(path: Path) -> list[Record]:
    """The timed records of a file, each with the environment in place of its id.

    Raises BadFile for a file that cannot be read, for a line that is no record of this version, and for a record
    of an environment that the file does not describe. Skipped points are left out, and of repeats the settled one
    counts.
    """
    environments: dict[str, Record] = {}
    records: list[dict[str, Any]] = []
    for number, record in parsed(_content(path), path):
        if record["kind"] == "environment":
            environments[record["id"]] = record
        elif record["environment"] not in environments:
            raise BadFile(f"{path}:{number}: environment {record['environment'][:20]!r} is not described above it")
        elif "skipped" not in record:
            records.append(record)
    if not records:
        raise BadFile(f"{path}: holds no timed record; give a file that the collector wrote")
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


def _content(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except OSError as problem:
        reason = (problem.strerror or "not a compressed file").lower()
        raise BadFile(
            f"{path}: cannot be read ({reason}); write the path of records that `costmodel calibrate` measured"
        ) from None
    except (EOFError, zlib.error):
        raise BadFile(f"{path}: the compressed file is damaged") from None
