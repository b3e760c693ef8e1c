"""Serving a stream of requests, and working off a finite batch of them (infer)."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel import memory as m
from costmodel import ops
from costmodel.architectures.kinds import architecture_of
from costmodel.architectures.transformer import Pass
from costmodel.compression.formulas import model_bytes
from costmodel.costs.bill import Usage, bill
from costmodel.costs.money import cost_per_million
from costmodel.job import Job
from costmodel.operators.roofline import overlapped_time
from costmodel.operators.timing import operator_time
from costmodel.outcome import Outcome, Parts
from costmodel.parallel import communication, pipeline
from costmodel.program import Program, forward_flops, largest, parameters, stack_time, summed
from costmodel.trace import constant
from costmodel.units import Number
from costmodel.workloads.formulas import serving as f_serving
from costmodel.workloads.formulas import step as f_step
from costmodel.workloads.formulas import work as f_work
from costmodel.workloads.train_program import program_of, weight_bytes, whole


def prefill_program(job: Job, sequences: Number) -> Program:
    """One device's program for the prompts (or samples) of `sequences` requests at once."""
    nothing = constant(0.0, "context", "a prompt starts without cached tokens")
    one = constant(1.0, "head queries", "only the last token's logits are needed")
    return program_of(job, Pass(sequences, asked(job), nothing, one, frozen=True))


def asked(job: Job) -> Number:
    """Tokens of a request's prompt; one where a sample goes in as a whole."""
    one = constant(1.0, "one", "a sample goes in as a whole")
    return one if job.workload.input_tokens is None else job.workload.input_tokens


def decode_program(job: Job, sequences: Number) -> Program:
    """One device's program for one decode step of `sequences` requests, half-way through their answers."""
    work = job.workload
    one = constant(1.0, "queries", "a decode step makes one token per sequence")
    run = Pass(sequences, one, f_work.context_at_half(asked(job), work.output_tokens), one, decode=True)
    return program_of(job, run)


def generates(job: Job) -> bool:
    """Whether requests are answered token by token; else a batch of them goes through the model once."""
    return architecture_of(job.model).generates


def fixed(job: Job) -> Parts:
    """Memory of one device that does not grow with the requests in flight, by part [B]."""
    layout, framework = job.parallelism, job.profile.framework
    one = constant(1.0, "one", "one chunk of a prompt at a time")
    nothing = constant(0.0, "context", "the workspace holds one chunk alone")
    chunk = framework.prefill_chunk if job.workload.input_tokens is not None else one
    shard = program_of(job, Pass(one, chunk, nothing, one, frozen=True))
    here = pipeline.layers_per_stage(shard.layers, layout.pp)
    layer, first, last = (weight_bytes(job, part) for part in shard.parts)
    parts = {"weights": m.local_bytes(here, layer, m.end_bytes(last, first, layout.pp))}
    if generates(job):
        parts["activations"] = summed(shard.layer, lambda o: o.saved)
    return parts | {"framework": framework.context_bytes}


def memory(job: Job, sequences: Number) -> Parts:
    """Memory of one device by part with `sequences` in flight [B]."""
    parts = fixed(job)
    parts["KV cache" if generates(job) else "activations"] = _bytes_in_flight(job, sequences)
    parts["fragmentation"] = m.fragmentation_bytes(ops.total(parts), job.profile.framework.fragmentation)
    return parts


def _bytes_in_flight(job: Job, sequences: Number) -> Number:
    """What requests in flight take: their KV cache, or what the largest operator of a batch reads and writes [B]."""
    if not generates(job):
        batch = prefill_program(job, sequences)
        return largest(batch.first + batch.layer + batch.last, lambda o: o.traffic)
    shard = decode_program(job, sequences)
    here = pipeline.layers_per_stage(shard.layers, job.parallelism.pp)
    kept = f_work.sequence_tokens(asked(job), job.workload.output_tokens)
    cache = m.kv_cache_bytes(sequences, kept, here, shard.kv_per_token)
    if shard.kv_per_sequence is None:
        return cache
    encoded = m.encoder_cache_bytes(sequences, here, shard.kv_per_sequence)
    return ops.total({"tokens": cache, "encoder's output": encoded})


def most_sequences(job: Job) -> Number:
    """Sequences that one replica can run at once: what its memory holds, at most what the engine allows."""
    one = constant(1.0, "one", "what one request takes")
    used = ops.total(fixed(job))
    each = _bytes_in_flight(job, one)
    room = m.sequences_that_fit(job.hardware.memory, used, job.profile.framework.fragmentation, each)
    return m.allowed_sequences(room, job.traffic.max_sequences)


