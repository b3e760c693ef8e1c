"""Inference rows: decoders that answer requests, and models that a text or an image goes through once.

What a benchmark measures apart is asked apart. Where requests come and go (continuous, server, offline,
max-throughput) one scenario answers all. Where a fixed batch runs alone, its time to first token is the latency of
the same batch with one output token, and its time per token that of a generation from an empty cache with the same
mean context, since no prompts come in between.
"""

from __future__ import annotations

import math
from typing import Any

from costmodel.architectures.kinds import architecture_of
from costmodel.job import Job
from costmodel.outcome import Outcome
from costmodel.units import UNITS, Number
from costmodel.validation import measures
from costmodel.validation.question import (
    Kind,
    Question,
    Skip,
    architecture,
    catalog_model,
    device,
    number_format,
    other_model,
    parameters,
    shape_of_size,
    shards,
    stated,
    whole,
    word,
    work_of_sample,
)
from costmodel.validation.table import Row
from costmodel.workloads.formulas.work import context_at_half, output_tokens_served, sequence_tokens

ALONE = ("static-batch", "single-stream", "prefill-only", "decode-only")  # a fixed batch, nothing else
TOGETHER = ("continuous", "server", "offline", "max-throughput")  # requests come and go
DIRECT = ("ttft_s", "tpot_s", "latency_s", "power_w")
OF_TOKENS = {  # whose time these are
    **dict.fromkeys(("tpot_s", "seconds_per_output_token"), "output_tokens"),
    "seconds_per_input_token": "input_tokens",
}
LOW = ("fp8", "mxfp8", "nvfp4", "mxfp4")  # formats that are made to be computed with


def measured(row: Row) -> dict[str, float | None]:
    """Every measurement that the row offers; rates of the whole deployment as times [s]."""
    found: dict[str, float | None] = {name: row.number(name) for name in DIRECT if row.number(name) is not None}
    output = row.number("output_tokens_per_s")
    total, tokens_in, tokens_out = (row.number(n) for n in ("total_tokens_per_s", "input_tokens", "output_tokens"))
    if output is None and total and tokens_in is not None and tokens_out:
        output = float(measures.output_share_of_rate(total, tokens_in, tokens_out))
    rates = {
        "seconds_per_output_token": output,
        "seconds_per_input_token": row.number("input_tokens_per_s"),
        "seconds_per_request": row.number("requests_per_s"),
        "seconds_per_sample": row.number("samples_per_s"),
    }
    if _keeps_up(row):
        rates = {}
    found |= {name: float(measures.time_of_one(rate)) for name, rate in rates.items() if rate}
    if (memory := row.number("peak_mem_gib")) is not None:
        found["peak_memory_bytes"] = memory * UNITS["GiB"][0]
    return found


def _keeps_up(row: Row) -> bool:
    """Whether the server answers as many requests as are sent: then its rates are the test's choice, no measurement."""
    sent, answered = row.number("request_rate"), row.number("requests_per_s")
    return sent is not None and (answered is None or answered > 0.9 * sent)


def ask(row: Row, metric: str) -> Question:
    """The scenario that answers one metric of an inference row. Raises Skip."""
    made = architecture(row)
    _kind(row)
    if row.text("speculative") not in ("", "0"):
        raise Skip("speculative decoding is not modelled")
    inferred: list[str] = []
    hardware = device(row, inferred)
    if (devices := whole(row.number("devices"))) is None:
        raise Skip("number of devices not stated")
    if not made.generates:
        if OF_TOKENS.get(metric) in made.unused:
            raise Skip(f"{metric} of a {made.name}, which has no such tokens")
        if row.number("batch") is None:
            raise Skip("batch not stated")
        if made.samples is None and row.number("input_tokens") is None:
            raise Skip("length of the texts not stated")
        if _kind(row) in ALONE and row.number("tp") is None:
            devices = 1  # what goes through once, and alone, runs on one
    phase = _phase(row, metric) if made.generates else "all"
    layout = _parallelism(row, devices, inferred)
    traffic, engine = _load(row, devices, layout, inferred)
    lengths = _lengths(row, phase, made.generates, inferred) if made.samples is None else {}
    scenario = {
        "model": _model(row, inferred) if made.generates else other_model(row),
        "hardware": hardware,
        "devices": devices,
        "workload": {"kind": "serve"} | {name: n for name, n in lengths.items() if name not in made.unused},
        "precision": _precision(row, inferred),
        "parallelism": layout,
        "traffic": traffic,
        "engine": engine,
        "costs": {"price": "0 USD/h"},
    }
    first = metric == "ttft_s" and (phase == "prefill" or not made.generates)
    return Question(scenario, "latency_s" if first else metric, tuple(inferred))


