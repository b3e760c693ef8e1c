"""An estimate as text: the answer as a sentence, what dominates it, what to change, a small table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.advice import narrowing
from costmodel.fields import TRAINING
from costmodel.job import RECOMPUTE
from costmodel.report.quantities import interval, show, with_range
from costmodel.report.table import aligned
from costmodel.units import counted
from costmodel.workloads.formulas.step import tokens_per_step

if TYPE_CHECKING:
    from costmodel.api import Estimate

UNITS = {
    "time_s": "s",
    "cost_usd": "USD",
    "energy_j": "J",
    "energy_cost_usd": "USD",
    "carbon_kg": "kg",
    "storage_byte_months": "B*month",
    "staff_hours": "person*h",
    "device_seconds": "s",
}
LABELS = {
    "time_s": "time",
    "cost_usd": "cost",
    "energy_j": "energy",
    "carbon_kg": "carbon",
    "storage_byte_months": "storage",
    "staff_hours": "staff",
}
EXAMPLES = {  # of a total as it is written
    "time_s": "30 days",
    "cost_usd": "1 M USD",
    "energy_j": "40 MWh",
    "carbon_kg": "20 t",
    "storage_byte_months": "30 TB-months",
    "staff_hours": "800 person-hours",
}
PERFORMANCE = {
    "step_time_s": ("step time", "s"),
    "tokens_per_s": ("tokens per second", "1"),
    "samples_per_s": ("samples per second", "1"),
    "mfu": ("model FLOP utilisation", "fraction"),
    "goodput": ("goodput", "fraction"),
    "ttft_s": ("time to first token", "s"),
    "tpot_s": ("time per output token", "s"),
    "latency_s": ("latency of a request", "s"),
    "requests_per_s": ("requests per second", "1"),
    "output_tokens_per_s": ("output tokens per second", "1"),
    "sequences_in_flight": ("sequences in flight per replica", "1"),
    "replicas": ("replicas", "1"),
    "cost_per_million_tokens_usd": ("cost per million tokens", "USD"),
    "cost_per_million_samples_usd": ("cost per million samples", "USD"),
    "cost_per_million_requests_usd": ("cost per million requests", "USD"),
    "cost_per_million_output_tokens_usd": ("cost per million output tokens", "USD"),
}
MORE_IS_BETTER = ("per second", "utilisation", "goodput", "in flight", "replicas")  # words of labels
# Figures of which less is better, which may have a limit: label, unit, and how one is written.
LIMITED = {name: (label, UNITS[name], EXAMPLES[name]) for name, label in LABELS.items()}
LIMITED |= {
    name: (label, unit, {"s": "200 ms", "USD": "0.5 USD"}[unit])
    for name, (label, unit) in PERFORMANCE.items()
    if not any(word in label for word in MORE_IS_BETTER)
}
LIMITED |= {"memory_used_bytes": ("memory of a device", "B", "70 GB")}
STAFF_TO_SAY, TIGHT = 0.1, 0.95  # shares of the cost, and of a device's memory
OTHER_REMEDY = "hardware with more memory per device, or a smaller model"
FEWER_REQUESTS = "more devices, or a lower traffic.request_rate"
VERBS = {"train": "Training", "finetune": "Fine-tuning", "serve": "Serving", "infer": "Running"}


def sentence(answer: Estimate) -> str:
    """The answer in one sentence, with its range."""
    about, totals = subject(answer), answer.totals
    if not answer.has_room:
        need, have = answer.outcome.memory_used, answer.outcome.job.hardware.memory
        return f"{about} does not fit: {show(need, 'B')} needed on a device of {show(have, 'B')}."
    if not answer.fits:
        answered, arriving = answer.outcome.performance["requests_per_s"], answer.outcome.job.traffic.request_rate
        enough = f"; {answer.changes['devices']:,} devices keep up" if answer.changes else ""
        return (
            f"{about} does not keep up: it answers {show(answered, '1')} of the {show(arriving, 'requests/s')} "
            f"that arrive, and the others queue up without end{enough}."
        )
    cost = _with_range(answer, "cost_usd") + _staffed(answer)
    if answer.resolved.kind == "serve":
        found = answer.outcome.performance
        name, unit, each = "output_tokens_per_s", "output tokens/s", "cost_per_million_output_tokens_usd"
        if name not in found:
            name, unit, each = "requests_per_s", "requests/s", "cost_per_million_requests_usd"
        rate, price = show(found[name], "1"), show(found[each], "USD")
        return f"{about} for {show(totals['time_s'], 's')} costs {cost} at {rate} {unit}, {price} per million."
    return f"{about} takes {_with_range(answer, 'time_s')} and costs {cost}."


def subject(answer: Estimate) -> str:
    """Which work, on what."""
    resolved = answer.resolved
    return f"{VERBS[resolved.kind]} {resolved.model} on {resolved.scenario.devices:,} × {resolved.hardware}"


def _staffed(answer: Estimate) -> str:
    """How much of the cost is machines, where staff is a good part of it; all is staff where machines have no price."""
    parts = answer.outcome.breakdown["cost_usd"]
    if parts["staff"] < STAFF_TO_SAY * answer.totals["cost_usd"]:
        return ""
    known = next((name for name in ("rent", "capital") if parts[name]), "staff")
    return f", of which {show(parts[known], 'USD')} {known}"


def asked(answer: Estimate) -> str:
    """What was computed: the work, with what was filled in."""
    job, kind = answer.outcome.job, answer.resolved.kind
    work, traffic = job.workload, job.traffic
    if kind in TRAINING and work.samples is not None:
        epochs = "once" if work.epochs == 1 else f"{show(work.epochs, '1')} times"
        samples = counted(show(work.samples, "1"), "sample")
        return f"Work: {samples}, {epochs} over, global batch {show(work.global_batch, '1')}."
    if kind in TRAINING:
        batch = show(tokens_per_step(work.global_batch, work.sequence), "1")
        return (
            f"Work: {counted(show(work.tokens, '1'), 'token')} in sequences of {show(work.sequence, '1')}, "
            f"global batch {show(work.global_batch, '1')} ({counted(batch, 'token')})."
        )
    if traffic.request_rate is not None:
        load = f"{show(traffic.request_rate, 'requests/s')} arriving"
    elif traffic.concurrency is not None:
        load = f"{show(traffic.concurrency, '1')} in flight per replica"
    else:
        load = f"{traffic.utilisation:.0%} as many in flight as can run at once"
    subject = counted(show(work.requests, "1"), "request") if kind == "infer" else "requests"
    prompt = (
        "a sample each" if work.input_tokens is None else f"prompts of {counted(show(work.input_tokens, '1'), 'token')}"
    )
    reply = "" if work.output_tokens is None else f" and answers of {show(work.output_tokens, '1')}"
    return f"Work: {subject} with {prompt}{reply}, {load}."


def _with_range(answer: Estimate, name: str) -> str:
    value, unit, spread = answer.totals[name], UNITS[name], answer.ranges.get(name)
    return with_range(value, spread["p10"], spread["p90"], unit) if spread else show(value, unit)


def totals(answer: Estimate) -> list[tuple[str, str, str]]:
    """The totals: label, value and 80 % range of each."""
    return [_figure(answer, name, label, answer.totals[name], UNITS[name]) for name, label in LABELS.items()]


def performance(answer: Estimate) -> list[tuple[str, str, str]]:
    """The figures of performance: label, value and 80 % range of each."""
    found = answer.outcome.performance
    return [
        _figure(answer, name, label, found[name], unit) for name, (label, unit) in PERFORMANCE.items() if name in found
    ]


def _figure(answer: Estimate, name: str, label: str, value: float, unit: str) -> tuple[str, str, str]:
    spread = answer.ranges.get(name)
    uncertain = spread and spread["p10"] < spread["p90"]
    return label, show(value, unit), interval(spread["p10"], spread["p90"], unit, value) if spread and uncertain else ""


def standing(answer: Estimate) -> str:
    """How many of the numbers nobody stated."""
    guessed = sum(a.status in ("default", "inferred") for a in answer.assumptions)
    return f"{guessed} of {len(answer.assumptions)} numbers are defaults or inferred"


def lacks(answer: Estimate) -> str:
    """What the devices of an estimate cannot do, after "does" or "do"."""
    return "not keep up" if answer.has_room else "not fit"


def as_flags(answer: Estimate) -> str:
    """The changes of an estimate as text to type."""
    changes = answer.changes or {}
    said = [f"--set {path}={value}" for path, value in changes.items() if value is not None]
    said += [f"without {path}" for path, value in changes.items() if value is None]
    return ", ".join(said) or (FEWER_REQUESTS if answer.has_room else OTHER_REMEDY)


def in_words(answer: Estimate) -> str:
    """The changes of an estimate as advice to read."""
    changes = answer.changes or {}
    if changes.keys() == {"devices"}:
        return f"use {changes['devices']:,} devices"
    said = as_flags(answer).replace("--set ", "")
    return said if changes else f"use {said}"


def render(answer: Estimate) -> str:
    """The whole text: what a terminal shows."""
    lines = [sentence(answer), "", asked(answer)]
    if not answer.fits:
        lines += [f"Nearest change that fits: {answer.remedy}", "", *_memory(answer), *_compression(answer)]
        return "\n".join([*lines, *_warnings(answer)])
    lines += [*_dominates(answer), *_change(answer), "", *_table(answer), "", *_memory(answer), "", layout(answer)]
    lines += _compression(answer) + _warnings(answer)
    lines.append(f"{standing(answer)}; -o json lists all with sources.")
    return "\n".join(lines)


def _warnings(answer: Estimate) -> list[str]:
    return [f"warning: {warning}" for warning in answer.warnings]


def _compression(answer: Estimate) -> list[str]:
    if not answer.compression:
        return []
    from costmodel.report.compression import block

    return ["", *block(answer.compression)]


def _dominates(answer: Estimate) -> list[str]:
    parts = sorted(answer.outcome.breakdown["cost_usd"].items(), key=lambda item: -item[1])
    money = ", ".join(f"{name} {show(value, 'USD')}" for name, value in parts if value > 0.01 * parts[0][1])
    lines = [f"Money: {money}."]
    times = sorted(answer.outcome.breakdown["time_s"].items(), key=lambda item: -item[1])
    if len(times) > 1:
        total = answer.totals["time_s"]
        lines.append("Time:  " + ", ".join(f"{name} {value / total:.0%}" for name, value in times[:4]) + ".")
    return lines


def _change(answer: Estimate) -> list[str]:
    known = narrowing(answer.resolved, answer.drivers.get("cost_usd", []))[:2]
    if not known:
        return []
    remedies = "; ".join(f"{words} ({share:.0%} of the spread)" for words, share in known)
    return [f"To narrow the range, with figures of your own: {remedies}."]


def _table(answer: Estimate) -> list[str]:
    head = ("", "", "80 % range" if answer.ranges else "")
    return aligned([head, *totals(answer), *performance(answer)], left=(0, 2)).splitlines()


def _memory(answer: Estimate) -> list[str]:
    capacity, parts = answer.outcome.job.hardware.memory, answer.outcome.memory_parts
    listed = ", ".join(
        f"{name} {show(value, 'B')}" for name, value in sorted(parts.items(), key=lambda i: -i[1]) if value
    )
    used = answer.outcome.memory_used
    tight = " (tight)" if TIGHT * capacity < used <= capacity else ""
    return [f"Memory of a device: {show(used, 'B')} of {show(capacity, 'B')}{tight}: {listed}."]


def layout(answer: Estimate) -> str:
    """How the model is spread over the devices, in one line."""
    chosen = answer.outcome.job.parallelism
    text = f"Layout: tp {int(chosen.tp)}, pp {int(chosen.pp)}, dp {int(chosen.dp)}"
    if answer.resolved.kind in TRAINING:
        again = RECOMPUTE[int(chosen.recompute)]
        text += f", ZeRO-{int(chosen.zero)}, micro-batch {int(chosen.micro_batch)}, recompute {again}"
    return text + "."
