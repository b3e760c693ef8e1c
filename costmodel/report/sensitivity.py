"""How far each assumption moves an answer, as a tornado of bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from costmodel.report.quantities import interval, show
from costmodel.report.table import aligned
from costmodel.report.table import as_csv as csv_text
from costmodel.report.text import LABELS, PERFORMANCE, UNITS

if TYPE_CHECKING:
    from costmodel.api import Estimate
    from costmodel.tornado import Swing

SCHEMA = "costmodel/sensitivity/1"
FIGURES = PERFORMANCE | {name: (label, UNITS[name]) for name, label in LABELS.items()}
FIGURES |= {"memory_used_bytes": ("memory of a device", "B")}
WIDTH, ROWS = 20, 12


def moving(swings: Sequence[Swing]) -> list[Swing]:
    """The assumptions that move the figure at all."""
    return [s for s in swings if s.at_low != s.at_high]


def sentence(swings: Sequence[Swing], answer: Estimate, total: str) -> str:
    """What the figure hangs on most."""
    (label, unit), value = FIGURES.get(total, (total, "1")), figure(answer, total)
    if not moving(swings):
        return f"No assumption with a range moves {label} = {show(value, unit)}."
    first = moving(swings)[0]
    own = interval(first.low, first.high, first.unit)
    ends = interval(min(first.at_low, first.at_high), max(first.at_low, first.at_high), unit)
    return f"{label.capitalize()} is {show(value, unit)}; {first.label} ({own}) moves it most: {ends}."


def cells(swings: Sequence[Swing], total: str) -> list[list[str]]:
    """A row for each assumption: its name, its range, and the figure at both ends."""
    unit = FIGURES.get(total, (total, "1"))[1]
    return [[s.label, interval(s.low, s.high, s.unit), show(s.at_low, unit), show(s.at_high, unit)] for s in swings]


def as_text(swings: Sequence[Swing], answer: Estimate, total: str) -> str:
    """What the figure hangs on most, in a sentence; then the largest swings with bars about the answer."""
    value = figure(answer, total)
    lines = [sentence(swings, answer, total), ""]
    if not moving(swings):
        return lines[0]
    shown = moving(swings)[:ROWS]
    least = min(min(s.at_low, s.at_high) for s in shown)
    most = max(max(s.at_low, s.at_high) for s in shown)
    rows = [["assumption", "80 % range", "at low", "at high", ""]]
    for s, row in zip(shown, cells(shown, total), strict=True):
        rows.append([*row, _bar([(x - least) / (most - least) for x in (s.at_low, value, s.at_high)])])
    lines.append(aligned(rows))
    if len(moving(swings)) > ROWS:
        lines.append(f"{len(moving(swings)) - ROWS} more move it less; -o json lists all with sources.")
    lines.append(f"To state yours, for example: {remedy(moving(swings)[0], answer)}")
    return "\n".join(lines)


def remedy(swing: Swing, answer: Estimate) -> str:
    """What to type for the assumption of a swing: --set PATH=VALUE."""
    from costmodel.stated import path_of, to_type

    scenario, assumption = answer.resolved.scenario, answer.resolved.assumptions[swing.path]
    path = path_of(scenario, swing.path)
    assert path is not None  # what has a range is no part of a whole
    return to_type(scenario, path, assumption)


def _bar(places: Sequence[float]) -> str:
    """A bar from the least to the largest of three places between 0 and 1, with a mark at the middle one given."""
    low, value, high = (min(WIDTH - 1, max(0, int(place * WIDTH))) for place in places)
    cells = ["█" if min(low, high) <= n <= max(low, high) else " " for n in range(WIDTH)]
    cells[value] = "│"
    return "".join(cells)


def figure(answer: Estimate, name: str) -> float:
    """A total, a figure of performance or the memory used, by its name among an estimate's ranges."""
    from costmodel.ranges import figures

    return float(figures(answer.outcome)[name])


def as_dict(swings: Sequence[Swing], answer: Estimate, total: str) -> dict[str, Any]:
    """JSON-ready data: schema costmodel/sensitivity/1."""
    rows = [{name: getattr(s, name) for name in s.__slots__} for s in swings]
    return {"schema": SCHEMA, "total": total, "value": figure(answer, total), "rows": rows}


def as_csv(swings: Sequence[Swing]) -> str:
    """One line per assumption."""
    names = swings[0].__slots__ if swings else ()
    return csv_text([names, *([getattr(s, name) for name in names] for s in swings)])