def _kind(row: Row) -> str:
    """How requests come in the row's benchmark. Raises Skip."""
    return word(row, "scenario", (*ALONE, *TOGETHER))


def _phase(row: Row, metric: str) -> str:
    """Which part of a request was measured: prefill, decode, or all of it."""
    kind = _kind(row)
    if kind not in ALONE:
        return "all"
    if kind == "prefill-only" or metric in ("ttft_s", "seconds_per_input_token"):
        return "prefill"
    alone = row.number("latency_s") is None and kind == "single-stream" and metric == "seconds_per_output_token"
    return "decode" if kind == "decode-only" or metric == "tpot_s" or alone else "all"


def _lengths(row: Row, phase: str, generates: bool, inferred: list[str]) -> dict[str, Any]:
    """Prompt and answer in whole tokens; what is unsaid is left to the scenario's defaults."""
    prompt, answer = row.number("input_tokens"), row.number("output_tokens")
    if _kind(row) == "decode-only":
        prompt = row.number("context_depth") or prompt or (0 if answer else None)
    elif row.number("context_depth"):
        raise Skip("a prompt behind cached tokens is not modelled")
    if phase == "prefill":
        answer = 1
    if prompt is None or (answer is None and generates):
        inferred.append("lengths")
    if phase == "decode":
        answer = float(measures.mean_context(prompt, answer)) if prompt is not None and answer else None
        prompt = 1
    counts = {"input_tokens": prompt, "output_tokens": answer}
    return {name: max(1, round(n)) for name, n in counts.items() if n is not None}


def _parallelism(row: Row, devices: int, inferred: list[str]) -> dict[str, Any]:
    layout = {name: whole(row.number(name)) for name in ("tp", "pp", "dp")}
    if devices == 1:
        layout = {"tp": 1, "pp": 1, "dp": 1}
    elif layout["tp"] is not None and layout["tp"] > devices:
        inferred.append("cores")
        layout = {"tp": devices, "pp": 1, "dp": 1}
    elif layout["tp"] is None:
        inferred.append("parallelism")
        if _kind(row) in ALONE:
            layout["tp"] = devices // ((layout["pp"] or 1) * (layout["dp"] or 1)) or None
    return stated(layout)


