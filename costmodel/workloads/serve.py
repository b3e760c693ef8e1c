"""Serving a stream of requests, and working off a finite batch of them (infer)."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel import memory as m
from costmodel import ops
from costmodel.architectures.dense_decoder import Pass, pass_tokens
from costmodel.compression.formulas import model_bytes
from costmodel.costs.bill import Usage, bill
from costmodel.costs.money import cost_per_million
from costmodel.job import Job
from costmodel.operators.timing import operator_time
from costmodel.outcome import Outcome, Parts
from costmodel.parallel import communication, pipeline
from costmodel.program import Program, forward_flops, parameters, stack_time, summed
from costmodel.trace import constant
from costmodel.units import Number
from costmodel.workloads.formulas import serving as f_serving
from costmodel.workloads.formulas import step as f_step
from costmodel.workloads.formulas import work as f_work
from costmodel.workloads.train_program import program_of, weight_bytes, whole


def prefill_program(job: Job, sequences: Number) -> Program:
    """One device's program for the prompts of `sequences` requests at once."""
    nothing = constant(0.0, "context", "a prompt starts without cached tokens")
    one = constant(1.0, "head queries", "only the last token's logits are needed")
    run = Pass(sequences, job.workload.input_tokens, nothing, one)
    return program_of(job, run)


def decode_program(job: Job, sequences: Number) -> Program:
    """One device's program for one decode step of `sequences` requests, half-way through their answers."""
    work = job.workload
    one = constant(1.0, "queries", "a decode step makes one token per sequence")
    run = Pass(sequences, one, f_work.context_at_half(work.input_tokens, work.output_tokens), one, decode=True)
    return program_of(job, run)


def weights_and_workspace(job: Job) -> Parts:
    """Memory of one device beside the KV cache, by part [B]."""
    layout, framework = job.parallelism, job.profile.framework
    one = constant(1.0, "one", "one chunk of a prompt at a time")
    nothing = constant(0.0, "context", "the workspace holds one chunk alone")
    shard = program_of(job, Pass(one, framework.prefill_chunk, nothing, one))
    here = pipeline.layers_per_stage(shard.layers, layout.pp)
    layer, first, last = (weight_bytes(job, part) for part in (shard.layer, shard.first, shard.last))
    return {
        "weights": m.local_bytes(here, layer, m.end_bytes(last, first, layout.pp)),
        "activations": summed(shard.layer, lambda o: o.saved),
        "framework": framework.context_bytes,
    }


def memory(job: Job, sequences: Number) -> Parts:
    """Memory of one device by part with `sequences` in flight [B]."""
    parts = weights_and_workspace(job)
    parts["KV cache"] = _kv_bytes(job, sequences)
    parts["fragmentation"] = m.fragmentation_bytes(ops.total(parts), job.profile.framework.fragmentation)
    return parts


def _kv_bytes(job: Job, sequences: Number) -> Number:
    work = job.workload
    here = pipeline.layers_per_stage(job.model.layers, job.parallelism.pp)
    kept = f_work.sequence_tokens(work.input_tokens, work.output_tokens)
    return m.kv_cache_bytes(sequences, kept, here, decode_program(job, sequences).kv_per_token)


def most_sequences(job: Job) -> Number:
    """Sequences that one replica can run at once: what its memory holds, at most what the engine allows."""
    one = constant(1.0, "one", "KV cache of one sequence")
    used = ops.total(weights_and_workspace(job))
    room = m.sequences_that_fit(job.hardware.memory, used, job.profile.framework.fragmentation, _kv_bytes(job, one))
    return m.allowed_sequences(room, job.traffic.max_sequences)


@dataclass(frozen=True, slots=True)
class Load:
    """How one replica runs with `sequences` in flight."""

    sequences: Number
    decode: Program
    step: Number
    first_token: Number
    per_token: Number
    latency: Number


def load(job: Job, sequences: Number) -> Load:
    """Times of one replica with `sequences` in flight."""
    work, framework = job.workload, job.profile.framework
    decode = decode_program(job, sequences)
    step = _engine_step(job, decode, sequences, sequences)
    one = constant(1.0, "prompts", "a request whose prompt meets no other")
    together = f_serving.prompts_at_once(framework.prefill_chunk, work.input_tokens, sequences)
    prompt = f_serving.time_per_prompt(_prefill_step(job, together), together)
    first = f_serving.time_to_first_token(_prefill_step(job, one), prompt, sequences, work.output_tokens)
    per_token = f_serving.time_per_output_token(step, prompt, sequences, work.output_tokens)
    return Load(
        sequences, decode, step, first, per_token, f_serving.request_latency(first, per_token, work.output_tokens)
    )


def _prefill_step(job: Job, prompts: Number) -> Number:
    """Time of an engine step that prefills `prompts` prompts [s]."""
    tokens = pass_tokens(prompts, job.workload.input_tokens)
    return _engine_step(job, prefill_program(job, prompts), prompts, tokens)


