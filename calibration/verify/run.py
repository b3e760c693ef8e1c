"""The verification: every case that this machine can run, timed and predicted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from typing import Any

from costmodel.calibration.measure.device import Device
from costmodel.calibration.verify.case import LIMIT_S, Case, measure
from costmodel.calibration.verify.predict import Machine, bounds, lacks, machine, predict
from costmodel.operators.eager import speed_up

SCHEMA = "costmodel/verification/1"
MODULES = {"torch": ("small", "images", "language", "parallel"), "numpy": ("arrays",)}
ALONE = "data-parallel-1"  # the case that others are compared with


@dataclass(frozen=True, slots=True)
class Row:
    """One case: median measured and predicted with its 80 % range, or why it was skipped."""

    id: str
    metric: str
    measured: float | None = None
    predicted: float | None = None
    p10: float | None = None
    p90: float | None = None
    skipped: str | None = None


def cases(backend: str) -> Iterator[Case]:
    """All cases of a backend."""
    for name in MODULES[backend]:
        yield from import_module(f"{__package__}.{name}").cases()


def verify(
    profile: Mapping[str, Any],
    on_progress: Callable[[str, float], None] | None = None,
    limit_s: float = LIMIT_S,
    only: str = "",
) -> list[Row]:
    """Time every case on the device that `profile` is of, beside what the profile predicts.

    `limit_s` bounds the repeats of a case, `only` chooses cases whose id contains it. Progress is told as (case, share
    done). A case that fails or cannot be predicted becomes a row that says why.
    """
    device = Device(profile["backend"], profile.get("device", "cpu"))
    middle, drawn = machine(profile), machine(profile, drawn=True)
    chosen = [case for case in cases(device.backend) if only in case.id]
    rows = list[Row]()
    for number, case in enumerate(chosen):
        if on_progress:
            on_progress(case.id, number / len(chosen))
        rows.append(_row(case, device, middle, drawn, limit_s))
    return rows + list(speed_ups(rows))


def _row(case: Case, device: Device, middle: Machine, drawn: Machine, limit_s: float) -> Row:
    reason = device.lacks(case.dtype) or lacks(case, middle)
    if not reason:
        try:
            measured = measure(case, device, limit_s)
        except Exception as problem:  # a version of a library may lack an operator: say so and go on
            reason = f"failed: {type(problem).__name__}: {problem}".splitlines()[0][:200]
    if reason:
        return Row(case.id, case.metric, skipped=reason)
    low, high = bounds(case, drawn)
    return Row(case.id, case.metric, measured.value, float(predict(case, middle)), low, high)


def speed_ups(rows: list[Row]) -> Iterator[Row]:
    """How much faster several processes are than one, beside rows of their times."""
    timed = {row.id: row for row in rows if row.skipped is None}
    alone = timed.pop(ALONE, None)
    for name, row in timed.items():
        if alone and name.startswith(ALONE.removesuffix("1")):
            faster = partial(speed_up, alone.predicted)
            ratios = speed_up(alone.measured, row.measured), *map(faster, (row.predicted, row.p90, row.p10))
            yield Row(f"{name}-speed-up", "speed_up", *ratios)


def document(rows: list[Row]) -> dict[str, Any]:
    """The rows as data."""
    return {"schema": SCHEMA, "rows": [asdict(row) for row in rows]}
