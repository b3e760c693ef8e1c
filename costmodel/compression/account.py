"""What each step of a compression costs to make, saves, and does to quality: the scenario with and without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from costmodel import engine, ops
from costmodel.compression.effects import quantised
from costmodel.compression.expected import quality
from costmodel.compression.formulas import (
    break_even_tokens,
    cache_bytes_per_token,
    device_rate,
    making_cost,
    model_bytes,
    time_per_token,
)
from costmodel.compression.making import work
from costmodel.compression.schema import Distil, Prune, Sparsify, Step
from costmodel.job import Assumption, Assumptions, numbers
from costmodel.outcome import Outcome, suffices
from costmodel.quality.distillation import distillation_device_time, distillation_flop_per_token
from costmodel.quality.evidence import Expected
from costmodel.ranges import draw, normals
from costmodel.resolve import Resolved, resolve
from costmodel.scenario import Scenario
from costmodel.workloads.train_program import weight_bytes, whole

Range = tuple[float, float]
PER_MILLION = ("cost_per_million_output_tokens_usd", "cost_per_million_tokens_usd")


@dataclass(frozen=True, slots=True)
class State:
    """A model at one point of the chain, in SI; times and costs are None where it does not fit or keep up.

    `weights_bytes` and `file_bytes` are those of the whole model in memory and in a file, `kv_bytes_per_token` what a
    token takes in all KV caches; `time_per_token_s` is that of an output token, in training of a token on all devices.
    """

    parameters: float
    weights_bytes: float
    file_bytes: float
    kv_bytes_per_token: float
    time_per_token_s: float | None
    cost_per_million_tokens_usd: float | None


@dataclass(frozen=True, slots=True)
class Compression:
    """One step: the model before and after it, what making it takes, and what is known of its quality.

    `device_seconds` and `cost_usd` are of the making, on devices of the scenario, with 80 % ranges where ranges are
    asked for; `break_even_tokens` are the tokens after which that is saved, None where nothing is saved or one of both
    does not fit. `quality` holds expected changes with their evidence, `no_evidence` what nothing published answers.
    """

    method: str
    label: str
    before: State
    after: State
    tokens: float
    device_seconds: float
    cost_usd: float
    ranges: dict[str, Range]
    break_even_tokens: float | None
    quality: tuple[Expected, ...]
    no_evidence: tuple[str, ...]
    warnings: tuple[str, ...]


def account(resolved: Resolved, result: Outcome) -> list[Compression]:
    """One entry per step of a scenario's compression, each against the chain before it; `result` is of the whole chain.

    Raises as `resolve` does.
    """
    scenario, chain = resolved.scenario, resolved.scenario.compression
    last = _Point(state(result, resolved.kind), resolved, result)
    points = [*(_point(scenario, length) for length in range(len(chain))), last]
    rate = _rate(points[-1].outcome, points[-1].resolved.assumptions)
    return [_step(scenario, place, points[place], points[place + 1], rate) for place in range(len(chain))]


def _step(scenario: Scenario, place: int, was: _Point, now: _Point, rate: Assumption) -> Compression:
    step, before, after = scenario.compression[place], was.state, now.state
    width, peak = was.outcome.job.model.hidden, was.outcome.job.hardware.peak_16bit
    taken = work(step, before.parameters, after.parameters)
    per_token = distillation_flop_per_token(taken.student, taken.teacher)
    share, low, high, source = taken.utilisation
    utilisation = Assumption("utilisation", share, "fraction", "default", source, low, high)
    time = distillation_device_time(taken.tokens, per_token, peak, utilisation.value)
    cost = making_cost(time, rate.value)
    ranges = {}
    if scenario.ranges and taken.tokens:
        z = normals((utilisation.path, rate.path))
        times = distillation_device_time(taken.tokens, per_token, peak, draw(utilisation, z[0]))
        ranges = {"device_seconds": _band(times), "cost_usd": _band(making_cost(times, draw(rate, z[1])))}
    expected, missing = quality(step, was.resolved.model, before.parameters, after.parameters, width)
    return Compression(
        step.method,
        label(step, width),
        before,
        after,
        taken.tokens,
        time,
        cost,
        ranges,
        break_even(cost, before, after),
        tuple(expected),
        tuple(missing),
        tuple(_warnings(step, place, was, now)),
    )


def chain_cost(steps: Sequence[Compression]) -> float:
    """What making all steps costs [USD]."""
    return float(ops.total({str(place): step.cost_usd for place, step in enumerate(steps)}))


def break_even(making: float, before: State, after: State) -> float | None:
    """Tokens after which the making is saved; None if nothing is saved, or if one of both does not fit."""
    was, now = before.cost_per_million_tokens_usd, after.cost_per_million_tokens_usd
    return None if was is None or now is None or now >= was else break_even_tokens(making, was, now)


def label(step: Step, width: float) -> str:
    """A step in words."""
    if isinstance(step, Distil):
        name = step.student if isinstance(step.student, str) else getattr(step.student, "name", None) or "a given shape"
        return f"distil into {name}"
    if isinstance(step, Prune):
        shares = ((name, getattr(step, name)) for name in ("layers", "heads", "width"))
        return "prune " + ", ".join(f"{share:.0%} of {name}" for name, share in shares if share)
    if isinstance(step, Sparsify):
        return f"sparsify {step.pattern or f'{step.share:.0%} anywhere'}"
    said = [quantised(step, width)[1]] if step.weights else []
    said += [f"computed in {step.activations}"] if step.activations else []
    said += [f"KV cache in {step.kv_cache}"] if step.kv_cache else []
    return "quantise " + "; ".join(said)


@dataclass(frozen=True, slots=True)
class _Point:
    """A point of the chain: the scenario with the steps up to there."""

    state: State
    resolved: Resolved
    outcome: Outcome


def _point(scenario: Scenario, length: int) -> _Point:
    """The scenario with the first `length` steps alone."""
    resolved = resolve(scenario.model_copy(update={"compression": scenario.compression[:length]}))
    result = engine.outcome(engine.settle(numbers(resolved.assumptions), resolved.kind), resolved.kind)
    return _Point(state(result, resolved.kind), resolved, result)


def state(result: Outcome, kind: str) -> State:
    """The model of an outcome."""
    job, found, fits = result.job, result.performance, suffices(result, kind)
    one = whole(job, 1.0)
    in_memory, in_file = (
        model_bytes(one.layers, *(weight_bytes(job, part, file) for part in one.parts)) for file in (False, True)
    )
    time = found["tpot_s"] if "tpot_s" in found else time_per_token(found["tokens_per_s"])
    cost = next(found[name] for name in PER_MILLION if name in found)
    cache = cache_bytes_per_token(one.layers, one.kv_per_token)
    return State(found["parameters"], in_memory, in_file, cache, time if fits else None, cost if fits else None)


def _rate(last: Outcome, assumptions: Assumptions) -> Assumption:
    """What a second of a device costs, with the range of its rent, or of its price where it is owned."""
    value = device_rate(last.totals["cost_usd"], last.totals["device_seconds"])
    price = assumptions["costs.hardware_price" if last.job.costs.own else "costs.price"]
    low, high = (
        value * (end or price.value) / price.value if price.value else value for end in (price.low, price.high)
    )
    return Assumption("rate", value, "USD/s", price.status, price.source, low, high)


def _band(values: np.ndarray) -> Range:
    low, high = np.interp((0.1, 0.9), np.linspace(0, 1, len(values)), np.sort(values))
    return float(low), float(high)


def _warnings(step: Step, place: int, was: _Point, now: _Point) -> Iterator[str]:
    before, after, layout = was.state, now.state, now.outcome.job.parallelism
    if isinstance(step, Distil) and after.parameters > before.parameters:
        yield "the student is larger than its teacher"
    if isinstance(step, Sparsify) and step.share:
        yield "saves storage alone: devices neither skip nor leave out zeros that lie anywhere"
    if isinstance(step, Prune) and not step.tokens:
        yield "without tokens of distillation after it a pruned model is rarely of use"
    was_cost, cost = before.cost_per_million_tokens_usd, after.cost_per_million_tokens_usd
    if was_cost is not None and cost is not None and cost > was_cost and layout != was.outcome.job.parallelism:
        yield (
            f"costs more per token in the layout taken (tp {layout.tp:g}, pp {layout.pp:g}); "
            "state parallelism to compare like with like"
        )
    if place:
        yield "losses of several compressions do not simply add: measure them together"
