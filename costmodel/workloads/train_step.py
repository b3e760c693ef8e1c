"""Training: the time of one optimizer step, by part."""

from __future__ import annotations

from costmodel import ops
from costmodel.job import Job
from costmodel.memory import end_parameters, local_parameters
from costmodel.operators.collective import exposed_time
from costmodel.operators.memory_bound import optimizer_time
from costmodel.operators.timing import operator_time
from costmodel.parallel import communication, data, pipeline
from costmodel.program import Operator, Program, summed
from costmodel.units import Number
from costmodel.workloads import formulas as f
from costmodel.workloads.train_program import micro_batches, replicas

Parts = dict[str, Number]
KINDS = {"matmul": "matrix products", "attention": "attention", "memory_bound": "memory-bound operators"}


def step(job: Job, shard: Program) -> Parts:
    """Time of one optimizer step on the slowest pipeline stage, by part [s]."""
    layout = job.parallelism
    times = micro_batches(job)
    stage = _stage(job, shard)
    stage_time = ops.total(stage)
    parts = {name: pipeline.repeated(times, part) for name, part in stage.items()}
    parts["pipeline bubble"] = pipeline.bubble_time(stage_time, layout.pp, layout.vp)
    stride = communication.devices_spanned(replicas(job), layout.tp)
    hop = communication.send(shard.boundary, stride, job.hardware, job.profile)
    hops = pipeline.repeated(pipeline.pipeline_hops(layout.pp, layout.vp), hop)
    parts["pipeline transfers"] = pipeline.repeated(times, hops)
    parts |= _data_parallel(job, shard, stage_time, times)
    factor = job.profile.framework.time_factor
    return {name: f.calibrated_time(part, factor) for name, part in parts.items()}


def _stage(job: Job, shard: Program) -> Parts:
    """Time of one micro-batch on the slowest stage, forward and backward."""
    layout = job.parallelism
    here = pipeline.layers_per_stage(shard.layers, layout.pp)
    ends_here = pipeline.ends_on_slowest_stage(shard.layers, layout.pp)
    parts, forward = {}, {}
    for kind, name in KINDS.items():
        forward[kind] = _forward(job, shard.layer, kind)
        layer = _both_ways(job, kind, forward[kind])
        parts[name] = pipeline.repeated(here, layer)
        if kind != "attention":  # which embedding and head do not have
            ends = _both_ways(job, kind, _forward(job, shard.first + shard.last, kind))
            parts[name] = pipeline.stage_part(here, layer, ends_here, ends)
    expensive = ops.total({KINDS[kind]: forward[kind] for kind in ("matmul", "attention")})
    again = f.recompute_time(expensive, forward["memory_bound"], layout.recompute)
    parts["recomputation"] = pipeline.repeated(here, again)
    tokens = f.tokens_per_step(layout.micro_batch, job.workload.sequence)
    payload = f.tensor_parallel_payload(tokens, job.model.hidden, job.precision.activations)
    one_reduce = communication.all_reduce_neighbours(payload, layout.tp, job.hardware, job.profile)
    per_layer = pipeline.repeated(f.tensor_all_reduces(layout.recompute), one_reduce)
    parts["tensor-parallel traffic"] = pipeline.repeated(here, per_layer)
    return parts


def _forward(job: Job, operators: tuple[Operator, ...], kind: str) -> Number:
    chosen = [o for o in operators if o.kind == kind]
    return summed(chosen, lambda o: operator_time(o, job.hardware, job.profile))


def _both_ways(job: Job, kind: str, forward: Number) -> Number:
    if kind == "matmul":
        backward = f.matmul_backward_time(forward)
    elif kind == "attention":
        backward = f.attention_backward_time(forward, job.profile.framework.attention_backward)
    else:
        backward = f.memory_bound_backward_time(forward)
    return ops.total({"forward": forward, "backward": backward})


def _data_parallel(job: Job, shard: Program, stage_time: Number, times: Number) -> Parts:
    """Traffic between replicas that compute cannot hide, and the optimizer."""
    layout, precision, hardware, laws = job.parallelism, job.precision, job.hardware, job.profile
    ranks = replicas(job)
    ends = end_parameters(*(summed(part, lambda o: o.parameters) for part in (shard.first, shard.last)), layout.pp)
    here = pipeline.layers_per_stage(shard.layers, layout.pp)
    held = local_parameters(here, summed(shard.layer, lambda o: o.parameters), ends)
    weights = data.gradient_payload(held, precision.weights)
    gather = data.gather_time(layout.zero, communication.all_gather(weights, ranks, layout.tp, hardware, laws))
    gradients = data.gradient_payload(held, precision.gradients)
    reduce = data.gradient_time(layout.zero, communication.all_reduce(gradients, ranks, layout.tp, hardware, laws))
    update = data.parameters_to_update(held, data.optimizer_shards(layout.zero, ranks))
    return {
        "weight gathering": pipeline.repeated(
            times, exposed_time(gather, stage_time, laws.framework.hidden_gather_share)
        ),
        "gradient reduction": exposed_time(reduce, stage_time, laws.framework.hidden_gradient_share),
        "optimizer": optimizer_time(
            update, precision.optimizer_traffic, hardware.memory_bandwidth, laws.memory_bound.bandwidth_efficiency
        ),
    }