@dataclass(frozen=True, slots=True)
class Load:
    """How one replica runs with `sequences` in flight.

    `program` is what runs over and over, a decode step or the only pass, and takes `per_token`; the latter is a name
    for the pass too, which `first_token` and `latency` then equal.
    """

    sequences: Number
    program: Program
    first_token: Number
    per_token: Number
    latency: Number


def load(job: Job, sequences: Number) -> Load:
    """Times of one replica with `sequences` in flight."""
    if not generates(job):
        batch = prefill_program(job, sequences)
        once = _engine_step(job, batch, sequences)
        return Load(sequences, batch, once, once, once)
    work, framework = job.workload, job.profile.framework
    decode = decode_program(job, sequences)
    step = _engine_step(job, decode, sequences)
    length = job.model.frames if work.input_tokens is None else work.input_tokens
    together = f_serving.prompts_at_once(framework.prefill_chunk, length, sequences)
    prompt = f_serving.time_per_prompt(_prefill_step(job, together), together)
    # Where as many requests are always in flight, those that end together make room for others that begin together.
    one = constant(1.0, "prompts", "a request whose prompt meets no other")
    own = together if job.traffic.concurrency is not None else one
    first = f_serving.time_to_first_token(_prefill_step(job, own), prompt, sequences, work.output_tokens)
    per_token = f_serving.time_per_output_token(step, prompt, sequences, own, work.output_tokens)
    return Load(sequences, decode, first, per_token, f_serving.request_latency(first, per_token, work.output_tokens))


def _prefill_step(job: Job, prompts: Number) -> Number:
    """Time of an engine step that prefills `prompts` prompts [s]."""
    return _engine_step(job, prefill_program(job, prompts), prompts)


def _engine_step(job: Job, shard: Program, sequences: Number) -> Number:
    """Time of a pass of `sequences` sequences, with the host's part beside it [s]."""
    framework = job.profile.framework
    host = f_serving.host_time(framework.host_time_per_step, framework.host_time_per_sequence, sequences)
    return overlapped_time(_pass_time(job, shard), host, job.hardware.overlap)


def _pass_time(job: Job, shard: Program) -> Number:
    """Time of one pass through all stages [s]: a token visits every layer, wherever it lies."""
    layout, hardware, laws = job.parallelism, job.hardware, job.profile
    layer, *ends = (summed(part, lambda o: operator_time(o, hardware, laws)) for part in shard.parts)
    if shard.reduced is not None:
        reduce = communication.all_reduce_neighbours(shard.reduced, layout.tp, hardware, laws)
        layer = f_step.layer_with_reductions(layer, reduce)
    if shard.exchanged is not None:
        exchange = communication.all_to_all_neighbours(shard.exchanged, layout.tp, hardware, laws)
        layer = ops.total({"operators": layer, "all-to-all": exchange})
    hop = communication.send(shard.boundary, layout.tp, hardware, laws)
    stack = stack_time(shard.layers, layer, *ends)
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
    model = whole(job, asked(job))
    count = parameters(model)
    file = model_bytes(model.layers, *(weight_bytes(job, part, in_file=True) for part in model.parts))
    usage = Usage(
        time=time,
        busy_time=state.per_token,
        flops=f_serving.decode_flops(forward_flops(state.program), layout.pp),
        traffic=_traffic(job, state.program),
        stored={"weights": (file, time)},
    )
    totals, breakdown = bill(job, usage)
    memory_parts = memory(job, state.sequences)
    used = ops.total(memory_parts)
    performance: Parts = {
        "latency_s": state.latency,
        "requests_per_s": rate,
        "requests": requests,
        "sequences_in_flight": state.sequences,
        "max_sequences": most,
        "replicas": copies,
        "parameters": count,
    }
    if generates(job):
        tokens = f_work.output_tokens_served(requests, work.output_tokens)
        performance = {"ttft_s": state.first_token, "tpot_s": state.per_token} | performance
        performance["output_tokens_per_s"] = f_work.output_tokens_served(rate, work.output_tokens)
        performance["output_tokens"] = tokens
        performance["cost_per_million_output_tokens_usd"] = cost_per_million(totals["cost_usd"], tokens)
    if work.input_tokens is None or not generates(job):
        performance["cost_per_million_requests_usd"] = cost_per_million(totals["cost_usd"], requests)
    return Outcome(
        job,
        {"time_s": time} | totals,
        {"time_s": {"requests" if finite else "period": time}} | breakdown,
        performance,
        memory_parts,
        used,
        used <= hardware.memory,
    )


def _traffic(job: Job, shard: Program) -> Number:
    layer, ends = (summed(part, lambda o: o.traffic) for part in (shard.layer, shard.ends))
    return f_serving.decode_traffic(shard.layers, layer, ends, job.parallelism.pp)
