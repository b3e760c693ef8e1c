"""Training: the time of one optimizer step, by part."""

from __future__ import annotations

from costmodel import ops
from costmodel.compression.formulas import frozen_backward
from costmodel.job import Job
from costmodel.memory import end_bytes, end_parameters, local_bytes, local_parameters
from costmodel.operators.collective import exposed_time
from costmodel.operators.launch import host_call_time
from costmodel.operators.optimizer import optimizer_time, optimizer_traffic
from costmodel.operators.timing import law_of, operator_time
from costmodel.outcome import Parts
from costmodel.parallel import communication, data, pipeline
from costmodel.program import Operator, Program, reduced, summed
from costmodel.trace import constant
from costmodel.units import Number
from costmodel.workloads.formulas import step as f
from costmodel.workloads.train_program import copies, micro_batches, replicas, weight_bytes

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
    ends = {name: ops.total(both) for name, both in _both_ways(job, shard.ends).items()}
    ends_here = pipeline.ends_on_slowest_stage(shard.layers, layout.pp, ops.total(layer), ops.total(ends))
    here = pipeline.layers_on_slowest_stage(shard.layers, layout.pp, ends_here)
    parts = {
        name: pipeline.stage_part(here, time, ends_here, ends[name]) if name in ends else pipeline.repeated(here, time)
        for name, time in layer.items()
    }
    forward = {kind: ways[name]["forward"] for kind, name in KINDS.items() if name in ways}
    expensive = ops.total({KINDS[kind]: forward[kind] for kind in ("matmul", "attention") if kind in forward})
    again = f.recompute_time(expensive, forward["memory_bound"], layout.recompute)
    parts["recomputation"] = pipeline.repeated(here, again)
    if shard.reduced is not None:
        one_reduce = communication.all_reduce_neighbours(shard.reduced, layout.tp, job.hardware, job.profile)
        per_layer = pipeline.repeated(f.tensor_all_reduces(layout.recompute), one_reduce)
        parts["tensor-parallel traffic"] = pipeline.repeated(here, per_layer)
    if shard.exchanged is not None:
        both = constant(2.0, "times", "vectors forward, their gradients backward")
        once = communication.all_to_all_neighbours(shard.exchanged, layout.tp, job.hardware, job.profile)
        parts["all-to-all"] = pipeline.repeated(both, once)
    laws = job.profile.framework
    per_layer_calls, end_calls = (summed(part, lambda o: o.calls) for part in (shard.layer, shard.ends))
    calls = f.host_calls(here, per_layer_calls, ends_here, end_calls, layout.recompute)
    nothing = constant(0.0, "start", "the host starts a pass while the device still computes the one before")
    host = host_call_time(calls, nothing, laws.host_time_per_call)
    parts["host launches"] = f.host_wait(host, ops.total(parts), laws.time_factor)
    return parts


def _both_ways(job: Job, operators: tuple[Operator, ...]) -> dict[str, Parts]:
    """Time forward and backward of the operators of each kind that there is [s]."""
    ways = {}
    for kind, name in KINDS.items():
        times = [(o, operator_time(o, job.hardware, job.profile)) for o in operators if o.kind == kind]
        if times:
            forward = {o.name: time for o, time in times}
            backward = {o.name: f.backward_time(time, _backward(job, o)) for o, time in times}
            ways[name] = {"forward": ops.total(forward), "backward": ops.total(backward)}
    return ways


def _backward(job: Job, operator: Operator) -> Number:
    """How many times as long as forward an operator takes backward."""
    ratio = law_of(operator, job.profile).backward
    return frozen_backward(ratio) if operator.frozen and operator.kind == "matmul" else ratio


def _tensors(shard: Program) -> Number:
    with_parameters = [o for o in shard.layer if (o.kind == "matmul" or o.operation == "norm") and not o.frozen]
    return constant(float(len(with_parameters)), "tensors per layer", "weights of products and norms")


def _data_parallel(job: Job, shard: Program, stage_time: Number, times: Number) -> Parts:
    """Traffic between replicas that compute cannot hide, and the optimizer."""
    layout, precision, hardware, laws = job.parallelism, job.precision, job.hardware, job.profile
    ranks, stride = copies(job, shard)
    here = pipeline.layers_per_stage(shard.layers, layout.pp)
    held = local_parameters(
        here, reduced(shard.layer), end_parameters(reduced(shard.first), reduced(shard.last), layout.pp)
    )
    ends = end_bytes(weight_bytes(job, shard.first), weight_bytes(job, shard.last), layout.pp)
    weights = local_bytes(here, weight_bytes(job, shard.layer), ends)
    once = communication.all_gather(weights, ranks, stride, hardware, laws)
    gather = data.gather_time(layout.zero, layout.pp, once)
    gradients = data.gradient_payload(held, precision.gradients)
    reduce = data.gradient_time(layout.zero, communication.all_reduce(gradients, ranks, stride, hardware, laws))
    update = data.parameters_to_update(held, data.optimizer_shards(layout.zero, ranks))
    return {
        "weight gathering": pipeline.repeated(
            data.gather_rounds(layout.pp, times),
            exposed_time(gather, stage_time, laws.framework.hidden_gather_share),
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