def _engine_step(job: Job, shard: Program, sequences: Number, tokens: Number) -> Number:
    """Time of a pass of `sequences` sequences and `tokens` tokens in all, the host's part included [s]."""
    framework = job.profile.framework
    host = f_serving.host_time(framework.host_time_per_step, framework.host_time_per_sequence, sequences)
    return f_serving.with_host(_pass_time(job, shard, tokens), host)


def _pass_time(job: Job, shard: Program, tokens: Number) -> Number:
    """Time of one pass through all stages [s]: a token visits every layer, wherever it lies."""
    layout, hardware, laws = job.parallelism, job.hardware, job.profile
    layer, first, last = (
        summed(part, lambda o: operator_time(o, hardware, laws)) for part in (shard.layer, shard.first, shard.last)
    )
    payload = f_step.tensor_parallel_payload(tokens, job.model.hidden, job.precision.activations)
    reduce = communication.all_reduce_neighbours(payload, layout.tp, hardware, laws)
    layer_and_traffic = f_step.layer_with_reductions(layer, reduce)
    hop = communication.send(shard.boundary, layout.tp, hardware, laws)
    stack = stack_time(shard.layers, layer_and_traffic, first, last)
    return f_step.calibrated_time(f_step.with_hops(stack, layout.pp, hop), laws.framework.time_factor)


def running(job: Job, finite: bool) -> tuple[Load, Number, Number]:
    """How each replica runs under the traffic (or the finite batch), the most sequences it could run at once, and
    the requests per second that all replicas answer.
    """
    traffic, layout = job.traffic, job.parallelism
    copies = f_serving.replicas(job.devices, layout.tp, layout.pp)
    most = f_serving.at_least_one(most_sequences(job))
    full = None
    if traffic.concurrency is not None:
        sequences = f_serving.share_of_concurrency(traffic.concurrency, most)
    elif traffic.request_rate is not None:
        one = constant(1.0, "sequences", "an idle replica")
        idle, full = load(job, one).latency, load(job, most)
        rate = f_serving.rate_per_replica(traffic.request_rate, copies)
        slope = f_serving.latency_slope(idle, full.latency, most)
        sequences = f_serving.sequences_in_flight(rate, idle, slope, most)
    else:
        sequences = f_serving.share_of_sequences(traffic.utilisation, most)
    if finite:
        sequences = f_serving.share_of_batch(sequences, job.workload.requests, copies)
    state = load(job, sequences)
    busiest = full or state
    answered = f_serving.fleet_rate(f_serving.request_throughput(busiest.sequences, busiest.latency), copies)
    if full is not None:
        answered = f_serving.served_rate(traffic.request_rate, answered)
    return state, most, answered


def outcome(job: Job, finite: bool) -> Outcome:
    """Everything about a service over its period, or (`finite`) about a batch of requests until it is done."""
    work, layout, hardware = job.workload, job.parallelism, job.hardware
    state, most, rate = running(job, finite)
    copies = f_serving.replicas(job.devices, layout.tp, layout.pp)
    if finite:
        requests = work.requests
        time = f_serving.time_for_requests(requests, rate, state.latency)
    else:
        time = work.period
        requests = f_work.requests_served(rate, time)
    tokens = f_work.output_tokens_served(requests, work.output_tokens)
    model = whole(job, f_work.sequence_tokens(work.input_tokens, work.output_tokens))
    count = parameters(model)
    file = model_bytes(
        model.layers, *(weight_bytes(job, o, in_file=True) for o in (model.layer, model.first, model.last))
    )
    usage = Usage(
        time=time,
        busy_time=state.per_token,
        flops=f_serving.decode_flops(forward_flops(state.decode), layout.pp),
        traffic=_decode_traffic(job, state.decode),
        stored={"weights": (file, time)},
    )
    totals, breakdown = bill(job, usage)
    memory_parts = memory(job, state.sequences)
    used = ops.total(memory_parts)
    performance: Parts = {
        "ttft_s": state.first_token,
        "tpot_s": state.per_token,
        "latency_s": state.latency,
        "requests_per_s": rate,
        "output_tokens_per_s": f_work.output_tokens_served(rate, work.output_tokens),
        "requests": requests,
        "output_tokens": tokens,
        "sequences_in_flight": state.sequences,
        "max_sequences": most,
        "replicas": copies,
        "parameters": count,
        "cost_per_million_output_tokens_usd": cost_per_million(totals["cost_usd"], tokens),
    }
    return Outcome(
        job,
        {"time_s": time} | totals,
        {"time_s": {"requests" if finite else "period": time}} | breakdown,
        performance,
        memory_parts,
        used,
        used <= hardware.memory,
    )


def _decode_traffic(job: Job, decode: Program) -> Number:
    layer, ends = (summed(part, lambda o: o.traffic) for part in (decode.layer, decode.first + decode.last))
    return f_serving.decode_traffic(decode.layers, layer, ends, job.parallelism.pp)
