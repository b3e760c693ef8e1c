"""codecarbon's emissions.csv: energy of the devices of a machine over a process."""

from __future__ import annotations

import csv
import io
import math

from costmodel.calibration.runs.run import Beside, Run, RunError, Runs, beside, with_batch
from costmodel.units import UNITS
from costmodel.validation.measures import mean_device_power

COLUMNS = {"run_id", "duration", "energy_consumed"}  # by which the file is known
NEEDED = ("duration", "gpu_energy", "gpu_count")


def read(file: str, text: str, scenario: Beside | None) -> Runs:
    """The mean power of a device in each run. A run's rows hold totals since its start: the longest is the last.

    Raises RunError where nothing can be used.
    """
    said, work = beside(scenario, file)
    said = with_batch(said, work, None, file)
    last: dict[str, dict[str, float]] = {}
    skipped = []
    for number, row in enumerate(csv.DictReader(io.StringIO(text, newline="")), 2):
        values = {name: _number(row.get(name)) for name in NEEDED}
        name = f"{file}:{number}"
        if missing := [column for column, value in values.items() if not value]:
            skipped.append((name, f"no {' and no '.join(missing)}: codecarbon saw no GPU"))
        elif values["gpu_count"] > said.devices:
            tracked = f"it tracked {values['gpu_count']:g} GPUs, the scenario has {said.devices} devices"
            skipped.append((name, f"{tracked}; idle ones count: set gpu_ids"))
        elif values["duration"] > last.get(key := row.get("run_id") or name, values | {"duration": 0.0})["duration"]:
            last[key] = values
    runs = tuple(Run(f"{file} {key[:40]}", said, {"power_w": _power(values)}) for key, values in last.items())
    if not runs:
        reason = skipped[0][1] if skipped else "it has no rows"
        raise RunError(f"{file}: no run can be used ({reason}); give an emissions.csv with gpu_energy and gpu_count")
    return Runs(file, "codecarbon", runs, tuple(skipped))


def _power(values: dict[str, float]) -> float:
    energy = values["gpu_energy"] * UNITS["kWh"][0]
    return float(mean_device_power(energy, values["gpu_count"], values["duration"]))


def _number(text: str | None) -> float:
    """A positive number, else 0."""
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and value > 0 else 0.0
