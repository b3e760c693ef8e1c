"""A sweep in words and rows: where a figure is least, which points have no answer and why, which are not dominated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from costmodel.plan.pareto import front
from costmodel.report.quantities import show, with_range
from costmodel.report.sweep import at
from costmodel.report.text import LABELS, MORE_IS_BETTER, PERFORMANCE, UNITS
from costmodel.units import counted

Columns = Mapping[str, np.ndarray]

# Every figure that can be drawn: its column, label and unit.
FIGURES = {f"totals.{name}": (label, UNITS[name]) for name, label in LABELS.items()}
FIGURES |= {f"performance.{name}": figure for name, figure in PERFORMANCE.items()}
FIGURES |= {"memory.used_bytes": ("memory of a device", "B")}
ALIKE = 1e-3  # a smaller share of a figure is not seen in three digits
TRADE_OFF = {
    "train": ("totals.time_s", "totals.cost_usd"),
    "serve": ("performance.tpot_s", "performance.cost_per_million_output_tokens_usd"),
}


def figures(found: Columns) -> list[str]:
    """The columns that can be drawn."""
    return [name for name in FIGURES if name in found]


def trade_off(found: Columns, kind: str) -> tuple[str, str]:
    """The two figures that a workload is a compromise of."""
    return TRADE_OFF["serve" if kind == "serve" and TRADE_OFF["serve"][0] in found else "train"]


def sentence(found: Columns, axes: Sequence[str], name: str) -> str:
    """Where the figure is best, and how many points have an answer."""
    label, unit = FIGURES[name]
    points, bad = counted(len(found["feasible"]), "point"), int(np.count_nonzero(~found["feasible"]))
    if bad == len(found["feasible"]):
        return f"None of {points} is feasible: {', '.join(_reasons(found))}."
    most = any(word in label for word in MORE_IS_BETTER)
    place = int((np.nanargmax if most else np.nanargmin)(found[name]))
    best = show(float(found[name][place]), unit)
    if f"{name}.p10" in found:
        value, low, high = (float(found[column][place]) for column in (name, f"{name}.p10", f"{name}.p90"))
        best = with_range(value, low, high, unit)
    alike = np.nanmax(found[name]) - np.nanmin(found[name]) <= ALIKE * abs(found[name][place])
    first = f"{'Highest' if most else 'Lowest'} {label}: {best} at {point(found, axes, place)}."
    text = f"{label.capitalize()}: {best} everywhere." if alike and len(found["feasible"]) - bad > 1 else first
    are = "is" if bad == 1 else "are"
    rest = f" {bad} of {points} {are} not feasible: {', '.join(_reasons(found))}." if bad else ""
    return f"{text}{rest}"


def front_sentence(found: Columns, axes: Sequence[str], names: tuple[str, str], places: Sequence[int]) -> str:
    """How many points no other beats in both figures, and the two ends of them."""
    labels = " and ".join(FIGURES[name][0] for name in names)
    ends = list(dict.fromkeys((places[0], places[-1])))
    said = (
        f"{point(found, axes, place)} ({', '.join(show(float(found[n][place]), FIGURES[n][1]) for n in names)})"
        for place in ends
    )
    points, are = counted(int(np.count_nonzero(found["feasible"])), "point"), "is" if len(places) == 1 else "are"
    return f"{len(places)} of {points} {are} not beaten in {labels} by another: {' to '.join(said)}."


def _reasons(found: Columns, most: int = 2) -> list[str]:
    """Why points have no answer, the most frequent first; figures in a reason do not tell them apart."""
    kinds = Counter(limit(found, place) for place, reason in enumerate(found["reason"]) if reason)
    return [f"{kind} ({count})" for kind, count in kinds.most_common(most)]


def limit(found: Columns, place: int) -> str:
    """The name of what a point has no answer for."""
    return str(found["reason"][place]).partition(":")[0]


def point(found: Columns, axes: Sequence[str], place: int) -> str:
    """The values of a point: "devices = 64, hardware = h100-sxm"."""
    return ", ".join(f"{axis} = {at(found[axis][place])}" for axis in axes)


def stated(found: Columns, axes: Sequence[str], place: int) -> list[tuple[str, Any]]:
    """The values of a point as changes of its scenario."""
    return [(axis, found[axis][place : place + 1].tolist()[0]) for axis in axes]


def rows(found: Columns, axes: Sequence[str], names: Sequence[str]) -> list[dict[str, str]]:
    """A row for each point: its values, the figures asked for, and why it has none."""
    lines = []
    for place, fits in enumerate(found["feasible"]):
        line = {axis: at(found[axis][place]) for axis in axes}
        line |= {FIGURES[n][0]: show(float(found[n][place]), FIGURES[n][1]) if fits else "–" for n in names}
        lines.append(line | ({} if found["feasible"].all() else {"not feasible because": str(found["reason"][place])}))
    return lines


def compromise(found: Columns, names: tuple[str, str]) -> list[int]:
    """Places of the points that no other is better than in both figures."""
    return [int(place) for place in front(*(found[name] for name in names))]
