"""A plan of size as text, JSON and CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from costmodel.plan.formulas import saved_share, tokens_per_parameter
from costmodel.report.quantities import interval, number, show
from costmodel.report.table import aligned
from costmodel.report.table import as_csv as csv_text

if TYPE_CHECKING:
    from costmodel.plan.sizing import Candidate, SizePlan

LITTLE = 0.01  # of the cost
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
MOVED = ("served", "parameters", "80 % range", *HEADS[2:])
FIGURES = (
    "parameters",
    "tokens",
    "tokens per parameter",
    "loss",
    "training cost",
    "serving cost",
    "total cost",
    "training time",
)
RIVALS = ("law", "parameters", "tokens", "fitted to", "source")


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
    """A figure with its range."""
    value, said = getattr(plan.best, name), _spread(plan, name, unit)
    return f"{show(value, unit)} ({said})" if said else show(value, unit)


def _spread(plan: SizePlan, name: str, unit: str) -> str:
    """The range of a figure; none where steps of layouts hold every draw of the law's constants at the same size."""
    low, high = plan.ranges.get(name, (0.0, 0.0))
    return interval(low, high, unit, getattr(plan.best, name)) if low < high / 1.02 else ""


def render(plan: SizePlan) -> str:
    """The whole text: what a terminal shows."""
    if plan.best is None:
        return sentence(plan)
    lines = [sentence(plan), *against_balance(plan), "", aligned([list(HEADS), *cells(plan)]), ""]
    if plan.rivals:
        same = "a model as good" if plan.budget is None else "the same money"
        rivals = ", ".join(f"{name} {show(size, '1')}" for name, (size, _) in plan.rivals.items())
        lines.append(f"Law: {plan.law.name}. Other laws, for {same}: {rivals}.")
    else:
        lines.append(f"Law: {plan.law.name}.")
    return "\n".join([*lines, *notes(plan), *(f"warning: {warning}" for warning in plan.warnings)])


SHAPE = ("layers", "hidden", "heads", "kv_heads", "ffn", "vocab")


def notes(plan: SizePlan) -> list[str]:
    """What is served, the batch and the shape, a sentence each."""
    if plan.best is None:
        return []
    shape = "Shape: " + ", ".join(f"{k} {v}" for k, v in plan.best.shape.items() if k in SHAPE) + "."
    return [*_served(plan), _batch(plan), shape]


def against_balance(plan: SizePlan) -> list[str]:
    """How flat the optimum is, and what it saves against the compute-optimal size."""
    best, balance, flat = plan.best, plan.compute_optimal, plan.flat
    if best is None or flat is None:
        return []
    worse = "5 % more" if plan.budget is None else "0.01 nats more"
    text = f"From {show(flat[0], '1')} to {show(flat[1], '1')} parameters it is at most {worse}"
    if balance is None:
        return [f"{text}. No size near the compute-optimal one fits devices, family and law."]
    if balance == best:
        return [f"{text}; this is the compute-optimal size too."]
    if plan.budget is None:
        share = float(saved_share(best.total_usd, balance.total_usd))
        saved = f"{share:.0%} of the cost" if share >= LITTLE else f"less than {LITTLE:.0%} of the cost"
    else:
        saved = f"{balance.loss - best.loss:.4f} nats"
    return [f"{text}. Against the compute-optimal {show(balance.parameters, '1')} it saves {saved}."]


def cells(plan: SizePlan) -> list[list[str]]:
    """The sizes around the best, in text: a row for each, under HEADS."""
    return [[label(plan, row), show(row.parameters, "1"), *_cells(row)] for row in plan.rows]


def _cells(row: Candidate) -> list[str]:
    money = (show(x, "USD") for x in (row.training_usd, row.serving_usd, row.total_usd))
    ratio = number(float(tokens_per_parameter(row.tokens, row.parameters)))
    return [show(row.tokens, "1"), ratio, f"{row.loss:.4f}", *money, show(row.training_s, "s")]


def figures(plan: SizePlan) -> list[tuple[str, str, str]]:
    """The best size in text: name, value and 80 % range of each of its figures."""
    if plan.best is None:
        return []
    values = [show(plan.best.parameters, "1"), *_cells(plan.best)]
    units = {"parameters": "1", "tokens": "1", "loss": "1", "total_usd": "USD"}
    ranges = {name.replace("_usd", " cost"): _spread(plan, name, unit) for name, unit in units.items()}
    return [(name, value, ranges.get(name, "")) for name, value in zip(FIGURES, values, strict=True)]


def moved(plans: Mapping[float, SizePlan]) -> list[list[str]]:
    """The best size for each number of tokens served, or why there is none, in text under MOVED."""
    rows = []
    for served, plan in plans.items():
        if plan.best is None:
            rows.append([show(served, "1"), f"no plan: {plan.reason}", *("" for _ in MOVED[2:])])
        else:
            size = plan.best.parameters
            rows.append([show(served, "1"), show(size, "1"), _spread(plan, "parameters", "1"), *_cells(plan.best)])
    return rows


def movement(plans: Mapping[float, SizePlan]) -> str:
    """How the best size moves with the tokens served, in a sentence; empty where fewer than two have a plan."""
    found = {n: plan.best for n, plan in plans.items() if plan.best is not None}
    if len(found) < 2:
        return ""
    least, most = min(found), max(found)
    ends = (f"{show(found[n].parameters, '1')} on {show(found[n].tokens, '1')} tokens" for n in (least, most))
    return f"From {show(least, '1')} to {show(most, '1')} tokens served the best size goes from {' to '.join(ends)}."


def rivals(plan: SizePlan) -> list[list[str]]:
    """What the law of the plan and every other law chooses, in text under RIVALS."""
    from costmodel.quality import scaling

    if plan.best is None:
        return []
    chosen = {plan.law.name: (plan.best.parameters, plan.best.tokens)} | dict(plan.rivals)
    laws = {name: scaling.law(name) for name in chosen}
    return [
        [name, show(size, "1"), show(tokens, "1"), f"{laws[name].rows} runs", laws[name].source]
        for name, (size, tokens) in chosen.items()
    ]


def label(plan: SizePlan, row: Candidate) -> str:
    """What a size is: the best, the compute-optimal, the stated one, or none of these."""
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
        lines.append([label(plan, row), *(found[name] for name in COLUMNS)])
    return csv_text(lines)


def _row(row: Candidate | None) -> dict[str, Any] | None:
    if row is None:
        return None
    ratio = float(tokens_per_parameter(row.tokens, row.parameters))
    found = {name: ratio if name == "tokens_per_parameter" else getattr(row, name) for name in COLUMNS}
    return found | {"shape": dict(row.shape)}
