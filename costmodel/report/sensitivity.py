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
WIDTH, ROWS = 20, 12


def as_text(swings: Sequence[Swing], answer: Estimate, total: str) -> str:
    """What the figure hangs on most, in a sentence; then the largest swings with bars about the answer."""
    label, unit = FIGURES.get(total, (total, "1"))
    value = figure(answer, total)
    moving = [s for s in swings if s.at_low != s.at_high]
    if not moving:
        return f"No assumption with a range moves {label} = {show(value, unit)}."
    first = moving[0]
    lines = [
        f"{label.capitalize()} is {show(value, unit)}; {first.label} moves it most: "
        f"{interval(min(first.at_low, first.at_high), max(first.at_low, first.at_high), unit)}.",
        "",
    ]
    shown = moving[:ROWS]
    least = min(min(s.at_low, s.at_high) for s in shown)
    most = max(max(s.at_low, s.at_high) for s in shown)
    rows = [["assumption", "80 % range", "at low", "at high", ""]]
    for s in shown:
        bar = _bar([(x - least) / (most - least) for x in (s.at_low, value, s.at_high)])
        rows.append([s.label, interval(s.low, s.high, s.unit), show(s.at_low, unit), show(s.at_high, unit), bar])
    lines.append(aligned(rows))
    if len(moving) > ROWS:
        lines.append(f"{len(moving) - ROWS} more move it less; -o json lists all with sources.")
    return "\n".join(lines)


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
