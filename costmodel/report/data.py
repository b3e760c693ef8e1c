"""An estimate as JSON-ready data: schema costmodel/estimate/1."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from costmodel.book import USER
from costmodel.report.text import sentence

if TYPE_CHECKING:
    from costmodel.api import Estimate
    from costmodel.outcome import Parts


def as_dict(answer: Estimate) -> dict[str, Any]:
    """Every figure of the estimate, plain numbers in SI; null for all but memory where it does not fit or keep up."""
    from costmodel.scenario import as_tree

    outcome = answer.outcome
    sources = sorted({a.source for a in answer.assumptions if a.source != USER})
    return {
        "schema": "costmodel/estimate/1",
        "answer": sentence(answer),
        "fits": answer.fits,
        "scenario": as_tree(answer.resolved.scenario),
        "totals": _if_fits(answer, outcome.totals),
        "ranges": answer.ranges,
        "breakdown": {name: _if_fits(answer, parts) for name, parts in outcome.breakdown.items()},
        "performance": _if_fits(answer, outcome.performance),
        "memory": {
            "capacity_bytes": outcome.job.hardware.memory,
            "used_bytes": outcome.memory_used,
            "parts": outcome.memory_parts,
            "fits": answer.has_room,
        },
        "compression": [asdict(step) for step in answer.compression],
        "assumptions": [asdict(a) for a in answer.assumptions],
        "drivers": {total: [{"path": p, "share": s} for p, s in items] for total, items in answer.drivers.items()},
        "warnings": list(answer.warnings),
        "remedy": answer.remedy,
        "sources": sources,
    }


def _if_fits(answer: Estimate, figures: Parts) -> dict[str, Any]:
    """The figures, or nothing under each name for what cannot run."""
    return dict(figures) if answer.fits else dict.fromkeys(figures)
