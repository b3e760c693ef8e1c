"""A plan of size as text, JSON and CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costmodel.plan.formulas import saved_share, tokens_per_parameter
from costmodel.report.quantities import interval, number, show
from costmodel.report.table import aligned
from costmodel.report.table import as_csv as csv_text

if TYPE_CHECKING:
    from costmodel.plan.sizing import Candidate, SizePlan

SCHEMA = "costmodel/plan-size/1"
COLUMNS = (
    "parameters",
    "tokens",
    "tokens_per_parameter",
    "loss",
    "training_usd",
    "serving_usd",
    "total_usd",
    "training_s",
)
HEADS = ("", "parameters", "tokens", "per parameter", "loss", "training", "serving", "total", "time")


def sentence(plan: SizePlan) -> str:
    """The answer in one sentence, with its ranges."""
    best = plan.best
    if best is None:
        return f"No plan: {plan.reason}."
    size = f"a {plan.family} of {_with_range(plan, 'parameters', '1')} parameters"
    tokens = f"{_with_range(plan, 'tokens', '1')} tokens"
    served = f" and serving {show(plan.serve_tokens, '1')} tokens" if plan.serve_tokens else ""
    if plan.budget is not None:
        loss = f"{best.loss:.3f}" + (f" ({interval(*plan.ranges['loss'], '1')})" if "loss" in plan.ranges else "")
        return f"{show(plan.budget, 'USD')} reach a loss of {loss} with {size} on {tokens}, for training{served}."
    cost = _with_range(plan, "total_usd", "USD")
    return f"Least cost for a loss of {plan.loss:.4g}: {size} on {tokens}, {cost} for training{served}."


def _with_range(plan: SizePlan, name: str, unit: str) -> str:
    text = show(getattr(plan.best, name), unit)
    return f"{text} ({interval(*plan.ranges[name], unit)})" if name in plan.ranges else text


def render(plan: SizePlan) -> str:
    """The whole text: what a terminal shows."""
    if plan.best is None:
        return sentence(plan)
    lines = [sentence(plan), *_against_balance(plan), "", _table(plan), ""]
    if plan.rivals:
        same = "a model as good" if plan.budget is None else "the same money"
        rivals = ", ".join(f"{name} {show(size, '1')}" for name, (size, _) in plan.rivals.items())
        lines.append(f"Law: {plan.law.name}. Other laws, for {same}: {rivals}.")
    else:
        lines.append(f"Law: {plan.law.name}.")
    lines += [*_served(plan), _batch(plan)]
    lines.append("Shape: " + ", ".join(f"{k} {v}" for k, v in plan.best.shape.items() if k in SHAPE) + ".")
    return "\n".join([*lines, *(f"warning: {warning}" for warning in plan.warnings)])


SHAPE = ("layers", "hidden", "heads", "kv_heads", "ffn", "vocab")


def _against_balance(plan: SizePlan) -> list[str]:
    best, balance, flat = plan.best, plan.compute_optimal, plan.flat
    if best is None or flat is None:
        return []
    worse = "5 % more" if plan.budget is None else "0.01 nats more"
    text = f"From {show(flat[0], '1')} to {show(flat[1], '1')} parameters it is at most {worse}"
    if balance is None:
        return [f"{text}. The compute-optimal size does not fit."]
    if balance == best:
        return [f"{text}; this is the compute-optimal size too."]
    if plan.budget is None:
        saved = f"{float(saved_share(best.total_usd, balance.total_usd)):.0%} of the cost"
    else:
        saved = f"{balance.loss - best.loss:.4f} nats"
    return [f"{text}. Against the compute-optimal {show(balance.parameters, '1')} it saves {saved}."]


def _table(plan: SizePlan) -> str:
    lines = [list(HEADS)]
    for row in plan.rows:
        money = (show(x, "USD") for x in (row.training_usd, row.serving_usd, row.total_usd))
        time = show(row.training_s, "s")
        ratio = number(float(tokens_per_parameter(row.tokens, row.parameters)))
        size, tokens = show(row.parameters, "1"), show(row.tokens, "1")
        lines.append([_label(plan, row), size, tokens, ratio, f"{row.loss:.4f}", *money, time])
    return aligned(lines)


def _label(plan: SizePlan, row: Candidate) -> str:
    named = {"best": plan.best, "compute-optimal": plan.compute_optimal, "as stated": plan.stated}
    return ", ".join(name for name, found in named.items() if found == row)


def _served(plan: SizePlan) -> list[str]:
    if plan.served is None or plan.best is None:
        return []
    added = float(plan.served.added(plan.best.parameters, plan.best.tokens))
    bits = f"{plan.served.bits:.4g} bits ({plan.served.method})"
    return [f"Served in {bits}: {added:.2g} nats of the loss come from that, within a factor 2 in 80 % of cases."]


def _batch(plan: SizePlan) -> str:
    batch = f"Batch of {show(plan.batch_tokens or 0.0, '1')} tokens"
    if isinstance(plan.batch, str):
        return f"{batch}: {plan.batch}."
    off = f"{plan.batch.value:.3f} nats ({interval(plan.batch.low, plan.batch.high, '1')})"
    return f"{batch}: {off} above the best batch, not counted here; evidence: {plan.batch.evidence}."


def as_dict(plan: SizePlan) -> dict[str, Any]:
    """The plan as plain data in SI."""
    batch = plan.batch
    return {
        "schema": SCHEMA,
        "answer": sentence(plan),
        "law": plan.law.name,
        "family": plan.family,
        "target": {"loss": plan.loss, "budget_usd": plan.budget},
        "serve_tokens": plan.serve_tokens,
        "unique_tokens": plan.unique_tokens,
        "served_bits": plan.served.bits if plan.served else None,
        "best": _row(plan.best),
        "compute_optimal": _row(plan.compute_optimal),
        "stated": _row(plan.stated),
        "rows": [_row(row) for row in plan.rows],
        "ranges": {name: {"p10": low, "p90": high} for name, (low, high) in plan.ranges.items()},
        "hardly_worse": list(plan.flat) if plan.flat else None,
        "rivals": {name: {"parameters": n, "tokens": d} for name, (n, d) in plan.rivals.items()},
        "batch": {
            "tokens": plan.batch_tokens,
            "added_loss": None if isinstance(batch, str) else [batch.low, batch.value, batch.high],
            "evidence": batch if isinstance(batch, str) else str(batch.evidence),
        },
        "warnings": list(plan.warnings),
        "reason": plan.reason or None,
        "sources": sorted({plan.law.source, "sardana-2024", *(["gadre-2024"] if plan.best else [])}),
    }


def as_csv(plan: SizePlan) -> str:
    """One line per size of the table, in SI."""
    lines: list[list[Any]] = [["plan", *COLUMNS]]
    for row in plan.rows:
        found = _row(row) or {}
        lines.append([_label(plan, row), *(found[name] for name in COLUMNS)])
    return csv_text(lines)


def _row(row: Candidate | None) -> dict[str, Any] | None:
    if row is None:
        return None
    ratio = float(tokens_per_parameter(row.tokens, row.parameters))
    found = {name: ratio if name == "tokens_per_parameter" else getattr(row, name) for name in COLUMNS}
    return found | {"shape": dict(row.shape)}