def _load(row: Row, devices: int, layout: dict[str, Any], inferred: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Traffic per replica, and what the engine must allow for it."""
    batch, in_flight, rate = (row.number(name) for name in ("batch", "concurrency", "request_rate"))
    if rate is not None:
        return {"request_rate": f"{rate!r} requests/s"}, {}
    if batch is not None:
        return {"concurrency": whole(batch)}, {"max_sequences": whole(batch)}
    if in_flight is not None:
        replicas = layout.get("dp") or max(1, devices // ((layout.get("tp") or devices) * (layout.get("pp") or 1)))
        return {"concurrency": math.ceil(in_flight / replicas)}, {}
    if _kind(row) in ("single-stream", "prefill-only", "decode-only"):
        return {"concurrency": 1}, {}
    inferred.append("load")
    return {"utilisation": 1}, {}


def _model(row: Row, inferred: list[str]) -> str | dict[str, Any]:
    if (known := catalog_model(row)) is not None:
        return known
    if (count := row.number("n_params")) is None:
        raise Skip(f"model {row.text('model')[:60]} is not in the catalog and its size is not stated")
    return shape_of_size(count, inferred)


def _precision(row: Row, inferred: list[str]) -> dict[str, str]:
    """Formats by use. Weights in few bits are computed in 16, unless the row or the format's purpose says otherwise."""
    weights, compute, cache = (row.text(n) for n in ("weight_format", "compute_precision", "kv_precision"))
    if not weights and not compute:
        inferred.append("precision")
    said = {}
    if weights or compute:
        said["weights"] = number_format(weights or compute, inferred)
    if compute:
        said["compute"] = number_format(compute, inferred)
    elif said.get("weights") in LOW and said["weights"] == weights:
        said["compute"] = said["weights"]
    if cache:
        said["kv_cache"] = number_format(cache, inferred)
    if said.get("weights") == "fp32" and said.setdefault("compute", "fp32") in ("fp32", "tf32"):
        said["activations"] = "fp32"
    return said


def naive(row: Row, question: Question, result: Outcome) -> Number:
    """The baseline of an inference row: what the same scenario takes on a roofline."""
    job, figure, count = result.job, question.figure, parameters(row, result)
    work, hardware, weight_bytes = job.workload, job.hardware, job.precision.weights
    batch, copies = result.performance["sequences_in_flight"], result.performance["replicas"]
    generates = architecture_of(job.model).generates

    def held(sequences: Number, tokens: Number) -> Number:
        kv = _kv_bytes(job, sequences, tokens) if generates else 0.0
        return measures.weights_and_kv(count, weight_bytes, kv)

    def run(flops: Number, traffic: Number) -> Number:
        return measures.naive_pass_time(flops, traffic, job.parallelism.tp, hardware.memory_bandwidth, hardware.peak)

    def tokens(number: Number) -> Number:
        return measures.parameter_flops(count, number, 2.0)

    if figure == "power_w":
        return measures.naive_power(hardware.tdp)
    if figure == "peak_memory_bytes":
        kept = sequence_tokens(work.input_tokens, work.output_tokens) if generates else 0.0
        return measures.naive_inference_memory(held(batch, kept), shards(job))
    if not generates:
        latency = run(measures.batch_tokens(batch, work_of_sample(job)), held(batch, 0.0))
    else:
        if figure == "ttft_s":
            return run(tokens(work.input_tokens), held(0.0, 0.0))
        step = run(tokens(batch), held(batch, context_at_half(work.input_tokens, work.output_tokens)))
        if figure == "tpot_s":
            return step
        prompts = run(tokens(measures.batch_tokens(batch, work.input_tokens)), held(0.0, 0.0))
        latency = measures.naive_latency(prompts, step, work.output_tokens)
    if figure == "latency_s":
        return latency
    rate = measures.naive_request_rate(batch, copies, latency)
    if figure == "seconds_per_output_token":
        rate = output_tokens_served(rate, work.output_tokens)
    elif figure == "seconds_per_input_token":
        rate = measures.input_rate(rate, work.input_tokens)
    return measures.time_of_one(rate)


def _kv_bytes(job: Job, sequences: Number, tokens: Number) -> Number:
    model = job.model
    shape = model.layers, model.kv_heads, model.head_dim
    return measures.naive_kv_bytes(sequences, tokens, *shape, job.precision.kv_cache)


KIND = Kind(
    columns=("row_id", "source", "model", "accelerator", "devices", "scenario"),
    measured_columns=(
        "ttft_s",
        "tpot_s",
        "latency_s",
        "output_tokens_per_s",
        "input_tokens_per_s",
        "total_tokens_per_s",
        "requests_per_s",
        "samples_per_s",
        "peak_mem_gib",
        "power_w",
    ),
    main_metric="latency_s",
    measured=measured,
    ask=ask,
    naive=naive,
)
