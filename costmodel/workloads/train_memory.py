"""Training: the memory of the fullest device, by part."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel import memory as m
from costmodel import ops
from costmodel.job import Job
from costmodel.outcome import Parts
from costmodel.parallel import data, pipeline
from costmodel.program import Operator, Program, reduced, summed, trained
from costmodel.trace import constant
from costmodel.units import Number
from costmodel.workloads.train_program import copies, micro_batches, weight_bytes


@dataclass(frozen=True, slots=True)
class Held:
    """What a layer, or an end of the model, holds on a device, however its states are sharded.

    Parameters, those that are trained, those that have a gradient; weights [B]; and what is saved for the backward pass
    [B]: in all, by operators that are kept, and by those that are cheap to run again.
    """

    parameters: Number
    trained: Number
    reduced: Number
    weights: Number
    saved: Number
    kept: Number
    cheap: Number


@dataclass(frozen=True, slots=True)
class Shard:
    """A program by what it holds: the sums that all candidates for its layout share."""

    program: Program
    layer: Held
    first: Held
    last: Held


def shard_of(job: Job, program: Program) -> Shard:
    """What the program of one device holds."""

    def held(operators: tuple[Operator, ...]) -> Held:
        return Held(
            parameters=summed(operators, lambda o: o.parameters),
            trained=trained(operators),
            reduced=reduced(operators),
            weights=weight_bytes(job, operators),
            saved=summed(operators, lambda o: o.saved),
            kept=summed((o for o in operators if not o.cheap), lambda o: o.saved),
            cheap=summed((o for o in operators if o.cheap), lambda o: o.saved),
        )

    return Shard(program, *map(held, program.parts))


def memory(job: Job, shard: Shard) -> Parts:
    """Peak memory of the fullest device by part [B].

    The first stage holds most activations (Narayanan et al. 2021, §2.2), the last one the logits: both are
    counted, and the parts are those of the fuller one.
    """
    layout, laws = job.parallelism, job.profile.framework
    in_flight = pipeline.micro_batches_in_flight(micro_batches(job), layout.pp, layout.vp)
    one = constant(1.0, "in flight", "the last stage runs a micro-batch backward as soon as it is forward")
    none = constant(0.0, "logits", "the first stage has no head")
    first = _stage(job, shard, shard.first, shard.last, in_flight)
    last = _stage(job, shard, shard.last, shard.first, one)
    first["activations"] = ops.total({"layers": first["activations"], "before them": shard.first.saved})
    first["logits"] = m.end_bytes(none, shard.last.saved, layout.pp)
    last["logits"] = shard.last.saved
    first_total, last_total = ops.total(first), ops.total(last)
    parts = {name: pipeline.on_fuller_stage(first_total, last_total, first[name], last[name]) for name in first}
    parts["fragmentation"] = m.fragmentation_bytes(ops.total(parts), laws.fragmentation)
    parts["framework"] = laws.context_bytes
    return parts


def _stage(job: Job, shard: Shard, own: Held, other: Held, in_flight: Number) -> Parts:
    """Model states and activations of one stage, which has its `own` end of the model."""
    layout, precision, layer = job.parallelism, job.precision, shard.layer
    here = pipeline.layers_per_stage(shard.program.layers, layout.pp)
    held = m.local_parameters(here, layer.trained, m.end_parameters(own.trained, other.trained, layout.pp))
    ends = m.end_bytes(own.weights, other.weights, layout.pp)
    ranks, _ = copies(job, shard.program)
    gradients = m.local_parameters(here, layer.reduced, m.end_parameters(own.reduced, other.reduced, layout.pp))
    boundary = shard.program.boundary
    activations = m.activation_bytes_per_layer(layer.kept, layer.cheap, boundary, layout.recompute)
    workspace = m.recompute_workspace(layer.kept, layer.cheap, layout.recompute)
    shards = data.weight_shards(layout.zero, ranks, layout.pp)
    return {
        "weights": data.shared_bytes(m.local_bytes(here, layer.weights, ends), shards),
        "gathered layers": data.gathered_layer_bytes(shards, layer.parameters, precision.weights),
        "gradients": data.state_bytes(gradients, precision.gradients, data.gradient_shards(layout.zero, ranks)),
        "optimizer": data.state_bytes(held, precision.optimizer_state, data.optimizer_shards(layout.zero, ranks)),
        "activations": m.activation_bytes(here, activations, in_flight, workspace),
    }
