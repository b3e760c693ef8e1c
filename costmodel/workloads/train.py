"""Training (and full fine-tuning): from a step to a run."""

from __future__ import annotations

from costmodel import ops
from costmodel.compression.formulas import adapter_training_flops
from costmodel.costs.bill import Usage, bill
from costmodel.costs.money import cost_per_million
from costmodel.costs.storage import checkpoint_bytes, data_bytes, kept_bytes, kept_time, weights_file_bytes
from costmodel.job import Job
from costmodel.outcome import Outcome, Parts
from costmodel.program import Program, forward_flops, frozen_flops, model_parameters, parameters, summed, trained
from costmodel.units import Number
from costmodel.workloads.formulas import run as f_run
from costmodel.workloads.formulas import step as f_step
from costmodel.workloads.formulas import work as f_work
from costmodel.workloads.train_memory import memory, shard_of
from costmodel.workloads.train_program import items, micro_batches, queries, sharded, whole
from costmodel.workloads.train_step import step


def outcome(job: Job) -> Outcome:
    """Everything about training run `job`, whose work and layout are filled in."""
    work, costs, hardware = job.workload, job.costs, job.hardware
    shard, model = sharded(job), whole(job, queries(job))
    amount, each = items(job)
    unit = "tokens" if work.samples is None else "samples"
    memory_parts = memory(job, shard_of(job, shard))
    step_parts = step(job, shard)
    step_time = ops.total(step_parts)
    steps = f_work.steps(amount, work.global_batch, each)
    count = parameters(model)
    learned = model_parameters(model.layers, *map(trained, model.parts))
    checkpoint = checkpoint_bytes(learned, job.precision.ends, job.precision.optimizer_state)
    overhead, share = _run(job, checkpoint, steps, step_time)
    time_parts = {name: f_run.run_time(steps, part) for name, part in step_parts.items()}
    time_parts["checkpoints and failures"] = overhead
    time = ops.total(time_parts)
    sequence_flops = f_step.model_training_flops(forward_flops(model))
    if work.rank is not None:
        sequence_flops = adapter_training_flops(sequence_flops, frozen_flops(model))
    flops = f_step.step_flops(sequence_flops, work.global_batch)
    after = kept_time(time, costs.retention)
    usage = Usage(
        time=time,
        busy_time=step_time,
        flops=f_step.per_device(flops, job.devices),
        traffic=_traffic(job, shard),
        stored={
            "weights": (weights_file_bytes(learned, job.precision.ends), after),
            "checkpoints": (kept_bytes(costs.checkpoints_kept, checkpoint), after),
            "data": (data_bytes(amount if work.samples is None else work.samples, costs.data_bytes), after),
        },
    )
    totals, breakdown = bill(job, usage)
    in_a_step = f_step.tokens_per_step(work.global_batch, each)
    performance: Parts = {
        "step_time_s": step_time,
        "steps": steps,
        f"{unit}_per_s": f_step.tokens_per_second(in_a_step, step_time),
        "mfu": f_step.model_flops_utilisation(flops, step_time, job.devices, hardware.peak),
        "goodput": share,
        "model_flops": f_run.run_flops(steps, flops),
        "parameters": count,
        f"cost_per_million_{unit}_usd": cost_per_million(totals["cost_usd"], amount),
    }
    used = ops.total(memory_parts)
    return Outcome(
        job,
        {"time_s": time} | totals,
        {"time_s": time_parts} | breakdown,
        performance,
        memory_parts,
        used,
        used <= hardware.memory,
    )


def _run(job: Job, checkpoint: Number, steps: Number, step_time: Number) -> tuple[Number, Number]:
    """Time lost beside the productive time of the run, and the productive share."""
    costs = job.costs
    each, least = costs.checkpoint_bandwidth_per_device, costs.checkpoint_bandwidth
    write = f_run.checkpoint_write_time(checkpoint, f_run.checkpoint_bandwidth(each, job.devices, least))
    mtbf = f_run.cluster_mtbf(costs.device_mtbf, job.devices)
    share = f_run.goodput(write, f_run.checkpoint_interval(write, mtbf), costs.restart, mtbf)
    productive = f_run.run_time(steps, step_time)
    return f_run.lost_time(productive, share), share


def _traffic(job: Job, shard: Program) -> Number:
    """Memory traffic of one device in a step, forward and backward [B]."""
    layer, ends = (summed(part, lambda o: o.traffic) for part in (shard.layer, shard.ends))
    return f_step.step_traffic(micro_batches(job), shard.layers, job.parallelism.pp, layer, ends)
