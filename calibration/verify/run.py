"""The verification: every case that this machine can run, timed and predicted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from costmodel import files
from costmodel import profile as profiles
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


def keep(rows: list[Row], name: str) -> Path:
    """Keep the rows as those of the profile `name`; returns the file."""
    path = _file(name)
    profiles.own_folder()
    path.parent.mkdir(exist_ok=True)
    files.write(path, json.dumps(document(rows), indent=1))
    return path


def kept(name: str) -> list[Row] | None:
    """The rows kept for the profile `name`, None where there are none. Raises ProfileError for a damaged file."""
    path = _file(name)
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["schema"] != SCHEMA:
            raise ValueError(found["schema"])
        return [Row(**row) for row in found["rows"]]
    except (OSError, ValueError, TypeError, KeyError):
        problem = f"{path}: holds no {SCHEMA}; make it anew with `costmodel calibrate --verify`"
        raise profiles.ProfileError(problem) from None


def _file(name: str) -> Path:
    """In a folder of its own, since every JSON file beside a profile is one."""
    return profiles.user_folder() / "verification" / f"{name}.json"
