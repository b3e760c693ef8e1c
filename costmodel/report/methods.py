"""Several ways to serve a model side by side: the first as it is, the others compressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from costmodel.costs.energy import energy_per_million
from costmodel.plan.formulas import saved_share
from costmodel.quality.evidence import ACCURACY, COLLAPSE, PERPLEXITY
from costmodel.report.compression import NEAREST, published, quality
from costmodel.report.quantities import show, with_range
from costmodel.report.table import as_csv as csv_text
from costmodel.report.text import lacks

if TYPE_CHECKING:
    from costmodel.api import Estimate
    from costmodel.compression.account import Compression
    from costmodel.quality.evidence import Expected

COST, TIME = "cost_per_million_output_tokens_usd", "tpot_s"
EVIDENCE = ("method", "step", "expected", "evidence", "nearest published cases, or what lacks")
# What is known of quality, by the unit that it is in.
QUALITY = {
    ACCURACY: "accuracy kept",
    PERPLEXITY: "perplexity ratio",
    COLLAPSE: "risk of collapse",
}


def sentence(answers: Mapping[str, Estimate]) -> str:
    """Which of several ways to serve a model is cheapest per token, in one sentence; the first is the baseline."""
    (name, base), *rest = answers.items()
    costs = {method: a.outcome.performance[COST] for method, a in answers.items() if a.fits}
    where = f"{base.resolved.model} on {base.resolved.scenario.devices:,} × {base.resolved.hardware}"
    if not costs:
        return f"Neither {where} nor any of its {len(rest)} compressed forms fits."
    best = min(costs, key=lambda method: costs[method])
    cost = f"{_ranged(answers[best], COST, 'USD')} per million output tokens"
    if best == name:
        return f"None of {len(rest)} methods serves {where} for less than uncompressed: {cost}."
    if not base.fits:
        return f"Uncompressed, {where} does {lacks(base)}; cheapest is {best}: {cost}; {_quality(answers[best])}."
    less = f"{float(saved_share(costs[best], costs[name])):.0%} less than {show(costs[name], 'USD')} uncompressed"
    text = f"Cheapest for {where} is {best}: {cost}, {less}; {_quality(answers[best])}."
    known = [method for method in costs if answers[method].compression and _known(answers[method])]
    known.sort(key=lambda method: costs[method])
    if best in known or not known or costs[known[0]] >= costs[name]:
        return text
    return f"{text} With evidence it is {known[0]}: {show(costs[known[0]], 'USD')}, {_quality(answers[known[0]])}."


def _known(answer: Estimate) -> bool:
    """Whether something is known of the quality of every step."""
    return all(step.quality for step in answer.compression)


def _quality(answer: Estimate) -> str:
    if not _known(answer):
        return "no evidence on its quality"
    return ", then ".join(quality(step.quality[-1]) for step in answer.compression)


def beside(answers: Mapping[str, Estimate]) -> list[list[str]]:
    """Figures of several ways to serve a model, the first of them the baseline: a row a figure, a column a way."""
    from costmodel.compression.account import state

    found = list(answers.values())
    states = [state(a.outcome, a.resolved.kind) for a in found]
    return [
        ["parameters", *(show(s.parameters, "1") for s in states)],
        ["weights of the model", *(show(s.weights_bytes, "B") for s in states)],
        ["KV cache per token", *(show(s.kv_bytes_per_token, "B") for s in states)],
        ["memory of a device", *(show(a.outcome.memory_used, "B") for a in found)],
        ["layout", *(_layout(a) for a in found)],
        ["time to first token", *(_ranged(a, "ttft_s", "s") for a in found)],
        ["time per output token", *(_ranged(a, TIME, "s") for a in found)],
        ["output tokens per second", *(_ranged(a, "output_tokens_per_s", "1") for a in found)],
        ["cost per million output tokens", *(_ranged(a, COST, "USD") for a in found)],
        ["energy per million output tokens", *(_energy(a) for a in found)],
        *([label, *(_expected(a.compression, unit) for a in found)] for unit, label in QUALITY.items()),
        ["cost of making", *(_making_cost(a.compression) for a in found)],
        ["paid after output tokens", *(_paid(a.compression) for a in found)],
    ]


def as_csv(answers: Mapping[str, Estimate]) -> str:
    """One line for each way to serve, with all its figures in SI; blank where it does not fit."""
    from costmodel.ranges import figures

    found = {name: figures(answer.outcome) for name, answer in answers.items()}
    heads = list(dict.fromkeys(head for own in found.values() for head in own))
    lines = [[name, a.fits, *(found[name].get(h, "") if a.fits else "" for h in heads)] for name, a in answers.items()]
    return csv_text([["method", "fits", *heads], *lines])


def evidence(answers: Mapping[str, Estimate]) -> list[list[str]]:
    """What is known of the quality of each way, in text under EVIDENCE: also where nothing is."""
    rows = []
    for name, answer in answers.items():
        for step in answer.compression:
            for expected in step.quality:
                nearest = "; ".join(map(published, expected.evidence.cases[:NEAREST]))
                rows.append([name, step.label, quality(expected), str(expected.evidence), nearest])
            rows += [[name, step.label, "no evidence", "", reason] for reason in step.no_evidence]
    return rows


def cautions(answers: Mapping[str, Estimate]) -> list[str]:
    """What a reader must know beside the figures: a line for each warning, with the ways that it is of."""
    said: dict[str, list[str]] = {}
    for name, answer in answers.items():
        lines = [*answer.warnings, *(w for step in answer.compression for w in step.warnings)]
        lines += [w for step in answer.compression for expected in step.quality for w in expected.warnings]
        for line in dict.fromkeys(lines):
            said.setdefault(line, []).append(name)
    return [f"{', '.join(names)}: {line}" for line, names in said.items()]


def _expected(steps: Sequence[Compression], unit: str) -> str:
    """What is known in one unit, step by step; a step of which nothing at all is known says so."""
    known = [next((_figure(e) for e in step.quality if e.unit == unit), "") for step in steps]
    lacks = [text or ("" if step.quality else "no evidence") for text, step in zip(known, steps, strict=True)]
    return ", then ".join(filter(None, lacks)) or "–"


def _figure(expected: Expected) -> str:
    if expected.unit == COLLAPSE:
        return f"{expected.value:.0%} ({expected.low:.0%}–{expected.high:.0%})"
    return f"{expected.value:.3f} ({expected.low:.2f}–{expected.high:.2f})"


def _ranged(answer: Estimate, name: str, unit: str) -> str:
    if not answer.fits:
        return f"does {lacks(answer)}"
    value, spread = answer.outcome.performance[name], answer.ranges.get(name)
    return with_range(value, spread["p10"], spread["p90"], unit) if spread else show(value, unit)


def _energy(answer: Estimate) -> str:
    if not answer.fits:
        return f"does {lacks(answer)}"
    return show(float(energy_per_million(answer.totals["energy_j"], answer.outcome.performance["output_tokens"])), "J")


def _layout(answer: Estimate) -> str:
    if not answer.fits:
        return f"does {lacks(answer)}"
    layout, copies = answer.outcome.job.parallelism, answer.outcome.performance["replicas"]
    return f"{int(copies)} × (tp {int(layout.tp)}, pp {int(layout.pp)})"


def _making_cost(steps: Sequence[Compression]) -> str:
    from costmodel.compression.account import chain_cost

    if not steps:
        return "–"
    if len(steps) == 1 and steps[0].ranges:
        return with_range(steps[0].cost_usd, *steps[0].ranges["cost_usd"], "USD")
    return show(chain_cost(steps), "USD")


def _paid(steps: Sequence[Compression]) -> str:
    """When the making of all steps is paid, against the model before the first."""
    from costmodel.compression.account import break_even, chain_cost

    if not steps:
        return "–"
    before, after = steps[0].before, steps[-1].after
    if before.cost_per_million_tokens_usd is None or after.cost_per_million_tokens_usd is None:
        return "–"
    tokens = break_even(chain_cost(steps), before, after)
    if tokens is None:
        return "no saving to pay it"
    return show(tokens, "1") if tokens else "at once"
