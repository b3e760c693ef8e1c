"""How well laws predict what they were not fitted to: thirds held out, and whole devices.

`python -m costmodel.calibration.accuracy` prints the table for the shipped evidence; `--full FOLDER` for all rows of
published tables.

Rows of one device, number format and library (a law's `cell`) are fitted together. Held out are: a *random* third by
the records' ids; the *largest* and the *smallest* third by operations or bytes; a *library*, predicted with
constants of the others on the same device; and a whole *device*, predicted with constants that were fitted to the same
cell of the other devices. Beside each law stands its baseline, fitted to the same rows. A law is fitted with the prior
that all other devices give; its baseline has so few constants that it needs none.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from costmodel.calibration import facts, laws, prior, records
from costmodel.calibration.fit import Fit, Prior, fit, judged, predict
from costmodel.calibration.law import Columns, Law, Record
from costmodel.calibration.measure.record import key
from costmodel.ranges import Z90

SPLITS = ("random", "largest", "smallest", "library", "device")
FEWEST = 25  # rows that a cell needs to be split


@dataclass(frozen=True)
class Cell:
    """Rows that are fitted together: of one device, number format and library."""

    device: str
    name: str
    group: str
    columns: Columns
    times: np.ndarray
    sizes: np.ndarray
    held: np.ndarray

    def rows(self, which: np.ndarray) -> tuple[Columns, np.ndarray]:
        """Columns and times of the chosen rows."""
        return {name: values[which] for name, values in self.columns.items()}, self.times[which]


def cells(law: Law, found: Iterable[Record], fewest: int = FEWEST) -> list[Cell]:
    """The cells of a law with enough rows, on devices whose data sheet has what the law needs."""
    by_cell: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in found:
        group, device = law.group(record), record["environment"].get("hardware")
        if group is not None and device:
            by_cell[device, law.cell(record), group].append(record)
    made = []
    for (device, name, group), rows in sorted(by_cell.items()):
        try:
            columns = law.columns(rows, facts.datasheet(device))
        except KeyError:  # a peak that no source states
            continue
        times, sizes = (np.array(v, float) for v in ([r[law.measured] for r in rows], [law.size(r) for r in rows]))
        if len(rows) >= fewest:
            made.append(Cell(device, name, group, columns, times, sizes, np.array([_held(r) for r in rows])))
    return made


class Held(NamedTuple):
    """Rows held out: ln(predicted/measured) of the baseline and of the law, and which lie in the law's 80 % range."""

    naive: np.ndarray
    law: np.ndarray
    inside: np.ndarray


Errors = dict[str, dict[tuple[str, str], Held]]  # by split, then by cell and device
Rows = tuple[Columns, np.ndarray]


def judge(law: Law, made: Sequence[Cell]) -> Errors:
    """What is held out of each cell, and how it is predicted."""
    whole = [fit(law, c.columns, c.times) for c in made]
    errors: Errors = {split: {} for split in SPLITS}
    for c in made:
        known, where, rows = others(law, c, made, whole), (c.name, c.device), (c.columns, c.times)
        for split, train, test in _thirds(c):
            errors[split][where] = _held_out(law, c.rows(train), c.rows(test), known)
        if near := [o for o in made if (o.device, o.group) == (c.device, c.group) and o.name != c.name]:
            errors["library"][where] = _held_out(law, _joined(near), rows, known, _apart(law, c, made, whole))
        if elsewhere := [o for o in made if o.name == c.name and o.device != c.device]:
            errors["device"][where] = _held_out(law, _joined(elsewhere), rows)
    return errors


def _held_out(
    law: Law, train: Rows, test: Rows, known: Prior | None = None, apart: Mapping[str, float] | None = None
) -> Held:
    columns, times = test
    baseline = law.baseline()
    old, new = fit(baseline, *train), fit(law, *train, known)
    naive, own = (np.log(predict(f.law, f.constants, columns) / times) for f in (old, new))
    return Held(naive, own, np.abs(own) <= Z90 * new.spread(columns, apart))


