"""What the documents' levers save: each question answered, with the command that asks it."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from costmodel import plan
from costmodel.catalog.table import find, key
from costmodel.documents import DOCUMENTS, LEVERS, Lever
from costmodel.loading import load
from costmodel.plan.answer import Answer, Column
from costmodel.plan.formulas import saved_share
from costmodel.report.quantities import show
from costmodel.report.text import LABELS, UNITS
from costmodel.report.whatif import render
from costmodel.sweeping import sweep, typed


def named(name: str) -> Lever:
    """The lever of an id. Raises CatalogError with the nearest ids."""
    return find({key(lever.id): lever for lever in LEVERS}, name, "lever", lambda: {key(le.id): le.id for le in LEVERS})


def answer(lever: Lever) -> Answer:
    """The answer to a lever's question."""
    if lever.command == "sweep":
        return _sweep(lever)
    ask: Callable[..., Answer] = getattr(plan, lever.command.removeprefix("plan "))
    return ask({}, overrides=lever.overrides, **lever.options)


def text(lever: Lever) -> str:
    """The answer, what it leaves out, the command that gives it, and where the documents name the lever."""
    parts = [render(answer(lever)), lever.note, f"$ {lever.line}", f"{lever.name.capitalize()}: {places(lever)}."]
    return "\n\n".join(part for part in parts if part)


def places(lever: Lever) -> str:
    """The documents that name a lever, by title."""
    return "; ".join(f"D{document[-1]} {DOCUMENTS[document]}" for document in lever.documents)


def _sweep(lever: Lever) -> Answer:
    scenario = load({}, lever.overrides)
    axes = typed(scenario, [str(lever.options["over"])])
    found = sweep(scenario, axes)
    ((path, values),) = axes.items()
    columns = {path: Column("", tuple(map(_said, values)))}
    for name, label in LABELS.items():
        columns[label] = Column(
            UNITS[name], tuple(v if isfinite(v) else None for v in found[f"totals.{name}"].tolist())
        )
    return Answer("sweep", columns, _ends(lever, path, columns))


def _ends(lever: Lever, path: str, columns: dict[str, Column]) -> dict[str, Any]:
    """The points with the least and the most of the lever's figure."""
    label, unit = LABELS[lever.figure], UNITS[lever.figure]
    points = [(v, at) for v, at in zip(columns[label].values, columns[path].values, strict=True) if v is not None]
    if not points:
        return {"least": None}
    (least, at), (most, there) = min(points, key=lambda p: p[0]), max(points, key=lambda p: p[0])
    return {
        "path": path,
        "label": label,
        "unit": unit,
        "least": at,
        "least_value": least,
        "most": there,
        "most_value": most,
        "less": saved_share(least, most),
    }


def _said(value: Any) -> str:
    return show(value, "1") if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else value
