"""A table of runs: a line each, with the columns that `validate` reads, or with a scenario beside the measurement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from costmodel.calibration.runs.run import Beside, Run, RunError, Runs, beside, time_at_rate, with_batch
from costmodel.loading import load
from costmodel.source import ScenarioError
from costmodel.validation import training
from costmodel.validation.question import Skip
from costmodel.validation.table import Row, read

MEASURED = ("step_time_s", "tokens_per_s", "samples_per_s", "power_w")
LOG, SCENARIO = "log", "scenario"


def table(path: Path, scenario: Beside | None, read_log: Callable[[Path, Beside | None], Runs]) -> Runs:
    """The runs of a table.

    A line with a scenario (column `scenario`, a file beside the table; or `scenario` for all) takes model and layout
    from it, and its measurement from the line's own columns or from the file in column `log`. Other lines state their
    configuration. Lines with a flag are left out. Raises RunError where nothing can be used, TableError for bad CSV.
    """
    runs: list[Run] = []
    skipped: list[tuple[str, str]] = []
    for number, row in enumerate(read(path, (), (*MEASURED, LOG)), 1):
        name = row.text("row_id") or f"{path.name} row {number}"
        said = path.parent / row.text(SCENARIO) if row.text(SCENARIO) else scenario
        if row.text("flag"):
            skipped.append((name, row.text("flag")))
        elif row.text(LOG):
            runs += read_log(path.parent / row.text(LOG), said).runs
        else:
            try:
                runs.append(stated(name, row) if said is None else _beside(name, row, said))
            except (Skip, ScenarioError) as reason:
                skipped.append((name, " ".join(str(reason).split())))
    if not runs:
        raise RunError(f"{path}: no row can be used ({skipped[0][0]}: {skipped[0][1]})")
    return Runs(str(path), "table", tuple(runs), tuple(skipped))


def stated(name: str, row: Row) -> Run:
    """A run that states its configuration in columns."""
    time = training.measured(row).get("step_time_s")
    question = training.ask(row, "step_time_s")
    return Run(name, load(question.scenario), _measured(time, row), inferred=question.inferred)


def _beside(name: str, row: Row, scenario: Beside) -> Run:
    """A run whose configuration is a scenario."""
    said = with_batch(*beside(scenario, name), row.number("global_batch"), name)
    time, rate = row.number("step_time_s"), row.number("tokens_per_s")
    if time is None and rate:
        time = time_at_rate(said, rate)
    return Run(name, said, _measured(time, row))


def _measured(time: float | None, row: Row) -> dict[str, float]:
    found = {"step_time_s": time, "power_w": row.number("power_w")}
    if measured := {metric: value for metric, value in found.items() if value}:
        return measured
    raise Skip(f"nothing measured; write one of {', '.join(MEASURED)}")
