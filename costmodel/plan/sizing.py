"""Model size and tokens of least cost for a loss and a served volume, or of least loss for a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from costmodel.catalog.formats import number_format
from costmodel.loading import Override, load
from costmodel.plan.formulas import cost_at_quantile, joined_spread, lifetime_cost, serving_cost, tokens_per_parameter
from costmodel.plan.money import PlanError, Sizes, sizes
from costmodel.plan.quality import MOST_PER_PARAMETER, Quality, Served
from costmodel.plan.search import Search
from costmodel.quality import scaling, steps
from costmodel.quality.evidence import Expected, NoEvidence, positive
from costmodel.quality.scaling import BEYOND
from costmodel.scenario import Scenario
from costmodel.source import clash
from costmodel.units import UNITS, count, parse, shortened
from costmodel.workloads.formulas.step import tokens_per_step

TABLE = (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0)  # sizes shown, as multiples of the best
HARDLY_WORSE = 0.05, 0.01  # share of the cost, nats
NEAR = 0.1  # ln N within which a size stands for the law's balance
# How the numbers of a question are written, and in what.
AMOUNTS = {
    "loss": ("2.1", "nats"),
    "budget": ("5 M USD", "USD"),
    "unique_tokens": ("1e12", "tokens"),
    "serve_tokens": ("1e12", "tokens"),
}
MOST = 1e18  # tokens served or new, and USD, that are taken as meant
# How weights are rounded to a format of the section precision, and how many share a scale; 8 bits lose little.
ROUNDING = {"int4": ("calibrated", 128.0)}
WIDTH = 4096.0  # of a usual model: what a scale per row is spread over
WHOLE = ("fp32", "tf32", "bf16", "fp16")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One size: parameters and tokens, loss as served [nats per token], costs [USD], time of training [s], shape."""

    shape: Mapping[str, Any] = field(repr=False)
    parameters: float
    tokens: float
    loss: float
    training_usd: float
    serving_usd: float
    total_usd: float
    training_s: float