def _apart(law: Law, cell: Cell, made: Sequence[Cell], fits: Sequence[Fit]) -> dict[str, float]:
    """How far libraries lie apart, told by all cells of the group but this one."""
    devices: dict[str, list[Fit]] = defaultdict(list)
    for c, f in zip(made, fits, strict=True):
        if c.group == cell.group and c is not cell:
            devices[c.device].append(f)
    return prior.between(law, devices.values())


def others(law: Law, cell: Cell, made: Sequence[Cell], fits: Sequence[Fit]) -> Prior:
    """The prior for a cell from the other devices: from the same cell, or where none has it from the same group."""
    pairs = [(c, f) for c, f in zip(made, fits, strict=True) if c.device != cell.device]
    same = [f for c, f in pairs if c.name == cell.name]
    return prior.shared(law, same or [f for c, f in pairs if c.group == cell.group])


def table(law: Law, made: Sequence[Cell], detail: bool = True) -> str:
    """The errors of a law as text: median % / p90 %, baseline → law · per cent of the rows in its 80 % range.

    Over all rows, by cell, and by device.
    """
    errors = judge(law, made)
    lines = [f"{law.name}: {len(made)} cells, {sum(len(c.times) for c in made)} rows", _heading(), _line("all", errors)]
    if detail:
        lines += [_line(name, errors) for name in sorted({c.name for c in made})]
        lines += [_line(device, errors) for device in sorted({c.device for c in made})]
    return "\n".join(lines)


def _held(record: Record) -> bool:
    """Whether a record belongs to the random third."""
    if "id" in record:
        return int(record["id"], 16) % 3 == 0
    import hashlib

    return int(hashlib.md5(key(dict(record)).encode()).hexdigest()[:8], 16) % 3 == 0


def _thirds(cell: Cell) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Split, rows to fit, rows held out."""
    everything = np.arange(len(cell.times))
    order, third = np.argsort(cell.sizes, kind="stable"), len(cell.times) // 3
    yield "random", everything[~cell.held], everything[cell.held]
    yield "largest", order[: len(order) - third], order[len(order) - third :]
    yield "smallest", order[third:], order[:third]


def _joined(made: Sequence[Cell]) -> tuple[Columns, np.ndarray]:
    columns = {name: np.concatenate([c.columns[name] for c in made]) for name in made[0].columns}
    return columns, np.concatenate([c.times for c in made])


def _heading() -> str:
    return f"{'':40}" + "".join(f"{split:>28}" for split in SPLITS)


def _line(name: str, errors: Errors) -> str:
    """The errors of a cell or a device of this name, or of all."""
    text = f"  {name:38}"
    for split in SPLITS:
        found = [held for where, held in errors[split].items() if name in ("all", *where) and len(held.law)]
        shown = "–"
        if found:
            naive, law, inside = (np.concatenate(column) for column in zip(*found, strict=True))
            shown = f"{_shown(naive)} → {_shown(law)} · {100 * inside.mean():.0f}"
        text += f"{shown:>28}"
    return text


def _shown(errors: np.ndarray) -> str:
    s = judged(errors)
    return f"{100 * s['median']:.1f}/{100 * s['p90']:.0f}"


def main() -> None:
    """Print the table of every law."""
    parser = argparse.ArgumentParser(prog="costmodel.calibration.accuracy", description=__doc__.split("\n")[0])
    parser.add_argument("--full", type=Path, metavar="FOLDER", help="published tables instead of the shipped evidence")
    parser.add_argument("--only", metavar="NAME", default="", help="laws whose name contains this")
    parser.add_argument("--brief", action="store_true", help="no lines for single cells and devices")
    chosen = parser.parse_args()
    if chosen.full:
        from costmodel.calibration import published

        found, _ = published.records(chosen.full)
    else:
        found = records.evidence()
    for law in laws.every():
        made = cells(law, found) if chosen.only in law.name else []
        if made:
            print(table(law, made, not chosen.brief), flush=True)
            print(file=sys.stdout)


if __name__ == "__main__":
    main()
