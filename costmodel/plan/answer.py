"""The shape of the answer to a what-if: columns of figures, and the few of them that decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from costmodel.api import Estimate, estimate
from costmodel.loading import Override, load
from costmodel.plan.money import DoesNotFit, PlanError
from costmodel.scenario import Scenario, Training
from costmodel.source import ScenarioError, cut
from costmodel.units import UnitError, count, parse


class Column(NamedTuple):
    """The values of one figure in the order of the rows, in SI; None where there is no answer. Text has no unit."""

    unit: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A what-if answered: its name, a table by column, the figures of its sentence, and what to know beside them."""

    question: str
    columns: dict[str, Column]
    figures: dict[str, Any]
    notes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        from costmodel.report.whatif import render

        return render(self)


def training(scenario: Scenario, question: str, otherwise: str = "") -> Training:
    """The scenario's training. Raises PlanError where it does something else, with the command to write otherwise."""
    work = scenario.workload
    if isinstance(work, Training) and work.kind == "train":
        return work
    raise PlanError(f"{question} is a question about training, not about {work.kind}; write workload: train{otherwise}")


def fitting(scenario: Scenario) -> Estimate:
    """The estimate of a scenario. Raises DoesNotFit for one without room, with the nearest change, and for overload."""
    answer = estimate(scenario)
    if not answer.fits:
        lack = "fewer requests are answered than arrive" if answer.has_room else "the job does not fit its devices"
        raise DoesNotFit(f"{lack}; {answer.remedy}")
    return answer


def possible(scenario: Scenario, changes: Sequence[Override]) -> Estimate | None:
    """The estimate of a changed scenario; None where that does not fit, or where no layout of it can exist."""
    try:
        answer = estimate(load(scenario, changes))
    except ScenarioError as error:
        if error.clash:
            return None
        raise
    return answer if answer.fits else None


def on_tokens(answer: Estimate, question: str) -> Estimate:
    """The same training of a language model. Raises PlanError where the model takes no tokens."""
    if answer.outcome.job.workload.tokens is None:
        raise PlanError(f"{question} is answered for language models alone, not for {answer.resolved.model}")
    return answer


def option(text: str | float, name: str, example: str, unit: str = "", low: float = 0.0, high: str = "") -> float:
    """The number above `low`, and up to `high` as it is written, in an option, in SI. Raises PlanError."""

    def read(text: str | float) -> float:
        return parse(text, unit, example) if unit else count(text)

    try:
        found = read(text)
    except UnitError as error:
        advice = "" if "write" in str(error) else f"; write for example {example}"
        raise PlanError(f"{name}: {error}{advice}") from None
    if not low < found < float("inf"):
        raise PlanError(f"{name}: must be above {low:g}, not {cut(str(text), 40)}; write for example {example}")
    if high and found > read(high):
        raise PlanError(f"{name}: must be at most {high}, not {cut(str(text), 40)}; write for example {example}")
    return found
