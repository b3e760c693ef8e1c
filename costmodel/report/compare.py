"""Estimates side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from costmodel.comparing import relative_difference
from costmodel.fields import flat
from costmodel.report.quantities import show
from costmodel.report.sweep import at
from costmodel.report.table import aligned
from costmodel.report.table import as_csv as csv_text
from costmodel.report.text import LABELS, PERFORMANCE, UNITS, lacks
from costmodel.scenario import as_tree

if TYPE_CHECKING:
    from costmodel.api import Estimate

SAME = 0.0005  # a smaller relative difference is shown as none


# What a comparison is about: kind of workload, figure, its name and unit; less is better.
ABOUT = {
    "serve": (
        ("cost_per_million_output_tokens_usd", "cost per million output tokens", "USD"),
        ("tpot_s", "time per output token", "s"),
    )
}
JOB = (("cost_usd", "cost", "USD"), ("time_s", "time", "s"))


def sentence(answers: Mapping[str, Estimate]) -> str:
    """How two differ, or which of several is best; what does not fit is named."""
    first, *rest = answers
    fitting = {name: answer.totals | answer.outcome.performance for name, answer in answers.items() if answer.fits}
    lacking: dict[str, list[str]] = {}
    for name in (name for name in answers if name not in fitting):
        lacking.setdefault(lacks(answers[name]), []).append(name)
    short = " ".join(f"{', '.join(n)} {'does' if len(n) == 1 else 'do'} {lack}." for lack, n in lacking.items())
    about, *others = {ABOUT.get(answer.resolved.kind, JOB) for answer in answers.values()}
    if others:
        return "Scenarios of different kinds: their figures do not answer the same question."
    if not rest or not fitting:
        return short
    if len(fitting) == 2 == len(answers):
        (_, theirs), (name, own) = fitting.items()
        said = (
            f"{label} {signed(own[figure], theirs[figure])}, "
            f"{show(own[figure], unit)} instead of {show(theirs[figure], unit)}"
            for figure, label, unit in about
        )
        return f"{name} against {first}: {'; '.join(said)}."
    said = (_best(fitting, first, *measure) for measure in about)
    return " ".join([*said, short]).strip()


def _best(found: Mapping[str, Mapping[str, float]], first: str, figure: str, label: str, unit: str) -> str:
    best = min(found, key=lambda name: found[name][figure])
    value = found[best][figure]
    against = f" ({signed(value, found[first][figure])} against {first})" if first in found and best != first else ""
    return f"Lowest {label}: {best}, {show(value, unit)}{against}."


def _change(value: float, base: float) -> float | None:
    return float(relative_difference(value, base)) if base else None


def signed(value: float | None, base: float | None) -> str:
    """The relative difference with its sign, in per cent."""
    change = None if value is None or base is None else _change(value, base)
    if change is None:
        return "–"
    return "±0%" if abs(change) < SAME else f"{change:+.{0 if abs(change) >= 0.1 else 1}%}".replace("-", "−")


def rows(answers: Mapping[str, Estimate], differences: bool = False) -> list[list[str]]:
    """One row per figure, one column per scenario; with `differences`, those from the first in per cent, too."""
    found = list(answers.values())
    lines, none = [], [f"does {lacks(a)}" for a in found]
    for name, label in LABELS.items():
        lines.append(_line(label, UNITS[name], [a.totals[name] if a.fits else None for a in found], differences, none))
    for name, (label, unit) in PERFORMANCE.items():
        if any(name in a.outcome.performance for a in found):
            figures = [a.outcome.performance.get(name) if a.fits else None for a in found]
            lines.append(_line(label, unit, figures, differences, ["–"] * len(found)))
    return [*lines, _line("memory of a device", "B", [a.outcome.memory_used for a in found], differences, none)]


def _line(label: str, unit: str, figures: list[float | None], differences: bool, none: Sequence[str]) -> list[str]:
    shown = [blank if value is None else show(value, unit) for value, blank in zip(figures, none, strict=True)]
    if differences:
        changes = (None, *(signed(figure, figures[0]) for figure in figures[1:]))
        shown = [
            text if change in (None, "–") else f"{text} ({change})" for text, change in zip(shown, changes, strict=True)
        ]
    return [label, *shown]


def differing(answers: Mapping[str, Estimate]) -> list[list[str]]:
    """One row per key that the scenarios state differently, one column per scenario."""
    said = [dict(flat(as_tree(answer.resolved.scenario))) for answer in answers.values()]
    # the steps of a compression, the only list, have rows of their own
    paths = dict.fromkeys(path for each in said for path, value in each.items() if not isinstance(value, list | tuple))
    found = [[path, *(at(each.get(path, "–")) for each in said)] for path in paths]
    return [row for row in found if len(set(row[1:])) > 1]


def as_text(answers: Mapping[str, Estimate]) -> str:
    """How they differ in a sentence; what they state differently, then every figure with its difference."""
    lines = [["", *answers], *differing(answers), *rows(answers, differences=True)]
    if any(a.compression for a in answers.values()):
        from costmodel.report.compression import columns

        lines += columns(list(answers.values()))
    return f"{sentence(answers)}\n\n{aligned(lines)}"


def as_csv(answers: Mapping[str, Estimate]) -> str:
    """One line per scenario."""
    names = list(LABELS)
    return csv_text(
        [
            ["scenario", *names, "fits"],
            *([k, *(a.totals[n] if a.fits else "" for n in names), a.fits] for k, a in answers.items()),
        ]
    )
