"""What the world calls: estimate, compare, sweep, explain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from costmodel import engine
from costmodel.advice import enough_devices, warnings
from costmodel.compression.schema import USUAL_RANK
from costmodel.fields import MOST_DEVICES
from costmodel.job import RECOMPUTE, Assumption, Layout, numbers
from costmodel.loading import load
from costmodel.outcome import Outcome, suffices
from costmodel.resolve import Resolved, resolve
from costmodel.scenario import Scenario, Training
from costmodel.source import ScenarioError

if TYPE_CHECKING:
    import pandas

    from costmodel.compression.account import Compression
    from costmodel.validation.summary import Validation


@dataclass(frozen=True)
class Estimate:
    """The answer to a scenario: figures, ranges, and everything that they stand on.

    `totals`, `breakdown`, `performance` and `memory_parts` are plain numbers in SI; `ranges` maps a figure's
    name to its 10th, 50th and 90th percentile; `drivers` says which assumptions move a total most;
    `changes` is the nearest change that fits, when it does not fit: values by path, None where a path is to be
    left unsaid; empty if no change of these is known. `compression` is what each step of it takes, saves and does to
    quality.
    """

    resolved: Resolved
    outcome: Outcome
    assumptions: tuple[Assumption, ...]
    warnings: tuple[str, ...]
    ranges: dict[str, dict[str, float]] = field(default_factory=dict)
    drivers: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    changes: dict[str, int | str | None] | None = None
    compression: tuple[Compression, ...] = ()

    @property
    def totals(self) -> dict[str, Any]:
        """Totals by name."""
        return self.outcome.totals

    @property
    def has_room(self) -> bool:
        """Whether the fullest device has memory for its part."""
        return bool(self.outcome.feasible)

    @property
    def fits(self) -> bool:
        """Whether the devices suffice: there is room, and a service answers all requests that arrive."""
        return bool(suffices(self.outcome, self.resolved.kind))

    @property
    def remedy(self) -> str | None:
        """The nearest change that fits, as text to type; None when it fits as it is."""
        from costmodel.report.text import as_flags

        return None if self.changes is None else as_flags(self)

    def __repr__(self) -> str:
        from costmodel.report.text import sentence

        return f"<Estimate: {sentence(self)}>"

    def _repr_html_(self) -> str:
        from costmodel.report.html import card

        return card(self)

    def to_html(self) -> str:
        """The estimate as one HTML file that needs nothing else."""
        from costmodel.report.html import page

        return page(self)

    def to_frame(self) -> pandas.DataFrame:
        """Totals and performance as a table: a row a figure, with its value in SI, p10, p50 and p90. Needs pandas."""
        import pandas

        from costmodel.ranges import figures

        shown = figures(self.outcome) if self.fits else {"memory_used_bytes": self.outcome.memory_used}
        return pandas.DataFrame.from_dict(
            {name: {"value": float(value)} | self.ranges.get(name, {}) for name, value in shown.items()},
            orient="index",
        )

    def as_dict(self) -> dict[str, Any]:
        """The estimate as JSON-ready data (schema costmodel/estimate/1)."""
        from costmodel.report.data import as_dict

        return as_dict(self)


def estimate(scenario: Scenario | Mapping[str, Any] | str, overrides: Sequence[str] = ()) -> Estimate:
    """What a scenario takes: time, memory, money, energy, carbon, storage and staff.

    `scenario` is a path, a mapping or a Scenario; `overrides` are "path=value" texts.
    Raises ScenarioError for bad input and CatalogError for a device that has no price when none is stated.
    """
    resolved = resolve(scenario if isinstance(scenario, Scenario) and not overrides else load(scenario, overrides))
    with resolved.scenario.written.located():
        result = engine.outcome(engine.settle(numbers(resolved.assumptions), resolved.kind), resolved.kind)
    answer = Estimate(resolved, result, tuple(_settled(resolved, result)), warnings(resolved, result))
    if resolved.scenario.compression:
        from costmodel.compression.account import account

        answer = replace(answer, compression=tuple(account(resolved, result)))
    if not answer.fits:
        return replace(answer, changes=_nearest(resolved, result))
    if resolved.scenario.ranges:
        from costmodel.ranges import ranges

        spread, drivers = ranges(resolved.assumptions, result.job.parallelism, resolved.kind)
        answer = replace(answer, ranges=spread, drivers=drivers)
    return answer


def validate(table: str | PathLike[str], kind: str) -> Validation:
    """Published runs against predictions: each row of a CSV table answered, skipped with a reason, or excluded.

    `table` is a path or "-"; `kind` is training or inference. Raises TableError for a table that cannot be read.
    """
    from costmodel.validation import run

    return run.validate(table, kind)


def compare(*scenarios: Scenario | Mapping[str, Any] | str) -> list[Estimate]:
    """Estimates of several scenarios, in order."""
    return [estimate(scenario) for scenario in scenarios]


def _settled(resolved: Resolved, result: Outcome) -> list[Assumption]:
    """The assumptions with what the rules filled in; those that do not apply are left out."""
    settled = []
    for path, assumption in resolved.assumptions.items():
        if assumption.value is None:
            section, _, name = path.partition(".")
            value = getattr(getattr(result.job, section), name)
            if value is None:
                continue
            assumption = replace(assumption, value=value, status="inferred")
        settled.append(assumption)
    return settled


def _nearest(resolved: Resolved, result: Outcome) -> dict[str, int | str | None]:
    """The nearest change that makes it fit: of the layout, of what a fine-tune trains, or of the number of devices.

    Where there is room already, the number of devices that keeps up with the requests.
    """
    if result.feasible:
        enough = enough_devices(resolved, result)
        return {"devices": enough} if enough else {}
    base = resolved.assumptions
    free = {"parallelism.tp", "parallelism.pp", "parallelism.zero", "parallelism.recompute", "parallelism.micro_batch"}
    stated = [path for path in sorted(free) if base[path].status == "given"]

    def fits(changes: Mapping[str, float | None]) -> Layout | None:
        found = engine.complete(numbers(base, changes), resolved.kind)
        return found.job.parallelism if suffices(found, resolved.kind) else None

    for path in stated:
        if (layout := fits({path: None})) is not None:
            name = path.partition(".")[2]
            value = getattr(layout, name)
            return {path: RECOMPUTE[int(value)] if name == "recompute" else int(value)}
    for changes in _adapters(resolved.scenario):
        with suppress(ScenarioError):  # a model or formats that take no adapters
            thinner = resolve(load(resolved.scenario, [*changes.items()]))
            if engine.complete(numbers(thinner.assumptions), resolved.kind).feasible:
                return changes
    devices = base["devices"].value
    for times in (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        unstated: dict[str, float | None] = dict.fromkeys(stated)
        if devices * times <= MOST_DEVICES and fits({"devices": devices * times} | unstated):
            return {"devices": int(devices * times), **dict.fromkeys(stated)}
    return {}


def _adapters(scenario: Scenario) -> Iterator[dict[str, int | str | None]]:
    """Changes that leave a fine-tune's weights as they are and train adapters beside them: LoRA, then QLoRA."""
    work = scenario.workload
    if not isinstance(work, Training) or work.kind != "finetune":
        return
    low: dict[str, int | str | None] = {} if work.adapters else {"workload.adapters.rank": USUAL_RANK}
    if low:
        yield low
    if not scenario.compression and not scenario.precision.weights:
        yield low | {"compression": "nf4"}