@dataclass(frozen=True, slots=True)
class SizePlan:
    """The answer: `best` is None when no size fits the devices or the budget, and `reason` says what lacks.

    `rows` are some sizes around the best, and `curve` all between the ends of these; `compute_optimal` is the balance
    that the law asks for, on the same curve, and `stated` the scenario's own size (None where they do not fit).
    `ranges` maps parameters, tokens, loss and total_usd to their 80 % range; `flat` is the range of sizes within 5 % of
    the least cost, or 0.01 nats of the least loss; `rivals` is what other laws choose. `batch` is what the scenario's
    batch costs in loss, or why nothing is known. `moved` holds the plans for other numbers of tokens served; these have
    neither a range of cost nor `rivals`, `batch` and `warnings`.
    """

    law: scaling.Law
    family: str
    serve_tokens: float
    loss: float | None
    budget: float | None
    unique_tokens: float | None
    served: Served | None
    best: Candidate | None = None
    reason: str = ""
    compute_optimal: Candidate | None = None
    stated: Candidate | None = None
    rows: tuple[Candidate, ...] = ()
    curve: tuple[Candidate, ...] = field(default=(), repr=False)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    flat: tuple[float, float] | None = None
    rivals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    batch_tokens: float | None = None
    batch: Expected | str = ""
    warnings: tuple[str, ...] = ()
    moved: Mapping[float, SizePlan] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        from costmodel.report.plan import sentence

        return f"<SizePlan: {sentence(self)}>"

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON-ready data (schema costmodel/plan-size/1)."""
        from costmodel.report.plan import as_dict

        return as_dict(self)


def size(
    scenario: Scenario | Mapping[str, Any] | str,
    serve_tokens: float | str = 0.0,
    *,
    loss: float | str | None = None,
    budget: float | str | None = None,
    law: str | None = None,
    unique_tokens: float | str | None = None,
    overrides: Sequence[Override] = (),
    serve: Sequence[Override] = (),
    follow: Sequence[float] = (),
) -> SizePlan:
    """Parameters and tokens of the least cost of training plus serving for a loss, or of the least loss for a budget.

    `scenario` trains a model {family, parameters}; its size and tokens are what is chosen. `serve_tokens` are prompt
    and answer tokens over the model's life; `serve` changes the serving scenario, which otherwise has the hardware,
    devices and prices of training. `loss` is in nats per token, as served, for the law's own data; `budget` in USD, or
    text such as "5 M USD"; the other numbers may be text too ("1 T"). `follow` are other numbers of tokens served, for
    which the best size is found too.
    Raises ScenarioError, CatalogError, PlanError, and NoEvidence past the bounds of the law.
    """
    if (loss is None) == (budget is None):
        raise PlanError("a plan of size needs either a loss or a budget; write --loss 2.1 or --budget '5 M USD'")
    loss, budget = _amount(loss, "loss"), _amount(budget, "budget")
    unique_tokens, serve_tokens = _amount(unique_tokens, "unique_tokens"), _amount(serve_tokens, "serve_tokens") or 0.0
    used = scaling.law(("data-constrained" if unique_tokens else scaling.DEFAULT) if law is None else law)
    if unique_tokens is not None and used.name != "data-constrained":
        raise NoEvidence(f"{used.name} knows no repeated data; use the law 'data-constrained'")
    if loss is not None and loss <= used.irreducible:
        least = f"its irreducible loss is {used.irreducible:g}; write a loss above that"
        raise NoEvidence(f"no model reaches {loss:g} nats by {used.name}: {least}")
    scenario, bounds = load(scenario, overrides), (used.parameters[0] / BEYOND, used.parameters[1] * BEYOND)
    grid = sizes(scenario, bounds, serve_tokens, serve)
    other = grid if grid.serving or not follow else sizes(scenario, bounds, max(follow), serve)
    surface = grid.surface()

    def search(served_tokens: float, on: Sizes) -> Search:
        serving = np.asarray(serving_cost(on.per_token, served_tokens))
        quality = Quality(used, unique_tokens, _served(on.serving) if on.serving else None)
        return Search(on, quality, serving, surface, loss, budget)

    with np.errstate(all="ignore"):  # sizes that never reach the loss, or do not fit, are NaN
        asked, others = search(serve_tokens, grid), {n: search(n, other) for n in follow}
        blank = SizePlan(used, grid.family, serve_tokens, loss, budget, unique_tokens, asked.quality.served)
        if not asked.answered:
            return replace(blank, reason=asked.obstacle())
        known = [n for n, each in others.items() if each.answered]
        curve, *rest = _curves([asked, *(others[n] for n in known)])
        curves, moved = dict(zip(known, rest, strict=True)), {}
        for n, each in others.items():
            own = replace(blank, serve_tokens=n, served=each.quality.served)
            moved[n] = _plan(each, curves[n], own) if n in curves else replace(own, reason=_why(each))
        return replace(_finished(_plan(asked, curve, blank), asked, curve), moved=moved)


def _why(search: Search) -> str:
    """Why a search has no answer."""
    try:
        return search.obstacle()
    except NoEvidence as error:
        return str(error)


def _amount(value: float | str | None, what: str) -> float | None:
    """A number that a user wrote, in SI. Raises PlanError."""
    example, unit = AMOUNTS[what]
    if value is None:
        return None
    try:
        if isinstance(value, str):
            value = parse(value, unit, example) if unit == "USD" else count(value.strip().removesuffix(unit))
        found = positive(value, "it") if value or what != "serve_tokens" else 0.0
    except ValueError as error:
        raise PlanError(f"{what}: {str(error).partition(';')[0]}; write for example '{example}'") from None
    if found and not 0.1 <= found <= MOST:
        raise PlanError(f"{what} must lie between 0.1 and {MOST:g}, not {found:g}")
    return found


def _served(serving: Scenario) -> Served | None:
    """The bits in which weights are served, None for 16 or more. Raises NoEvidence where no loss is published."""
    precision, steps_of = serving.precision, serving.compression
    if steps_of:
        from costmodel.compression.effects import group_of, quantised
        from costmodel.compression.making import recipe_of
        from costmodel.compression.schema import Quantise

        step = steps_of[0]
        if len(steps_of) > 1 or not isinstance(step, Quantise) or step.weights is None:
            raise clash("compression", "a plan of size counts the loss of quantised weights alone; write int4 or fp8")
        bytes_per_weight, _ = quantised(step, WIDTH)
        bits = bytes_per_weight / UNITS["bit"][0]
        return _low_bits(step.weights, recipe_of(step), bits, group_of(step, WIDTH), step.activations)
    form = precision.weights or precision.compute or "bf16"
    if form in WHOLE:
        return None
    method, group = ROUNDING.get(form, ("rtn", None))
    return _low_bits(form, method, number_format(form).bytes / UNITS["bit"][0], group, precision.compute)


def _low_bits(form: str, method: str, bits: float, group: float | None, computed: str | None) -> Served:
    if (computed and "4" in computed) or form in ("nvfp4", "mxfp4"):
        raise NoEvidence(
            f"no evidence in nats on serving in {computed or form}; "
            "write --serve-set compression=int4 for 4-bit weights alone, or --serve-set precision=fp8"
        )
    return Served(method, bits, group)


@dataclass(frozen=True, slots=True)
class Curve:
    """All sizes, each at its own tokens: loss, costs [USD] and time [s], NaN where there are none.

    `least` is what the best size has least of, infinite without a plan; `off` is parameters over the law's balance.
    """

    tokens: np.ndarray
    losses: np.ndarray
    training: np.ndarray
    time: np.ndarray
    total: np.ndarray
    least: np.ndarray
    off: np.ndarray

    def nearest(self, off: np.ndarray) -> int:
        """The place of the size that is least off by these factors, of those that have a plan."""
        return int(np.argmin(np.where(np.isfinite(self.least), np.abs(np.log(off)), np.inf)))


def _curves(searches: Sequence[Search]) -> list[Curve]:
    """The curve of each of several searches that train the same sizes: all of them are priced in one sweep."""
    grid, law = searches[0].grid, searches[0].quality.law
    n, known = grid.parameters, law.constants
    shape = {name: value for name, value in known.items() if name != "irreducible"}
    tokens = np.array([np.ceil(search.tokens(known)) for search in searches])
    fits = np.isfinite(searches[0].surface).any(axis=1)
    good = [fits & s.quality.seen(n, own) & np.isfinite(s.serving) for s, own in zip(searches, tokens, strict=True)]
    found = []
    priced = grid.trained(np.where(good, tokens, np.nan))
    for search, tokens_of, training, time in zip(searches, tokens, *priced, strict=True):
        total = np.asarray(lifetime_cost(training, search.serving))
        losses = np.asarray(search.quality.loss(known, n, tokens_of))
        least = np.where(np.isfinite(total), total if search.loss is not None else losses, np.inf)
        off = n / scaling.balanced_parameters(tokens_of, **shape)
        found.append(Curve(tokens_of, losses, training, time, total, least, off))
    return found


def _plan(search: Search, curve: Curve, blank: SizePlan) -> SizePlan:
    """What is asked of a curve, with the ranges of size and tokens."""
    grid, n, least = search.grid, search.grid.parameters, curve.least
    best, balanced = int(np.argmin(least)), curve.nearest(curve.off)
    own = int(np.argmin(np.abs(np.log(n / grid.stated))))

    def candidate(i: int) -> Candidate:
        columns = (n, curve.tokens, curve.losses, curve.training, search.serving, curve.total, curve.time)
        return Candidate(grid.shapes[i], *(float(column[i]) for column in columns))

    reached = abs(np.log(curve.off[balanced])) < NEAR
    shown = {best, *([balanced] if reached else []), *(curve.nearest(n / (n[best] * times)) for times in TABLE)}
    shown |= {own} if np.isfinite(least[own]) else set()
    limit = least[best] * (1 + HARDLY_WORSE[0]) if search.loss is not None else least[best] + HARDLY_WORSE[1]
    return replace(
        blank,
        best=candidate(best),
        compute_optimal=candidate(balanced) if reached else None,
        stated=candidate(own) if np.isfinite(least[own]) else None,
        rows=tuple(candidate(i) for i in sorted(shown)),
        curve=tuple(candidate(i) for i in range(min(shown), max(shown) + 1) if np.isfinite(least[i])),
        ranges=_ranges_by_law(candidate(best), search.spread),
        flat=_flat(n, least <= limit, best),
    )


def _ranges_by_law(best: Candidate, factors: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """80 % ranges of size and tokens, where the law has draws of its constants."""
    return {
        name: (getattr(best, name) * factors[name][0], getattr(best, name) * factors[name][1])
        for name in ("parameters", "tokens")
        if name in factors
    }


def _flat(n: np.ndarray, close: np.ndarray, best: int) -> tuple[float, float]:
    """The sizes about the best one that are all close to it."""
    others = np.flatnonzero(~close)
    below, above = others[others < best], others[others > best]
    first, last = below[-1] + 1 if len(below) else 0, above[0] - 1 if len(above) else len(n) - 1
    return float(n[first]), float(n[last])


def _finished(plan: SizePlan, search: Search, curve: Curve) -> SizePlan:
    """The plan with the ranges of its loss and cost, its batch, its warnings, and what other laws choose."""
    from costmodel.api import estimate

    best, grid, place, balanced = plan.best, search.grid, int(np.argmin(curve.least)), curve.nearest(curve.off)
    assert best is not None
    trained = estimate(grid.trained_at(place, best.tokens))
    money = [(best.training_usd, trained.totals["cost_usd"], trained.ranges.get("cost_usd"))]
    if grid.serving is not None:
        answered, name = estimate(grid.served_at(place)), "cost_per_million_output_tokens_usd"
        money.append((best.serving_usd, answered.outcome.performance[name], answered.ranges.get(name)))
    work = trained.outcome.job.workload
    batch_tokens = float(tokens_per_step(work.global_batch, work.sequence))
    try:
        batch: Expected | str = steps.loss_at_batch(best.tokens, batch_tokens)
    except NoEvidence as error:
        batch = str(error)
    return replace(
        plan,
        ranges={**plan.ranges, **_ranges_of_cost(plan, best, search.spread, money)},
        rivals={} if search.quality.unique else search.rivals(grid.parameters[balanced], curve.tokens[balanced]),
        batch_tokens=batch_tokens,
        batch=batch,
        warnings=tuple(dict.fromkeys([*_warnings(plan, search, curve.total), *trained.warnings])),
    )


def _ranges_of_cost(
    plan: SizePlan,
    best: Candidate,
    factors: Mapping[str, tuple[float, float]],
    money: Sequence[tuple[float, float, dict[str, float] | None]],
) -> dict[str, tuple[float, float]]:
    """80 % ranges: of the loss by the law; of the cost by the estimates and, for a loss to reach, by the law too."""
    found = {}
    if plan.budget is not None:
        expected = scaling.loss(best.parameters, best.tokens, plan.law.name, plan.unique_tokens)
        found["loss"] = (best.loss + expected.low - expected.value, best.loss + expected.high - expected.value)
    if all(spread for _, _, spread in money):
        low, high = (
            sum(float(cost_at_quantile(cost, (spread or {})[p], value)) for cost, value, spread in money)
            for p in ("p10", "p90")
        )
        less, more = factors.get("total_usd", (1.0, 1.0))
        found["total_usd"] = (
            best.total_usd / float(joined_spread(max(1.0, best.total_usd / low), max(1.0, 1 / less))),
            best.total_usd * float(joined_spread(max(1.0, high / best.total_usd), max(1.0, more))),
        )
    return found


def _warnings(plan: SizePlan, search: Search, total: np.ndarray) -> list[str]:
    best, n = plan.best, search.grid.parameters
    assert best is not None
    found = []
    place, tokens, _ = (x[0] for x in search.choose(plan.law.constants, clipped=False))
    ratio = float(tokens_per_parameter(tokens, n[place]))
    if ratio > MOST_PER_PARAMETER:
        found.append(
            f"clipped: the optimum would be {shortened(n[place])} parameters at {ratio:,.0f} tokens each, and "
            f"published runs have tested the laws up to {MOST_PER_PARAMETER:g}"
        )
    if best.parameters == n[np.isfinite(total)].max() and best.parameters < n.max():
        found.append("no larger size fits the devices or the evidence; a larger one may be better")
    if "parameters" not in plan.ranges:
        known = (
            "too few draws of its constants have a plan"
            if plan.law.name == scaling.DEFAULT
            else "its spread is not known"
        )
        found.append(f"no range of size and tokens by {plan.law.name}: {known}")
    found += scaling.loss(best.parameters, best.tokens, plan.law.name, plan.unique_tokens).warnings
    return found
