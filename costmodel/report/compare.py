"""Estimates side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from costmodel.report.quantities import show
from costmodel.report.table import aligned
from costmodel.report.table import as_csv as csv_text
from costmodel.report.text import LABELS, PERFORMANCE, UNITS

if TYPE_CHECKING:
    from costmodel.api import Estimate


def as_text(answers: Mapping[str, Estimate]) -> str:
    """One row per figure, one column per scenario; what does not fit says so."""
    rows = [["", *answers]]
    for name, label in LABELS.items():
        rows.append(
            [label, *(show(a.totals[name], UNITS[name]) if a.fits else "does not fit" for a in answers.values())]
        )
    for name, (label, unit) in PERFORMANCE.items():
        if any(name in a.outcome.performance for a in answers.values()):
            figures = (a.outcome.performance.get(name) if a.fits else None for a in answers.values())
            rows.append([label, *("–" if f is None else show(f, unit) for f in figures)])
    rows.append(["memory of a device", *(show(a.outcome.memory_used, "B") for a in answers.values())])
    if any(a.compression for a in answers.values()):
        from costmodel.report.compression import columns

        rows += columns(list(answers.values()))
    return aligned(rows)


def as_csv(answers: Mapping[str, Estimate]) -> str:
    """One line per scenario."""
    names = list(LABELS)
    return csv_text(
        [
            ["scenario", *names, "fits"],
            *([k, *(a.totals[n] if a.fits else "" for n in names), a.fits] for k, a in answers.items()),
        ]
    )
