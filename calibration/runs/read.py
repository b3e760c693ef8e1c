"""A file of runs in any of the formats, known by its content."""

from __future__ import annotations

import csv
import gzip
import json
import os
import zlib
from pathlib import Path

from costmodel.calibration.runs import codecarbon, megatron, profiler, torchtitan
from costmodel.calibration.runs.run import Beside, RunError, Runs
from costmodel.calibration.runs.table import LOG, MEASURED, table

LARGEST_FILE = 2_000_000_000  # unpacked; a trace of a few steps of a large model has hundreds of megabytes
LONGEST_LINE = 20_000
EXPECTED = (
    "expected are a table (CSV with step_time_s or tokens_per_s), a log of Megatron-LM (elapsed time per iteration) or "
    "torchtitan (step: … tps: …), a whole trace of torch.profiler, or codecarbon's emissions.csv"
)


def read_runs(path: str | os.PathLike[str], scenario: Beside | None = None) -> Runs:
    """The measured runs in a file, plain or gzipped.

    `scenario` (a path, a mapping or a Scenario) says what was run, where the file itself does not: always for logs and
    traces, for tables if no column does. Raises RunError, and ScenarioError or TableError for what they name.
    """
    return _read(Path(path), scenario, tables=True)


def _log(path: Path, scenario: Beside | None) -> Runs:
    return _read(path, scenario, tables=False)


def _read(path: Path, scenario: Beside | None, tables: bool) -> Runs:
    file = os.fspath(path)
    text = _text(path, file)
    lines = [line for line in text.splitlines() if len(line) <= LONGEST_LINE]
    header = {name.strip() for name in next(csv.reader(lines[:1]), [])}
    if (trace := _json(text)) is not None:
        return Runs(file, "torch.profiler", (profiler.run(file, trace, scenario),))
    if header >= codecarbon.COLUMNS:
        return codecarbon.read(file, text, scenario)
    if header & {*MEASURED, LOG}:
        if not tables:
            raise RunError(f"{file}: a table within a table; name a log in column {LOG}")
        return table(path, scenario, _log)
    if iterations := megatron.steps(lines):
        return Runs(file, "Megatron-LM", (megatron.run(file, iterations, scenario),))
    if rates := torchtitan.rates(lines):
        return Runs(file, "torchtitan", (torchtitan.run(file, rates, scenario),))
    first = next((line.strip() for line in lines if line.strip()), "nothing")
    seen = "".join(c if c.isprintable() else "?" for c in first[:60])
    raise RunError(f"{file}: no measured step in it (its first line is {seen!r}); {EXPECTED}")


def _text(path: Path, file: str) -> str:
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise RunError(f"{file}: the compressed file is damaged; copy it again") from None
    except OSError as error:
        raise RunError(
            f"{file}: cannot be read ({(error.strerror or 'not found').lower()}); write the path of a file"
        ) from None
    except ValueError:
        raise RunError(f"{file!r}: is not a path; write the path of a file") from None
    if len(data) > LARGEST_FILE:
        raise RunError(f"{file}: larger than {LARGEST_FILE // 10**6} MB; give a part of it")
    return data.decode("utf-8-sig", errors="replace")


def _json(text: str) -> object | None:
    """The JSON that a text is, None for any other; lines of a log may begin with a bracket as well."""
    try:
        return json.loads(text) if text.lstrip()[:1] in ("{", "[") else None
    except (ValueError, RecursionError):
        return None
