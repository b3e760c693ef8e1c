"""A table of published runs: CSV text to rows with checked numbers, or one line that says what is wrong and where."""

from __future__ import annotations

import csv
import io
import math
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from costmodel.units import counted

LARGEST_FILE = 200_000_000
LEAST, MOST = 1e-15, 1e21  # what a measurement or a size may be: beyond it something is wrong

# Columns of numbers by the least value they may take; a blank cell means not stated.
# fmt: off
MEASURED = (
    "step_time_s", "tokens_per_s", "samples_per_s", "peak_mem_gib", "ttft_s", "tpot_s", "latency_s",
    "output_tokens_per_s", "input_tokens_per_s", "total_tokens_per_s", "requests_per_s", "power_w",
)
SIZES = (
    "n_params", "n_active_params", "layers", "hidden", "ffn_hidden", "heads", "kv_heads", "head_dim", "vocab", "window",
    "seq_len", "global_batch", "micro_batch", "grad_accum", "devices", "tp", "pp", "vp", "dp", "cp", "image_size",
    "batch", "concurrency", "request_rate",
)
COUNTS = ("input_tokens", "output_tokens", "context_depth")
FLAGS = ("gated_mlp", "tied_embeddings", "sequence_parallel")
# fmt: on
NUMBERS = dict.fromkeys(SIZES, "a number above zero") | dict.fromkeys((*MEASURED, *COUNTS), "zero or more")
NUMBERS |= dict.fromkeys(FLAGS, "0 or 1")


class TableError(ValueError):
    """A table that cannot be used; the text is one line FILE:LINE:COLUMN: what is wrong; what to write instead."""


@dataclass(frozen=True, slots=True)
class Row:
    """One run: the cells that are not blank, by column; `numbers` has those of number columns; `place` is FILE:LINE."""

    cells: Mapping[str, str]
    numbers: Mapping[str, float]
    place: str

    def text(self, column: str) -> str:
        """A cell's text, "" when blank."""
        return self.cells.get(column, "")

    def number(self, column: str) -> float | None:
        """A cell's number, None when blank."""
        return self.numbers.get(column)


def read(source: str | os.PathLike[str], needed: tuple[str, ...], one_of: tuple[str, ...]) -> list[Row]:
    """The rows of a CSV file ("-": standard input), which must have the columns `needed` and one of `one_of`.

    Columns that nothing reads are ignored. Raises TableError.
    """
    file = "<stdin>" if os.fspath(source) == "-" else os.fspath(source)
    lines = _lines(_decode(_bytes(source, file), file), file)
    try:
        _, header = next(lines)
    except StopIteration:
        raise _error(file, 1, 1, "the table is empty; write a line of column names and a line per run") from None
    header = [name.strip() for name in header]
    for place, name in enumerate(header, 1):
        if name in header[: place - 1]:
            raise _error(file, 1, place, f"column {name[:60]!r} is there twice; remove one")
    missing = [name for name in needed if name not in header]
    if missing:
        raise _error(file, 1, len(header), f"no column {missing[0]!r}; add it, with blank cells where it is not known")
    if not set(one_of) & set(header):
        raise _error(file, 1, len(header), f"no column of measurements; add one of {', '.join(one_of)}")
    rows = [_row(file, line, header, cells) for line, cells in lines]
    if not rows:
        raise _error(file, 2, 1, "the table has no rows; write a line per run below the column names")
    return rows


def _bytes(source: str | os.PathLike[str], file: str) -> bytes:
    try:
        if file == "<stdin>":
            data = sys.stdin.buffer.read(LARGEST_FILE + 1)
        else:
            with Path(source).open("rb") as stream:
                data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        reason = (error.strerror or "not found").lower()
        raise TableError(f"{file}: cannot be read ({reason}); write the path of a CSV file") from None
    except ValueError:
        raise TableError(f"{file!r}: is not a path; write the path of a CSV file") from None
    if len(data) > LARGEST_FILE:
        raise TableError(f"{file}: larger than {LARGEST_FILE // 1_000_000} MB; split the table")
    return data


def _decode(data: bytes, file: str) -> str:
    start = data.find(b"\0")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = error.start if start < 0 else min(start, error.start)
        text = ""
    if start >= 0:
        before = data[:start]
        line, place = before.count(b"\n") + 1, start - before.rfind(b"\n")
        raise _error(file, line, place, f"byte {data[start]:#04x} is not text; give a CSV file in UTF-8")
    return text


def _lines(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record starts, and its cells; blank lines are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise _error(file, max(line, reader.line_num), 1, f"not valid CSV ({error}); check the quotes here") from None


def _row(file: str, line: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        wrong = f"{counted(len(cells), 'cell')}, but {counted(len(header), 'column')}; quote cells that hold a comma"
        raise _error(file, line, min(len(cells), len(header)) + 1, wrong)
    said = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}
    numbers = {}
    for place, name in enumerate(header, 1):
        if name in NUMBERS and name in said:
            value = _number(said[name])
            if value is None or not _allowed(value, name):
                wrong = f"{name}: {said[name][:40]!r} is not {NUMBERS[name]}; write a number, or leave the cell blank"
                raise _error(file, line, place, wrong)
            if value and not LEAST <= abs(value) <= MOST:
                wrong = f"{name}: {said[name][:40]!r} cannot be: it must lie between {LEAST:g} and {MOST:g}"
                raise _error(file, line, place, f"{wrong}; mend it, or leave the cell blank")
            if value or name not in MEASURED:  # a measured zero says that nothing was measured
                numbers[name] = value
    return Row(said, numbers, f"{file}:{line}")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if "_" not in text and math.isfinite(value) else None


def _allowed(value: float, name: str) -> bool:
    if name in FLAGS:
        return value in (0.0, 1.0)
    return value > 0 if name in SIZES else value >= 0


def _error(file: str, line: int, place: int, message: str) -> TableError:
    printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    return TableError(f"{file}:{line}:{place}: {printable}")
