"""What the sizes of a family cost to train and to serve, by the product's own time and money model.

All sizes are one axis of a sweep, so that layouts, memory and utilisation are those of an estimate of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from costmodel.architectures.family import member, smallest
from costmodel.job import numbers
from costmodel.loading import Override, load
from costmodel.parallel.layout import degrees
from costmodel.plan.formulas import cost_per_served_token
from costmodel.resolve import resolve
from costmodel.scenario import Scenario, Serving, Training
from costmodel.shapes import ModelFamily
from costmodel.source import clash
from costmodel.sweeping import sweep

STEP = 0.03  # between sizes, in ln N
TOKENS = np.rint(np.geomspace(1e7, 1e17, 41))  # at which training is priced; between them its cost is about straight
FIELDS = ("layers", "hidden", "heads", "kv_heads", "ffn")
PATHS = tuple(f"model.{name}" for name in FIELDS)
OF_TRAINING = ("workload", "precision", "parallelism", "compression")
Axes = dict[str | tuple[str, ...], Sequence[Any]]
HEAD_DIM = {"head_dim": 128}  # said, so that a sweep may change the width


class PlanError(ValueError):
    """A question that cannot be planned; the message is one line that says what to write."""


class DoesNotFit(PlanError):
    """A question about a job that its devices have no room for; the message says what would fit."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Members of a family from small to large, and the scenarios of training and serving them.

    `stated` is the size that the scenario has. `per_token` is the cost of a token served [USD], zero where nothing is,
    in the tensor-parallel degree `tp` that is cheapest for a size; it and all training costs are NaN where none fits.
    """

    family: str
    stated: float
    training: Scenario
    serving: Scenario | None
    shapes: tuple[dict[str, Any], ...]
    parameters: np.ndarray
    per_token: np.ndarray
    tp: np.ndarray

    def trained(self, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cost [USD] and time [s] of training each size on its own `tokens`, sizes along the last axis; NaN for NaN."""
        asked = np.nonzero(np.isfinite(tokens))
        rows = [(*self.row(int(i)), float(d)) for i, d in zip(asked[-1], tokens[asked], strict=True)]
        over: Axes = {(*PATHS, "workload.tokens"): rows}
        found = sweep(self.training, over, strict=False)
        cost, time = np.full((2, *tokens.shape), np.nan)
        cost[asked], time[asked] = found["totals.cost_usd"], found["totals.time_s"]
        return cost, time

    def surface(self) -> np.ndarray:
        """Cost [USD] of training each size on each of TOKENS: shape (sizes, tokens)."""
        rows = [self.row(i) for i in range(len(self.shapes))]
        over: Axes = {PATHS: rows, "workload.tokens": TOKENS.tolist()}
        found = sweep(self.training, over, strict=False)
        return np.asarray(found["totals.cost_usd"]).reshape(len(rows), len(TOKENS))

    def row(self, place: int) -> tuple[Any, ...]:
        """The numbers of a shape that differ between sizes."""
        return tuple(self.shapes[place][name] for name in FIELDS)

    def trained_at(self, place: int, tokens: float) -> Scenario:
        """The scenario of training one of the sizes."""
        return load(self.training, [("model", self.shapes[place]), ("workload.tokens", tokens)])

    def served_at(self, place: int) -> Scenario:
        """The scenario of serving one of the sizes, in its cheapest layout."""
        assert self.serving is not None
        return load(self.serving, [("model", self.shapes[place]), ("parallelism.tp", int(self.tp[place]))])


def sizes(training: Scenario, bounds: tuple[float, float], serve_tokens: float, changes: Sequence[Override]) -> Sizes:
    """The members of the scenario's family between two sizes, with what serving them costs.

    `changes` are overrides of the serving scenario, which has the training scenario's hardware, devices and prices.
    Raises ScenarioError.
    """
    family = training.model
    if not isinstance(training.workload, Training) or training.workload.kind != "train":
        raise clash("workload", f"a plan of size is one of training, not of {training.workload.kind}; write train")
    if not isinstance(family, ModelFamily):
        raise clash("model", "a plan of size chooses within a family; write model: {family: llama, parameters: 8 B}")
    if "tokens" in training.workload.model_fields_set:
        raise clash("workload.tokens", "the plan chooses the tokens of training; leave them out")
    low, high = max(bounds[0], smallest(family.family)), bounds[1]
    asked = np.exp(np.arange(np.log(low), np.log(high), STEP))
    stated = family.parameters if low <= family.parameters <= high else low
    found = {count: shape for shape, count in (member(family.family, n) for n in (*asked, stated))}
    counts = sorted(found)
    shapes = tuple(found[count] | HEAD_DIM for count in counts)
    own = shapes[counts.index(member(family.family, stated)[1])]
    base = _with(training, own)
    free, one = np.zeros(len(counts)), np.ones(len(counts))
    made = Sizes(family.family, family.parameters, base, None, shapes, np.array(counts), free, one)
    if not serve_tokens:
        if changes:
            raise PlanError("nothing is served, so that no change of serving applies; write --serve-tokens 1e12")
        return made
    serving = _with(_serving(training, changes), own)
    per_token, tp = _per_token(serving, made)
    return replace(made, serving=serving, per_token=per_token, tp=tp)


def _with(scenario: Scenario, shape: dict[str, Any]) -> Scenario:
    return load(scenario, [("model", shape)])


def _serving(training: Scenario, changes: Sequence[Override]) -> Scenario:
    """The scenario of serving what was trained: the same hardware and prices, formats and layout left to the rules."""
    said = training.model_dump(exclude_none=True, exclude_unset=True)
    kept = {name: value for name, value in said.items() if name not in OF_TRAINING}
    serving = load(kept | {"workload": "serve"}, changes)
    if serving.model != training.model:
        raise clash("model", "the plan chooses the model, for serving too; leave it out of the changes")
    if not isinstance(serving.workload, Serving):
        raise clash("workload", f"what was trained is served, not {serving.workload.kind}; write workload.kind=serve")
    return serving


def _per_token(serving: Scenario, made: Sizes) -> tuple[np.ndarray, np.ndarray]:
    """Cost of a token served [USD] by each size, and the tensor-parallel degree in which it is least."""
    said, resolved = serving.parallelism.tp, resolve(serving)
    tp = np.array(degrees(numbers(resolved.assumptions)) if said is None else [said])
    over: Axes = {PATHS: [made.row(i) for i in range(len(made.shapes))], "parallelism.tp": tp.astype(int).tolist()}
    found = sweep(serving, over, strict=False)
    work = serving.workload
    assert isinstance(work, Serving)
    requests = found["performance.requests"]
    costs = cost_per_served_token(
        found["totals.cost_usd"], requests, float(work.input_tokens), float(work.output_tokens)
    )
    costs = np.asarray(costs).reshape(-1, len(tp))
    place = np.argmin(np.where(np.isfinite(costs), costs, np.inf), axis=1)
    return costs[np.arange(len(costs)), place], tp[place]
