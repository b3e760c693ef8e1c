"""A roofline as text and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple, fields
from typing import Any

from costmodel.operators import roofline as f
from costmodel.report.quantities import number, show
from costmodel.report.table import aligned, as_csv
from costmodel.roofline import Point, Roofline

HEADINGS = ("operator", "times", "format", "FLOP/B", "time", "FLOP/s", "B/s", "of roofline", "bound by")
MARGIN, APART = 6.0, 3.0  # factors: how far a chart goes beyond what is on it, how far apart labels are at least
NAMED = 5  # more neighbours than these are counted, not named


def sentence(found: Roofline) -> str:
    """How near to the roofline the operators run together, and which takes longest."""
    runs = []
    for run, share in found.share.items():
        longest = max((p for p in found.points if p.run == run), key=lambda p: p.times * p.time)
        runs.append(
            f"{run} runs at {share:.0%} of the roofline, most of it in {longest.operator}, bound by {longest.bound}"
        )
    unfit = "" if found.fits else "does not fit in memory; if it did, "
    return f"{found.model} on {found.hardware}: {unfit}{'; '.join(runs)}."


def origin(found: Roofline) -> str:
    """Where the ceilings come from."""
    bounds = [f"{c.name} {show(c.value, 'FLOP/s')}" for c in found.peaks]
    bounds += [f"{c.name} {show(c.value, 'B/s')}" for c in found.bandwidths]
    return f"Ceilings {'measured' if found.measured else 'of the data sheet'}: {'; '.join(bounds)} ({found.source})."


def cells(points: tuple[Point, ...]) -> list[tuple[str, ...]]:
    """A row for each operator, as `HEADINGS` say; operators without products have no place on the chart."""
    return [
        (
            p.operator,
            number(p.times),
            p.number_format or "–",
            number(p.intensity) if p.flops else "–",
            show(p.time, "s"),
            show(p.rate, "FLOP/s") if p.flops else "–",
            show(p.bandwidth, "B/s"),
            f"{p.share:.0%}",
            p.bound,
        )
        for p in points
    ]


def runs(found: Roofline) -> dict[str, tuple[Point, ...]]:
    """The operators by run."""
    return {run: tuple(p for p in found.points if p.run == run) for run in found.total}


def curves(found: Roofline) -> dict[str, list[tuple[float, float]]]:
    """The ceilings as lines on a chart of FLOP/s over FLOP/B: each bandwidth up to the highest peak, then each peak."""
    drawn = [p.intensity for p in found.points if p.flops]
    highest, memory = found.peaks[0].value, found.bandwidths[-1].value
    ridges = [f.ridge_intensity(c.value, memory) for c in found.peaks]
    low, high = min(drawn + ridges) / MARGIN, max(drawn + ridges) * MARGIN
    lines = {}
    for c in found.bandwidths:
        ends = low, f.ridge_intensity(highest, c.value)
        lines[f"{c.name} {show(c.value, 'B/s')}"] = [(x, f.attainable_rate(x, highest, c.value)) for x in ends]
    for c, ridge in zip(found.peaks, ridges, strict=True):
        lines[f"{c.name} {show(c.value, 'FLOP/s')}"] = [(ridge, c.value), (high, c.value)]
    return lines


def labels(points: Sequence[Point]) -> dict[str, str]:
    """What to write beside which operator on that chart: neighbours share a label, so that names stay apart."""
    groups: list[list[Point]] = []
    for p in sorted(points, key=lambda p: (p.intensity, p.rate)):
        beside = next((g for g in groups if _near(g[0].intensity, p.intensity) and _near(g[0].rate, p.rate)), None)
        if beside is None:
            groups.append([p])
        else:
            beside.append(p)
    return {
        group[0].operator: ", ".join(p.operator for p in group) if len(group) <= NAMED else f"{len(group)} operators"
        for group in groups
    }


def _near(a: float, b: float) -> bool:
    return max(a, b) < APART * min(a, b)


def render(found: Roofline) -> str:
    """The whole text: what a terminal shows."""
    parts = [sentence(found), origin(found)]
    for run, points in runs(found).items():
        heading = (f"{run}, {show(found.total[run], 's')}", *HEADINGS[1:])
        parts.append(aligned([heading, *cells(points)]))
    warnings = [f"warning: {warning}" for warning in found.warnings]
    return "\n\n".join(parts + ["\n".join(warnings)] * bool(warnings))


def rows(found: Roofline) -> str:
    """One line per operator as CSV, in SI."""
    return as_csv([[field.name for field in fields(Point)], *map(astuple, found.points)])


def as_dict(found: Roofline) -> dict[str, Any]:
    """The roofline as JSON-ready data (schema costmodel/roofline/1)."""
    return {"schema": "costmodel/roofline/1", "answer": sentence(found), **asdict(found)}
