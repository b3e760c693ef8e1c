"""Inference rows: dense decoders that answer requests.

What a benchmark measures apart is asked apart. Where requests come and go (continuous, server, offline,
max-throughput) one scenario answers all. Where a fixed batch runs alone, its time to first token is the latency of
the same batch with one output token, and its time per token that of a generation from an empty cache with the same
mean context, since no prompts come in between.
"""

from __future__ import annotations

import math
from typing import Any

from costmodel.outcome import Outcome
from costmodel.units import UNITS, Number
from costmodel.validation import measures
from costmodel.validation.question import (
    Kind,
    Question,
    Skip,
    catalog_model,
    dense_only,
    device,
    number_format,
    parameters,
    shape_of_size,
    shards,
    stated,
    whole,
)
from costmodel.validation.table import Row
from costmodel.workloads.formulas.work import context_at_half, output_tokens_served, sequence_tokens

ALONE = ("static-batch", "single-stream", "prefill-only", "decode-only")  # a fixed batch, nothing else
DIRECT = ("ttft_s", "tpot_s", "latency_s", "power_w")
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
    dense_only(row)
    if row.text("speculative") not in ("", "0"):
        raise Skip("speculative decoding is not modelled")
    inferred: list[str] = []
    hardware = device(row, inferred)
    if (devices := whole(row.number("devices"))) is None:
        raise Skip("number of devices not stated")
    phase = _phase(row, metric)
    layout = _parallelism(row, devices, inferred)
    traffic, engine = _load(row, devices, layout, inferred)
    scenario = {
        "model": _model(row, inferred),
        "hardware": hardware,
        "devices": devices,
        "workload": {"kind": "serve"} | _lengths(row, phase, inferred),
        "precision": _precision(row, inferred),
        "parallelism": layout,
        "traffic": traffic,
        "engine": engine,
        "costs": {"price": "0 USD/h"},
    }
    figure = "latency_s" if phase == "prefill" and metric == "ttft_s" else metric
    return Question(scenario, figure, tuple(inferred))


def _phase(row: Row, metric: str) -> str:
    """Which part of a request was measured: prefill, decode, or all of it."""
    kind = row.text("scenario")
    if kind not in ALONE:
        return "all"
    if kind == "prefill-only" or metric in ("ttft_s", "seconds_per_input_token"):
        return "prefill"
    alone = row.number("latency_s") is None and kind == "single-stream" and metric == "seconds_per_output_token"
    return "decode" if kind == "decode-only" or metric == "tpot_s" or alone else "all"


def _lengths(row: Row, phase: str, inferred: list[str]) -> dict[str, Any]:
    """Prompt and answer in whole tokens; what is unsaid is left to the scenario's defaults."""
    prompt, answer = row.number("input_tokens"), row.number("output_tokens")
    if row.text("scenario") == "decode-only":
        prompt = row.number("context_depth") or prompt or (0 if answer else None)
    elif row.number("context_depth"):
        raise Skip("a prompt behind cached tokens is not modelled")
    if phase == "prefill":
        answer = 1
    if prompt is None or answer is None:
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
        if row.text("scenario") in ALONE:
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
    if row.text("scenario") in ("single-stream", "prefill-only", "decode-only"):
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
    if said.get("weights") == "fp32":
        said |= {"compute": said.get("compute", "fp32"), "activations": "fp32"}
    return said


def naive(row: Row, question: Question, result: Outcome) -> Number:
    """The baseline of an inference row: what the same scenario takes on a roofline."""
    job, figure, count = result.job, question.figure, parameters(row, result)
    work, model, hardware, weight_bytes = job.workload, job.model, job.hardware, job.precision.weights
    peak = hardware.peak_16bit if job.precision.unpacking else hardware.peak  # a roofline knows no unpacking
    batch, copies = result.performance["sequences_in_flight"], result.performance["replicas"]

    def kv(tokens: Number) -> Number:
        shape = model.layers, model.kv_heads, model.head_dim
        return measures.naive_kv_bytes(batch, tokens, *shape, job.precision.kv_cache)

    def run(tokens: Number, cache: Number) -> Number:
        law = job.parallelism.tp, hardware.memory_bandwidth, peak
        return measures.naive_pass_time(count, tokens, weight_bytes, cache, *law)

    if figure == "power_w":
        return measures.naive_power(hardware.tdp)
    if figure == "peak_memory_bytes":
        cache = kv(sequence_tokens(work.input_tokens, work.output_tokens))
        return measures.naive_inference_memory(count, weight_bytes, cache, shards(job))
    if figure == "ttft_s":
        return run(work.input_tokens, 0.0)
    step = run(batch, kv(context_at_half(work.input_tokens, work.output_tokens)))
    if figure == "tpot_s":
        return step
    latency = measures.naive_latency(
        run(measures.batch_tokens(batch, work.input_tokens), 0.0), step, work.output_tokens
    )
    if figure == "latency_s":
        return latency
    rate = measures.naive_request_rate(batch, copies, latency)
    if figure == "seconds_per_output_token":
        rate = output_tokens_served(rate, work.output_tokens)
    elif figure == "seconds_per_input_token":
        rate = measures.input_rate(rate, work.input_tokens)
    return measures.time_of_one(rate)


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
        "peak_mem_gib",
        "power_w",
    ),
    main_metric="latency_s",
    measured=measured,
    ask=ask,
    naive=naive,
)
