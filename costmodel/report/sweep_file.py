"""A sweep as a file that grows block by block, whole after every block: CSV, Parquet, or JSON in one go."""

from __future__ import annotations

import csv
import io
import json
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from costmodel.sweeping import SweepError

PART = 1 << 15
Columns = Mapping[str, Any]


class Writer:
    """Writes blocks of columns to a binary file. Columns are those of the first block that has figures."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.names: list[str] = []
        self.held: list[Columns] = []

    def write(self, block: Columns) -> None:
        """Add the rows of a block; raises SweepError for one with figures that those before it lack."""
        self.held.append(block)
        if not self.names and any(name.startswith("totals.") for name in block):
            self.names = list(block)
            self.begin(block)
        if not self.names:
            return  # nothing has an answer so far, and so nobody knows which figures there are
        for ready in self.held:
            if unknown := next((name for name in ready if name not in self.names), None):
                raise SweepError(f"rows before have no {unknown}: sweep each kind of workload by itself")
            self.rows(ready)
        self.held.clear()

    def begin(self, block: Columns) -> None:
        """What stands before the first row."""

    def rows(self, block: Columns) -> None:
        """The rows of one block."""

    def close(self) -> None:
        """What stands after the last row."""


class Csv(Writer):
    """A line for each point; nan where there is no answer."""

    def begin(self, block: Columns) -> None:
        self.file.write((",".join(self.names) + "\n").encode())

    def rows(self, block: Columns) -> None:
        text = io.StringIO()
        count = len(block["feasible"])
        columns = [block[name].tolist() if name in block else ["nan"] * count for name in self.names]
        csv.writer(text, lineterminator="\n").writerows(zip(*columns, strict=True))
        self.file.write(text.getvalue().encode())


class Parquet(Writer):
    """A row group for each block; null where there is no answer."""

    def begin(self, block: Columns) -> None:
        self.table = self._table(block)
        self.writer = self.arrow.parquet.ParquetWriter(self.file, self.table.schema)

    def rows(self, block: Columns) -> None:
        self.writer.write_table(self._table(block).cast(self.table.schema))

    def close(self) -> None:
        if self.names:
            self.writer.close()

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise SweepError("Parquet needs pyarrow; run: pip install pyarrow, or write csv") from None
        self.arrow = pyarrow

    def _table(self, block: Columns) -> Any:
        return self.arrow.table({name: self._array(block.get(name), block) for name in self.names})

    def _array(self, values: Any, block: Columns) -> Any:
        if values is None:
            return self.arrow.nulls(len(block["feasible"]))
        if values.dtype.kind not in "fiub":
            return self.arrow.array([str(value) for value in values.tolist()])
        return self.arrow.array(values, from_pandas=True)


class Json(Writer):
    """One mapping of columns to lists; null where there is no answer."""

    def write(self, block: Columns) -> None:
        if self.held:
            raise SweepError("JSON takes a sweep in one piece, and this one is too long; write csv or parquet")
        self.held.append(block)
        plain = {name: [None if v != v else v for v in values.tolist()] for name, values in block.items()}
        self.file.write((json.dumps(plain, allow_nan=False) + "\n").encode())


WRITERS: dict[str, type[Writer]] = {"json": Json, "csv": Csv, "parquet": Parquet}


def save(form: str, file: IO[bytes], blocks: Iterable[Columns], tell: Callable[[int], None]) -> None:
    """Write blocks of columns to a file, which is whole up to the rows told also when this is interrupted."""
    writer, done = WRITERS[form](file), 0
    try:
        for block in blocks:
            for part in [block] if form == "json" else _parts(block):
                with _held_back():
                    writer.write(part)
                    done += len(part["feasible"])
                    tell(done)
    finally:
        writer.close()


def _parts(block: Columns) -> Iterator[Columns]:
    """Few enough rows to be written within a second."""
    for start in range(0, len(block["feasible"]), PART):
        yield {name: values[start : start + PART] for name, values in block.items()}


@contextmanager
def _held_back() -> Iterator[None]:
    """Ctrl-C waits until what is inside is done."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
