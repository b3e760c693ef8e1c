"""The answer to a what-if as text, JSON and CSV."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from costmodel.plan.answer import Answer
from costmodel.report.quantities import show
from costmodel.report.table import aligned, as_csv

Figures = dict[str, Any]


def sentence(answer: Answer) -> str:
    """The answer in a sentence."""
    return SENTENCES[answer.question](answer.figures)


def cells(answer: Answer) -> list[list[str]]:
    """The table as it is read: one row per point; a dash where there is no answer."""
    return [
        [_cell(column.unit, column.values[i]) for column in answer.columns.values()] for i in range(_length(answer))
    ]


def render(answer: Answer) -> str:
    """The whole text: what a terminal shows."""
    return "\n".join([sentence(answer), "", aligned([[*answer.columns], *cells(answer)]), "", *answer.notes]).rstrip()


def charted(answer: Answer) -> tuple[str, ...]:
    """The columns that decide, to be drawn; none where there is nothing to draw."""
    if answer.question == "sweep":
        return (answer.figures["label"],) if answer.figures["least"] is not None else ()
    if answer.question == "buy":
        return tuple(answer.columns)[1:]
    return (DECIDING[answer.question],)


def csv(answer: Answer) -> str:
    """The table in SI; empty where there is no answer."""
    heads = [f"{name} [{column.unit}]" if column.unit else name for name, column in answer.columns.items()]
    rows = zip(*(("" if v is None else v for v in column.values) for column in answer.columns.values()), strict=True)
    return as_csv([heads, *rows])


def data(answer: Answer) -> dict[str, Any]:
    """The answer as JSON-ready data."""
    return {
        "schema": f"costmodel/plan-{answer.question}/1",
        "answer": sentence(answer),
        "figures": answer.figures,
        "columns": {name: {"unit": c.unit, "values": list(c.values)} for name, c in answer.columns.items()},
        "notes": list(answer.notes),
    }


def _length(answer: Answer) -> int:
    return len(next(iter(answer.columns.values())).values)


def _cell(unit: str, value: Any) -> str:
    if value is None:
        return "–"
    if not unit or isinstance(value, str):
        return str(value)
    if unit == "nats":
        return f"{value:.4f}"
    return f"{value:.1%}".replace(".0%", "%") if unit == "fraction" else show(value, unit) if value else "0"


def _sweep(f: Figures) -> str:
    if f["least"] is None:
        return "None of the points fits."
    name = f["path"].rpartition(".")[2].replace("_", " ")
    return (
        f"{f['label'].capitalize()} is least with {name} = {f['least']}, {show(f['least_value'], f['unit'])}, and most "
        f"with {f['most']}, {show(f['most_value'], f['unit'])}: {f['less']:.0%} less."
    )


def _fleet(f: Figures) -> str:
    alone = f"; {f['alone']} alone take {show(f['alone_time'], 's')}" if f["alone_time"] else ""
    return (
        f"Training on {f['mixed']} takes {show(f['split_time'], 's')} with work split by speed, and "
        f"{show(f['equal_time'], 's')} with equal shares, where {f['lost']:.0%} of that time is lost in waiting for "
        f"the slowest{alone}."
    )


def _scale(f: Figures) -> str:
    after = f", the next would gain {f['next_gain']:.0%}" if f["next_gain"] is not None else ""
    return (
        f"Adding devices pays up to {f['worth_devices']:,.0f} ({show(f['worth_time'], 's')}, "
        f"{show(f['worth_cost'], 'USD')}): each doubling there gains at least {f['least']:.0%} of twice the speed"
        f"{after}. Cheapest are {f['cheapest_devices']:,.0f}, {show(f['cheapest_cost'], 'USD')}."
    )


def _buy(f: Figures) -> str:
    what, period = f"{f['devices']:,} × {f['hardware']}", show(f["period"], "s")
    both = f"{period} of full use cost {show(f['buy'], 'USD')} bought, {show(f['rent'], 'USD')} rented ({f['offer']})"
    when = "never costs less than renting"
    if f["break_even"] is not None:
        when = f"costs less than renting above {f['break_even']:.0%} utilisation"
    back = f"pays back in {show(f['payback'], 's')} at full use" if f["payback"] else "never pays back"
    return f"Buying {what} {when}: {both}. The purchase, {show(f['purchase'], 'USD')}, {back}."


def _batch(f: Figures) -> str:
    added = f"what the scenario's {show(f['own'], '1')} add to it nothing published says"
    if f["own_added"] is not None:
        added = f"the scenario's {show(f['own'], '1')} add {f['own_added']:.3f} nats per token ({f['evidence']})"
    return (
        f"After {show(f['tokens'], '1')} tokens the least loss is expected from batches of {show(f['best'], '1')} "
        f"tokens; {added}."
    )


def _benchmark(f: Figures) -> str:
    return (
        f"With batches of {f['high']:,.0f} instead of {f['low']:,.0f} {f['benchmark']} needs {f['more']:.3g} times "
        f"the {f['unit']} to its target, in {f['fewer']:.1%} of the steps; at {f['critical']:,.0f} it needs twice the "
        f"least ({f['evidence']})."
    )


def _optimiser(f: Figures) -> str:
    unknown = f" Nothing published says what {', '.join(f['unknown'])} would need." if f["unknown"] else ""
    if f["best"] is None:
        return f"None of these is known to need fewer steps than tuned AdamW.{unknown}"
    return (
        f"Fewest steps are published for {f['best']}, {f['ratio']:.0%} of AdamW's: {show(f['best_time'], 's')} instead "
        f"of {show(f['time'], 's')}, if that holds here and its steps are as long.{unknown}"
    )


def _feed(f: Figures) -> str:
    waits = "never wait for it"
    if f["slowed"] > f["time"]:
        waits = f"wait for it: {show(f['slowed'], 's')} instead of {show(f['time'], 's')}"
    return (
        f"The devices take {show(f['rate'], '1')} tokens per second: {show(f['reading'], 'B/s')} of token ids, or text "
        f"for {f['cores']:.2g} of {f['available']:,.0f} cores, and {waits}. Tokenising all before takes "
        f"{show(f['core_hours'], '1')} core-hours and {show(f['ids'], 'B')} beside {show(f['raw'], 'B')} of text."
    )


def _sleep(f: Figures) -> str:
    return (
        f"The devices work {f['busy']:.1%} of the time and {f['waiting']:.0%} of their energy goes into waiting: "
        f"unloading the model meanwhile saves {f['saved_unloaded']:.0%}, switching off {f['saved_off']:.0%} "
        f"(requests then wait {show(f['wait_off'], 's')} more on average)."
    )


def _compress(f: Figures) -> str:
    if f["best"] == f["first"]:
        return f"Nothing is cheaper per token than the model {f['first']}."
    was = "does not fit" if f["first_cost"] is None else f"costs {show(f['first_cost'], 'USD')}"
    text = f"Cheapest per million tokens is to {f['best']}: {show(f['best_cost'], 'USD')}"
    base = f"the model {f['first']} {was}"
    if f["quality"] is not None:
        return f"{text}, expected {f['measure']} {f['quality']:.3g}; {base}."
    with_evidence = f" With evidence it is to {f['known']}: {show(f['known_cost'], 'USD')}." if f["known"] else ""
    return f"{text}, no evidence on its quality; {base}.{with_evidence}"


DECIDING = {  # column of a question's answer
    "fleet": "time",
    "scale": "time",
    "batch": "loss added",
    "benchmark": "progress",
    "optimiser": "time",
    "feed": "reading",
    "sleep": "energy",
    "compress": "cost per million tokens",
}
SENTENCES: dict[str, Callable[[Figures], str]] = {
    "sweep": _sweep,
    "fleet": _fleet,
    "scale": _scale,
    "buy": _buy,
    "batch": _batch,
    "benchmark": _benchmark,
    "optimiser": _optimiser,
    "feed": _feed,
    "sleep": _sleep,
    "compress": _compress,
}
