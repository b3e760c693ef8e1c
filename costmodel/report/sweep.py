"""A sweep as a table of its main figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costmodel.report.quantities import show
from costmodel.report.table import aligned
from costmodel.report.text import LABELS, UNITS


def as_text(found: Mapping[str, Any], axes: Sequence[str]) -> str:
    """One row per point: the axes and the totals; what does not fit says so."""
    rows = [[*axes, *LABELS.values()]]
    for i, fits in enumerate(found["feasible"]):
        shown = (show(float(found[f"totals.{name}"][i]), UNITS[name]) if fits else "does not fit" for name in LABELS)
        rows.append([*(_axis(found[axis][i]) for axis in axes), *shown])
    return aligned(rows)


def _axis(value: Any) -> str:
    return str(value) if isinstance(value, str) else show(float(value), "1")
