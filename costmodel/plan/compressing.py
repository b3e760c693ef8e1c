"""A model as it is and compressed in several ways, each with what is known of its quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costmodel.advice import best_degree
from costmodel.api import Estimate, estimate
from costmodel.compression.account import chain_cost, state
from costmodel.compression.schema import WIDE
from costmodel.loading import Override, load
from costmodel.plan.answer import Answer, Column
from costmodel.plan.money import DoesNotFit, PlanError
from costmodel.quality.evidence import ACCURACY, COLLAPSE, Expected
from costmodel.resolve import resolve
from costmodel.scenario import Scenario
from costmodel.source import ScenarioError

USUAL = ("none", "fp8", "int4")


def compress(scenario: Any, chain: Sequence[str] | None = None, overrides: Sequence[Override] = ()) -> Answer:
    """Weights, cost and time per token, making and expected quality of a model under several chains of compression.

    A chain of steps is written as `compression` in a scenario: int4, or [{method: prune, layers: 0.25}]. Each is served
    in the tensor-parallel degree that answers most requests, unless one is stated. Formats that the scenario states in
    `precision` and a chain says itself are left out. If no chain is named, those of USUAL that the scenario can take.
    Raises PlanError, ScenarioError.
    """
    base, left_out = _unquantised(load(scenario, [*overrides, ("ranges", False)]))
    if chain is None:
        chain, cannot = _possible(base)
        left_out += cannot
    if not chain:
        raise PlanError("no compression is named; write for example --chain none --chain int4")
    answers = [estimate(_laid_out(load(base, [f"compression={text}"]))) for text in chain]
    states = [state(answer.outcome, answer.resolved.kind) for answer in answers]
    quality = [_quality(answer) for answer in answers]
    costs = [s.cost_per_million_tokens_usd for s in states]
    priced = [c for c in costs if c is not None]
    if not priced:
        raise DoesNotFit("none of these fits the devices; write more devices")
    cheapest = costs.index(min(priced))
    known = sorted((n for n, e in enumerate(quality) if e and costs[n] is not None), key=lambda n: costs[n] or 0.0)
    return Answer(
        "compress",
        {
            "compression": Column("", tuple(_label(a) for a in answers)),
            "tp": Column("1", tuple(int(a.outcome.job.parallelism.tp) for a in answers)),
            "weights": Column("B", tuple(s.weights_bytes for s in states)),
            "cost per million tokens": Column("USD", tuple(costs)),
            "time per token": Column("s", tuple(s.time_per_token_s for s in states)),
            "making": Column("USD", tuple(chain_cost(a.compression) for a in answers)),
            "quality": Column("fraction", tuple(e and e.value for e in quality)),
            "from": Column("fraction", tuple(e and e.low for e in quality)),
            "to": Column("fraction", tuple(e and e.high for e in quality)),
            "measure": Column("", tuple(e and e.unit for e in quality)),
            "rows": Column("1", tuple(e and e.evidence.rows for e in quality)),
            "risk of collapse": Column("fraction", tuple(_collapse(a) for a in answers)),
        },
        {
            "first": _label(answers[0]),
            "first_cost": costs[0],
            "best": _label(answers[cheapest]),
            "best_cost": costs[cheapest],
            "quality": best.value if (best := quality[cheapest]) else None,
            "measure": best and best.unit,
            "known": _label(answers[known[0]]) if known else None,
            "known_cost": costs[known[0]] if known else None,
        },
        (
            *left_out,
            *dict.fromkeys(
                f"{step.label}: {w}."
                for a in answers
                for step in a.compression
                for w in (*step.warnings, *step.no_evidence)
            ),
        ),
    )


def _unquantised(scenario: Scenario) -> tuple[Scenario, list[str]]:
    """The scenario without the formats that a chain says itself, and what was left out, in a line."""
    compute, weights = scenario.precision.compute, scenario.precision.weights
    said = {"compute": None if compute in WIDE else compute, "weights": weights}
    said = {f"precision.{name}": value for name, value in said.items() if value}
    if not said:
        return scenario, []
    words = ", ".join(f"{path} = {value}" for path, value in said.items())
    line = f"Without {words}: each compression says its own formats, and as it is means unquantised."
    return load(scenario, [(path, None) for path in said]), [line]


def _possible(scenario: Scenario) -> tuple[list[str], list[str]]:
    """The usual chains that a scenario can take, and in a line each why another cannot be.

    Raises PlanError where it can take none but the model as it is.
    """
    cannot: dict[str, str] = {}
    for text in USUAL:
        try:
            resolve(load(scenario, [("compression", text)]))
        except ScenarioError as error:
            if not error.clash:
                raise
            cannot[text] = error.problems[0].message
    possible = [text for text in USUAL if text not in cannot]
    if possible == ["none"]:
        raise PlanError(next(iter(cannot.values())))
    return possible, [f"Without {text}: {why.partition(';')[0]}." for text, why in cannot.items()]


def _laid_out(scenario: Scenario) -> Scenario:
    """The scenario in its best layout: with the first that fits, what is compared may be layouts, not compressions."""
    if scenario.parallelism.tp is not None or scenario.workload.kind not in ("serve", "infer"):
        return scenario
    tp, _ = best_degree(resolve(scenario))
    return load(scenario, [("parallelism.tp", int(tp))]) if tp else scenario


def _label(answer: Estimate) -> str:
    return ", then ".join(step.label for step in answer.compression) or "as it is"


def _collapse(answer: Estimate) -> float | None:
    """Probability that a format destroys the model, where published cases speak of it."""
    return next((e.value for step in answer.compression for e in step.quality if e.unit == COLLAPSE), None)


def _quality(answer: Estimate) -> Expected | None:
    """What is expected of the quality after one step; of several together nothing published says enough."""
    if len(answer.compression) != 1:
        return None
    known = [e for e in answer.compression[0].quality if e.unit != COLLAPSE]
    return next((e for e in known if e.unit == ACCURACY), known[0] if known else None)
