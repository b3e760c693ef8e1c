"""Estimates as CSV rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costmodel.api import Estimate


def rows(answer: Estimate) -> str:
    """One line per figure: name, value in SI, 10th, 50th and 90th percentile; blank where it does not fit."""
    from costmodel.ranges import figures

    lines: list[tuple[object, ...]] = [("figure", "value", "p10", "p50", "p90"), ("fits", answer.fits, "", "", "")]
    for name, value in figures(answer.outcome).items():
        spread = answer.ranges.get(name, {})
        shown = value if answer.fits or name == "memory_used_bytes" else ""
        lines.append((name, shown, *(spread.get(p, "") for p in ("p10", "p50", "p90"))))
    return as_csv(lines)


def columns(found: Mapping[str, Any]) -> str:
    """A sweep's columns as CSV."""
    return as_csv([tuple(found), *zip(*(list(column) for column in found.values()), strict=True)])


def aligned(lines: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """Text columns: those with a number in `left` to the left, the others to the right."""
    widths = [max(len(row[i]) for row in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            f"{cell:<{w}}" if i in left else f"{cell:>{w}}" for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in lines
    )


def as_csv(lines: Sequence[Sequence[Any]]) -> str:
    """Rows of cells as CSV text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue()
