"""An estimate as JSON-ready data: schema costmodel/estimate/1."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from costmodel.report.text import sentence

if TYPE_CHECKING:
    from costmodel.api import Estimate


def as_dict(answer: Estimate) -> dict[str, Any]:
    """Every figure of the estimate, plain numbers in SI."""
    from costmodel.scenario import as_tree

    outcome = answer.outcome
    sources = sorted({a.source for a in answer.assumptions if a.source != "stated in the scenario"})
    return {
        "schema": "costmodel/estimate/1",
        "answer": sentence(answer),
        "scenario": as_tree(answer.resolved.scenario),
        "totals": outcome.totals,
        "ranges": answer.ranges,
        "breakdown": outcome.breakdown,
        "performance": outcome.performance,
        "memory": {
            "capacity_bytes": outcome.job.hardware.memory,
            "used_bytes": outcome.memory_used,
            "parts": outcome.memory_parts,
            "fits": answer.fits,
        },
        "compression": [asdict(step) for step in answer.compression],
        "assumptions": [asdict(a) for a in answer.assumptions],
        "drivers": {total: [{"path": p, "share": s} for p, s in items] for total, items in answer.drivers.items()},
        "warnings": list(answer.warnings),
        "remedy": answer.remedy,
        "sources": sources,
    }
