"""A sweep as a table of its main figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from costmodel.report.quantities import show, with_range
from costmodel.report.table import aligned
from costmodel.report.text import LABELS, PERFORMANCE, UNITS
from costmodel.units import counted

# The figures that text and charts show, those that the sweep has; what people look at first comes first.
TRAINING = ("totals.time_s", "totals.cost_usd", "memory.used_bytes", "totals.energy_j", "totals.carbon_kg")
SERVING = ("performance.output_tokens_per_s", "performance.cost_per_million_output_tokens_usd", *TRAINING)
SHORT = {
    "performance.output_tokens_per_s": "tokens/s",
    "performance.cost_per_million_output_tokens_usd": "cost / M tokens",
    "memory.used_bytes": "memory",
}
MOST = {"performance.output_tokens_per_s"}  # where more is better
ROWS, WIDTH = 50, 20


def shown(found: Mapping[str, Any]) -> list[str]:
    """The columns to show of a sweep."""
    return [name for name in (SERVING if SERVING[0] in found else TRAINING) if name in found]


def label(column: str) -> tuple[str, str]:
    """What to call a column, and its unit."""
    part, _, name = column.partition(".")
    if part == "totals":
        return LABELS[name], UNITS[name]
    words, unit = PERFORMANCE.get(name, ("", "B"))
    return SHORT.get(column, words), unit


def sentence(found: Mapping[str, Any], axes: Sequence[str]) -> str:
    """How many points are feasible, and which of them are best."""
    feasible = found["feasible"]
    count, points = int(feasible.sum()), counted(len(feasible), "point")
    if not count:
        return f"None of {points} is feasible: {found['reason'][0]}."
    said = f"{count:,} of {points} {'is' if count == 1 else 'are'} feasible"
    bests = []
    varying = [c for c in shown(found) if np.nanmin(found[c]) < np.nanmax(found[c])]
    for column in varying[:2]:
        words, unit = label(column)
        superlative, choose = ("most", np.nanargmax) if column in MOST else ("least", np.nanargmin)
        best = int(choose(found[column]))
        place = ", ".join(f"{axis.rpartition('.')[2]} = {at(found[axis][best])}" for axis in axes)
        bests.append(f"{superlative} {words} {show(float(found[column][best]), unit)} at {place}")
    return f"{said}: {'; '.join(bests)}." if bests else f"{said}."


def as_text(found: Mapping[str, Any], axes: Sequence[str], bars: bool = False) -> str:
    """The best points in a sentence, and a row per point, with bars of the second figure for one or two axes."""
    columns = shown(found)
    if f"{columns[0]}.p10" in found:  # ranges need the room of two more columns
        columns = columns[:4]
    count = min(len(found["feasible"]), ROWS)
    notes = found["reason"][:count].tolist()
    rows = [[*axes, *(label(column)[0] for column in columns)]]
    rows += [
        [*(at(found[axis][i]) for axis in axes), *(_cell(found, column, i) for column in columns)] for i in range(count)
    ]
    head, *lines = aligned(rows).splitlines()
    if bars and len(axes) <= 2 and count > 1:
        notes = [bar or note for bar, note in zip(_bars(found[columns[1]][:count]), notes, strict=True)]
        head += f"  {label(columns[1])[0]}"
    lines = [f"{line:{len(head)}}  {note}".rstrip() for line, note in zip(lines, notes, strict=True)]
    if len(found["feasible"]) > count:
        lines.append(f"{counted(len(found['feasible']) - count, 'more row')}; -o csv lists all.")
    return "\n".join([sentence(found, axes), "", head, *lines])


def _cell(found: Mapping[str, Any], column: str, row: int) -> str:
    value, unit = float(found[column][row]), label(column)[1]
    if value != value:
        return "–"
    if f"{column}.p10" in found:
        return with_range(value, found[f"{column}.p10"][row], found[f"{column}.p90"][row], unit)
    return show(value, unit)


def _bars(values: np.ndarray) -> list[str]:
    """Bars from zero, in eighths of a character."""
    most = np.nanmax(values) if np.isfinite(values).any() else 1.0
    eighths = [0 if v != v else round(8 * WIDTH * v / most) for v in values]
    return ["█" * (n // 8) + " ▏▎▍▌▋▊▉"[n % 8].strip() for n in eighths]


def at(value: Any) -> str:
    """The value of an axis, as people write it."""
    if isinstance(value, str | bool | np.bool_ | Mapping | Sequence):
        return str(value).replace("'", "")  # a mapping as YAML has it
    return show(float(value), "1")
