"""What a few runs are worth: published sources, some runs of each measured, the others predicted.

`python -m costmodel.calibration.runs.trial TABLE` prints, for every source in a table of published training runs, the
errors of runs that the fit has not seen, before and after.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from costmodel import profile as profiles
from costmodel.calibration.runs.fit import judged, solve
from costmodel.calibration.runs.forward import Forward
from costmodel.calibration.runs.run import Run
from costmodel.calibration.runs.table import stated
from costmodel.catalog import CatalogError
from costmodel.resolve import resolve
from costmodel.source import ScenarioError
from costmodel.validation.question import Skip
from costmodel.validation.table import read

MEASURED = (1, 3, 5)  # runs that the fit sees
FEWEST = max(MEASURED) + 1  # configurations that a source needs
DRAWS = 6  # random choices of those runs
SEED = 1

Errors = dict[str, np.ndarray]  # ln(predicted / measured), before and after, of runs that the fit has not seen


def trial(table: Path, draws: int = DRAWS) -> dict[int, dict[str, dict[str, float]]]:
    """Errors over all sources by the number of measured runs: {3: {"before": {median, p90, …}, "after": …}}."""
    pooled: dict[int, dict[str, list[np.ndarray]]] = {count: {"before": [], "after": []} for count in MEASURED}
    for _, runs in sorted(sources(table).items()):
        for count, errors in seen(runs, draws).items():
            for name, values in errors.items():
                pooled[count][name].append(values)
    return {
        count: {name: judged(np.concatenate(values)) for name, values in errors.items()}
        for count, errors in pooled.items()
    }


def sources(table: Path) -> dict[str, list[Run]]:
    """The step times of a table that can be predicted, one of each configuration, by source; small sources left out."""
    found: dict[str, dict[str, Run]] = defaultdict(dict)
    for row in read(table, ("source",), ("step_time_s",)):
        if row.text("flag"):
            continue
        try:
            run = stated(row.text("row_id"), row)
            resolve(run.scenario)
        except (Skip, ScenarioError, CatalogError):
            continue
        if "step_time_s" in run.measured:
            found[row.text("source")].setdefault(run.scenario.model_dump_json(), run)
    return {source: list(runs.values()) for source, runs in found.items() if len(runs) >= FEWEST}


def seen(runs: list[Run], draws: int) -> dict[int, Errors]:
    """Errors of a source's other runs, by how many of its runs the fit has seen, over several choices of these."""
    bases = {profiles.shipped(resolve(run.scenario).hardware) for run in runs}
    base = bases.pop() if len(bases) == 1 else profiles.UNMEASURED
    model, random = Forward(runs, base), np.random.default_rng(SEED)
    start = np.zeros((len(model.knobs), 1))
    before = model(start)[:, 0] - model.measured
    found = {}
    for count in MEASURED:
        errors: dict[str, list[np.ndarray]] = {"before": [], "after": []}
        for _ in range(draws):
            order = random.permutation(len(runs))
            few = Forward([runs[i] for i in order[:count]], base)
            best = dict(zip(few.knobs, solve(few, np.ones(count)).setting, strict=True))
            after = model(np.array([[best.get(knob, 0.0)] for knob in model.knobs]))[:, 0] - model.measured
            for name, values in (("before", before), ("after", after)):
                errors[name].append(values[order[count:]])
        found[count] = {name: np.concatenate(values) for name, values in errors.items()}
    return found


def main() -> None:
    """Print the table of the file that the command line names."""
    print("| source | runs | " + " | ".join(["before", *(f"after {count}" for count in MEASURED)]) + " |")
    print("|---|---|" + "---|" * (1 + len(MEASURED)))
    pooled: dict[str, list[np.ndarray]] = defaultdict(list)
    for source, runs in sorted(sources(Path(sys.argv[1])).items()):
        errors = seen(runs, DRAWS)
        cells = {"before": errors[MEASURED[0]]["before"]} | {str(k): e["after"] for k, e in errors.items()}
        for name, values in cells.items():
            pooled[name].append(values)
        print(_row(source, len(runs), list(cells.values())), flush=True)
    print(_row("all", sum(len(v) for v in pooled["before"]) // DRAWS, [np.concatenate(v) for v in pooled.values()]))


def _row(name: str, runs: int, cells: list[np.ndarray]) -> str:
    told = [f"{100 * j['median']:.0f} / {100 * j['p90']:.0f}" for j in map(judged, cells)]
    return f"| {name} | {runs} | " + " | ".join(told) + " |"


if __name__ == "__main__":
    main()
