"""Training: the time of one optimizer step, by part."""

from __future__ import annotations

from costmodel import ops
from costmodel.job import Job
from costmodel.memory import end_parameters, local_parameters
from costmodel.operators.collective import exposed_time
from costmodel.operators.optimizer import optimizer_time, optimizer_traffic
from costmodel.operators.timing import law_of, operator_time
from costmodel.parallel import communication, data, pipeline
from costmodel.program import Operator, Program, summed
from costmodel.trace import constant
from costmodel.units import Number
from costmodel.workloads.formulas import step as f
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
    ways = _both_ways(job, shard.layer)
    layer = {name: ops.total(both) for name, both in ways.items()}
    ends = {name: ops.total(both) for name, both in _both_ways(job, shard.first + shard.last).items()}
    ends_here = pipeline.ends_on_slowest_stage(shard.layers, layout.pp, ops.total(layer), ops.total(ends))
    here = pipeline.layers_on_slowest_stage(shard.layers, layout.pp, ends_here)
    parts = {
        name: pipeline.stage_part(here, time, ends_here, ends[name]) if name in ends else pipeline.repeated(here, time)
        for name, time in layer.items()
    }
    forward = {kind: ways[name]["forward"] for kind, name in KINDS.items()}
    expensive = ops.total({KINDS[kind]: forward[kind] for kind in ("matmul", "attention")})
    again = f.recompute_time(expensive, forward["memory_bound"], layout.recompute)
    parts["recomputation"] = pipeline.repeated(here, again)
    tokens = f.tokens_per_step(layout.micro_batch, job.workload.sequence)
    payload = f.tensor_parallel_payload(tokens, job.model.hidden, job.precision.activations)
    one_reduce = communication.all_reduce_neighbours(payload, layout.tp, job.hardware, job.profile)
    per_layer = pipeline.repeated(f.tensor_all_reduces(layout.recompute), one_reduce)
    parts["tensor-parallel traffic"] = pipeline.repeated(here, per_layer)
    return parts


def _both_ways(job: Job, operators: tuple[Operator, ...]) -> dict[str, Parts]:
    """Time forward and backward of the operators of each kind that there is [s]."""
    ways = {}
    for kind, name in KINDS.items():
        times = [(o, operator_time(o, job.hardware, job.profile)) for o in operators if o.kind == kind]
        if times:
            forward = {o.name: time for o, time in times}
            backward = {o.name: f.backward_time(time, law_of(o, job.profile).backward) for o, time in times}
            ways[name] = {"forward": ops.total(forward), "backward": ops.total(backward)}
    return ways


def _tensors(shard: Program) -> Number:
    with_parameters = [o for o in shard.layer if o.kind == "matmul" or o.operation == "norm"]
    return constant(float(len(with_parameters)), "tensors per layer", "weights of products and norms")


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
            pipeline.repeated(here, _tensors(shard)),
            optimizer_traffic(update, precision.optimizer_traffic),
            hardware.memory_bandwidth,
            hardware.cache,
            laws.optimizer.bandwidth_efficiency,
            laws.optimizer.launch,
            laws.optimizer.cache_speedup,
        ),
    }
