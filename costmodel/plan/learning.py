"""What a batch or an optimiser changes in the steps to a target, where published runs say so, beside time and cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costmodel.formula import formula
from costmodel.loading import Override, load
from costmodel.model import model
from costmodel.plan.answer import Answer, Column, fitting, on_tokens, possible, training
from costmodel.plan.money import PlanError
from costmodel.quality import steps as published
from costmodel.quality.evidence import Expected, NoEvidence
from costmodel.source import cut
from costmodel.units import Count, Seconds
from costmodel.workloads.formulas.step import tokens_per_step

OCTAVES = 4  # on either side of the scenario's batch
LONGEST_NAME = 40  # of an optimiser
METHODS = ("adamw", "muon", "shampoo", "schedule-free-adamw", "sgd", "newton")


@formula(r"S/S_0", source="mccandlish-2018")
def relative_steps(progress: Count, batch: Count, first_progress: Count, first_batch: Count) -> Count:
    """Optimiser steps to a target against those at a first batch."""
    return progress / batch / (first_progress / first_batch)


@formula("t", source="definition")
def time_at_steps(time: Seconds, ratio: Count) -> Seconds:
    """Time of a run that takes so many times the steps, each as long."""
    return time * ratio


def batch(scenario: Any, overrides: Sequence[Override] = ()) -> Answer:
    """A language model's training with smaller and larger batches: time, cost, and what is added to its loss.

    The loss is at the same tokens, against the best batch. Raises PlanError, ScenarioError.
    """
    base = load(scenario, [*overrides, ("ranges", False)])
    training(base, "batch size")
    work = on_tokens(fitting(base), "batch size").outcome.job.workload
    own = int(work.global_batch)
    sizes = [own // 2**n for n in range(OCTAVES, 0, -1) if own % 2**n == 0] + [own * 2**n for n in range(OCTAVES + 1)]
    found = [possible(base, [("workload.global_batch", size)]) for size in sizes]
    tokens = [tokens_per_step(size, work.sequence) for size in sizes]
    added = [_added_loss(work.tokens, size) for size in tokens]
    best = published.best_batch_tokens(work.tokens)
    return Answer(
        "batch",
        {
            "batch": Column("1", tuple(sizes)),
            "tokens": Column("1", tuple(tokens)),
            "steps": Column("1", tuple(a and a.outcome.performance["steps"] for a in found)),
            "time": Column("s", tuple(a and a.totals["time_s"] for a in found)),
            "cost": Column("USD", tuple(a and a.totals["cost_usd"] for a in found)),
            "loss added": Column("nats", tuple(a and a.value for a in added)),
        },
        {
            "tokens": work.tokens,
            "best": best,
            "own": tokens[sizes.index(own)],
            "own_added": own_added.value if (own_added := added[sizes.index(own)]) else None,
            "evidence": next((str(a.evidence) for a in added if a), None),
        },
        tuple(dict.fromkeys(f"{warning}." for a in added if a for warning in a.warnings)),
    )


def _added_loss(tokens: float, batch_tokens: float) -> Expected | None:
    try:
        return published.loss_at_batch(tokens, batch_tokens)
    except NoEvidence:
        return None


def benchmark(name: str) -> Answer:
    """Progress and steps to a benchmark's target over the batches that were measured. Raises CatalogError."""
    used = published.workload(name)
    low, high = used.batches
    sizes = [low]
    while sizes[-1] < high:
        sizes.append(min(high, 2 * sizes[-1]))
    found = [published.samples_to_target(used.name, size) for size in sizes]
    fewer = [relative_steps(e.value, b, found[0].value, low) for e, b in zip(found, sizes, strict=True)]
    return Answer(
        "benchmark",
        {
            "batch": Column("1", tuple(sizes)),
            used.unit: Column("1", tuple(e.value for e in found)),
            "from": Column("1", tuple(e.low for e in found)),
            "to": Column("1", tuple(e.high for e in found)),
            "steps": Column("fraction", tuple(fewer)),
        },
        {
            "benchmark": used.name,
            "unit": used.unit,
            "critical": used.critical,
            "low": low,
            "high": high,
            "more": published.batch_cost(used.name, high, low).value,
            "fewer": fewer[-1],
            "evidence": str(found[0].evidence),
        },
        tuple(dict.fromkeys(f"{warning}." for e in found for warning in e.warnings)),
    )


def optimiser(scenario: Any, method: Sequence[str] = METHODS, overrides: Sequence[Override] = ()) -> Answer:
    """Published steps to the same target with other optimisers, and what they make of the scenario's training.

    A step is taken to be as long as the scenario's. Raises PlanError, ScenarioError.
    """
    base = load(scenario, [*overrides, ("ranges", False)])
    work = training(base, "the optimiser")
    usual, _ = model(base.model, "").architecture.optimizer
    used = work.optimizer or usual
    if used not in ("adamw", "adam"):
        raise PlanError(
            f"steps are published beside AdamW's, and this scenario trains with {used}; "
            "write --set workload.optimizer=adamw"
        )
    for name in method or [""]:
        if not (name[:1].isalpha() and name.isprintable() and len(name) <= LONGEST_NAME):
            raise PlanError(f"--method {cut(name)!r} names no optimiser; write for example --method muon")
    totals = fitting(base).totals
    found = [_steps(name) for name in method]
    known = [e for e in found if e and e.value < 1]
    least = min(known, key=lambda e: e.value, default=None)
    return Answer(
        "optimiser",
        {
            "method": Column("", tuple(method)),
            "steps": Column("fraction", tuple(e and e.value for e in found)),
            "from": Column("fraction", tuple(e and e.low for e in found)),
            "to": Column("fraction", tuple(e and e.high for e in found)),
            "time": Column("s", tuple(e and time_at_steps(totals["time_s"], e.value) for e in found)),
            "rows": Column("1", tuple(e and e.evidence.rows for e in found)),
        },
        {
            "best": method[found.index(least)] if least else None,
            "ratio": least.value if least else None,
            "time": totals["time_s"],
            "best_time": time_at_steps(totals["time_s"], least.value) if least else None,
            "unknown": tuple(name for name, e in zip(method, found, strict=True) if e is None),
        },
        tuple(
            f"{name}: {note}."
            for name, e in zip(method, found, strict=True)
            if e and e.value != 1
            for note in e.warnings
        )
        + ((f"Published are {', '.join(published.optimisers())}.",) if None in found else ()),
    )


def _steps(name: str) -> Expected | None:
    try:
        return published.optimiser(name)
    except NoEvidence:
        return None
