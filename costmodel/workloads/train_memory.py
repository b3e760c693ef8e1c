"""Training: the memory of the fullest device, by part."""

from __future__ import annotations

from costmodel import memory as m
from costmodel import ops
from costmodel.job import Job
from costmodel.parallel import data, pipeline
from costmodel.program import Operator, Program, reduced, summed, trained
from costmodel.trace import constant
from costmodel.units import Number
from costmodel.workloads.train_program import copies, micro_batches, weight_bytes

Parts = dict[str, Number]
Operators = tuple[Operator, ...]


def memory(job: Job, shard: Program) -> Parts:
    """Peak memory of the fullest device by part [B].

    The first stage holds most activations (Narayanan et al. 2021, §2.2), the last one the logits: both are
    counted, and the parts are those of the fuller one.
    """
    layout, laws = job.parallelism, job.profile.framework
    in_flight = pipeline.micro_batches_in_flight(micro_batches(job), layout.pp, layout.vp)
    one = constant(1.0, "in flight", "the last stage runs a micro-batch backward as soon as it is forward")
    none = constant(0.0, "logits", "the first stage has no head")
    logits = summed(shard.last, lambda o: o.saved)
    first = _stage(job, shard, shard.first, shard.last, in_flight)
    last = _stage(job, shard, shard.last, shard.first, one)
    before = summed(shard.first, lambda o: o.saved)
    first["activations"] = ops.total({"layers": first["activations"], "before them": before})
    first["logits"] = m.end_bytes(none, logits, layout.pp)
    last["logits"] = logits
    first_total, last_total = ops.total(first), ops.total(last)
    parts = {name: pipeline.on_fuller_stage(first_total, last_total, first[name], last[name]) for name in first}
    parts["fragmentation"] = m.fragmentation_bytes(ops.total(parts), laws.fragmentation)
    parts["framework"] = laws.context_bytes
    return parts


def _stage(job: Job, shard: Program, own: Operators, other: Operators, in_flight: Number) -> Parts:
    """Model states and activations of one stage, which has its `own` end of the model."""
    layout, precision = job.parallelism, job.precision
    here = pipeline.layers_per_stage(shard.layers, layout.pp)
    per_layer = summed(shard.layer, lambda o: o.parameters)
    held = m.local_parameters(here, trained(shard.layer), m.end_parameters(trained(own), trained(other), layout.pp))
    ends = m.end_bytes(weight_bytes(job, own), weight_bytes(job, other), layout.pp)
    ranks, _ = copies(job, shard)
    gradients = m.local_parameters(
        here, reduced(shard.layer), m.end_parameters(reduced(own), reduced(other), layout.pp)
    )
    kept = summed((o for o in shard.layer if not o.cheap), lambda o: o.saved)
    cheap = summed((o for o in shard.layer if o.cheap), lambda o: o.saved)
    activations = m.activation_bytes_per_layer(kept, cheap, shard.boundary, layout.recompute)
    workspace = m.recompute_workspace(kept, cheap, layout.recompute)
    shards = data.weight_shards(layout.zero, ranks, layout.pp)
    return {
        "weights": data.shared_bytes(m.local_bytes(here, weight_bytes(job, shard.layer), ends), shards),
        "gathered layers": data.gathered_layer_bytes(shards, per_layer, precision.weights),
        "gradients": data.state_bytes(gradients, precision.gradients, data.gradient_shards(layout.zero, ranks)),
        "optimizer": data.state_bytes(held, precision.optimizer_state, data.optimizer_shards(layout.zero, ranks)),
        "activations": m.activation_bytes(here, activations, in_flight, workspace),
    }
