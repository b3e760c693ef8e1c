"""What a compression takes and brings, in a few lines: savings, quality with its evidence, making, break-even."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from costmodel.quality.evidence import COLLAPSE, PERPLEXITY
from costmodel.report.quantities import number, show, with_range
from costmodel.units import counted

if TYPE_CHECKING:
    from costmodel.api import Estimate
    from costmodel.compression.account import Compression, State
    from costmodel.quality.evidence import Case, Expected

FIGURES = (
    ("parameters", "parameters", "1"),
    ("weights_bytes", "weights", "B"),
    ("file_bytes", "file", "B"),
    ("kv_bytes_per_token", "KV cache per token", "B"),
    ("time_per_token_s", "time per token", "s"),
    ("cost_per_million_tokens_usd", "cost per million tokens", "USD"),
)
NEAREST = 2


def block(steps: Sequence[Compression]) -> Iterator[str]:
    """The lines of a chain of steps."""
    for step in steps:
        yield f"Compression: {step.label}."
        yield f"  changes: {', '.join(changes(step.before, step.after)) or 'nothing of the estimate'}."
        for expected in step.quality:
            yield f"  quality: {quality(expected)} ({expected.evidence}{_nearest(expected)})."
            yield from (f"    note: {warning}" for warning in expected.warnings)
        yield from (f"  quality: {reason}." for reason in step.no_evidence)
        yield f"  making:  {making(step)}"
        yield from (f"  warning: {warning}" for warning in step.warnings)
    if len(steps) > 1:
        yield f"All steps: {', '.join(changes(steps[0].before, steps[-1].after))}."


def changes(before: State, after: State) -> list[str]:
    """The figures that differ, before and after."""
    found = []
    for name, label, unit in FIGURES:
        was, now = getattr(before, name), getattr(after, name)
        if was != now and not (name == "file_bytes" and now == after.weights_bytes):
            found.append(f"{label} {_figure(was, unit)} → {_figure(now, unit)}")
    return found


def _figure(value: float | None, unit: str) -> str:
    return "no answer" if value is None else show(value, unit)


def quality(expected: Expected) -> str:
    """An expected change with its band, in words."""
    value, low, high = expected.value, expected.low, expected.high
    if expected.unit == COLLAPSE:
        return f"{value:.0%} risk of collapse ({low:.0%} to {high:.0%})"
    if expected.unit == PERPLEXITY:
        return f"perplexity × {value:.3g} ({low:.3g} to {high:.3g})"
    return f"{value:.3f} of the accuracy kept ({low:.2f} to {high:.2f})"


def _nearest(expected: Expected) -> str:
    named = "; ".join(published(case) for case in expected.evidence.cases[:NEAREST])
    return f"; nearest: {named}" if named and expected.unit != COLLAPSE else ""


def published(case: Case) -> str:
    """A published comparison in words: model, method and what was measured before and after."""
    result = f"{case.metric} {case.before} → {case.after}" if case.before else case.metric
    bits = f" {case.bits:g} bits" if case.bits and case.technique == "weight-only" else ""
    return f"{case.model} {case.method}{bits}, {result}"


def making(step: Compression) -> str:
    """What making takes, and when it is paid."""
    if not step.tokens:
        return "no pass over data."
    hours, cost = show(step.device_seconds / 3600, "1"), show(step.cost_usd, "USD")
    if step.ranges:
        low, high = (second / 3600 for second in step.ranges["device_seconds"])
        hours += f" ({number(low, 2)}–{number(high, 2)})"
        cost = with_range(step.cost_usd, *step.ranges["cost_usd"], "USD")
    text = f"{show(step.tokens, '1')} tokens, {counted(hours, 'device-hour')}, {cost}"
    if step.break_even_tokens is None:
        return f"{text}; no saving per token to pay it."
    return f"{text}; paid after {show(step.break_even_tokens, '1')} tokens."


def columns(answers: Sequence[Estimate]) -> list[list[str]]:
    """Rows for a comparison, one column an estimate: weights, quality of each step and the cost of making."""
    from costmodel.compression.account import chain_cost, state

    chains = [answer.compression for answer in answers]
    rows = [["weights of the model", *(show(state(a.outcome, a.resolved.kind).weights_bytes, "B") for a in answers)]]
    for place in range(max(map(len, chains))):
        rows.append([f"step {place + 1}", *(c[place].label if place < len(c) else "–" for c in chains)])
        told = [_told(c[place]) if place < len(c) else [] for c in chains]
        rows += [["  quality", *row] for row in zip_longest(*told, fillvalue="–")]
    rows.append(["making", *(show(chain_cost(c), "USD") if c else "–" for c in chains)])
    return rows


def _told(step: Compression) -> list[str]:
    return [quality(expected) for expected in step.quality] or ["no evidence"]
