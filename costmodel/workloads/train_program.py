"""Training: the program that a device runs, and what a rule fills in."""

from __future__ import annotations

from dataclasses import replace

from costmodel.architectures.kinds import architecture_of
from costmodel.architectures.transformer import ElementBytes, Pass, pass_tokens
from costmodel.compression.adapters import adapted
from costmodel.compression.formulas import mixed_weight_bytes, read_weight_bytes
from costmodel.job import Job
from costmodel.parallel import communication, pipeline
from costmodel.program import Operator, Program, parameters, summed
from costmodel.quality.steps import best_batch_tokens
from costmodel.trace import constant
from costmodel.units import Number
from costmodel.workloads.formulas import work as f


def fill(job: Job) -> Job:
    """The job with the work that was left unsaid filled in by rule; the batch in its usual size before the layout."""
    work, layout, batch = job.workload, job.parallelism, job.workload.global_batch
    samples = architecture_of(job.model).samples
    sequence, tokens = work.sequence, work.tokens
    if samples is None:
        sequence = f.sequence_default(job.model.max_sequence) if sequence is None else sequence
        tokens = f.total_training_tokens_default(parameters(whole(job, sequence))) if tokens is None else tokens
    if batch is None:
        batch = usual_batch(job, sequence, tokens)
        if layout.dp is not None and layout.micro_batch is not None:
            batch = f.global_batch_default(batch, layout.dp, layout.micro_batch)
    return replace(job, workload=replace(work, sequence=sequence, tokens=tokens, global_batch=batch))


def usual_batch(job: Job, sequence: Number, tokens: Number) -> Number:
    """Sequences or samples in a step of a usual run."""
    samples = architecture_of(job.model).samples
    if samples is None:
        return f.usual_batch(sequence, best_batch_tokens(tokens), job.devices)
    return constant(float(samples.batch), "usual batch", f"{samples.name} in a step of a usual run")


def items(job: Job) -> tuple[Number, Number]:
    """What a run works off, and how much of it a sequence is: tokens, or samples, each of which is one."""
    work = job.workload
    if work.tokens is not None:
        return work.tokens, work.sequence
    return f.samples_seen(work.samples, work.epochs), constant(1.0, "one", "a sample goes through as a whole")


def sizes(job: Job) -> ElementBytes:
    """Bytes per element; those of weights count what unpacking takes too."""
    p = job.precision
    return ElementBytes(read_weight_bytes(p.weights, p.unpacking), p.activations, p.kv_cache, p.logits, p.scores)


def weight_bytes(job: Job, operators: tuple[Operator, ...], in_file: bool = False) -> Number:
    """Bytes of the parameters of operators, in memory or in the model's file."""
    return mixed_weight_bytes(
        summed(operators, lambda o: o.parameters if o.compressed else 0.0),
        summed(operators, lambda o: 0.0 if o.compressed else o.parameters),
        job.precision.file if in_file else job.precision.weights,
        job.precision.ends,
    )


def whole(job: Job, sequence: Number) -> Program:
    """The program of the whole model for one sequence, on one device."""
    one = constant(1.0, "one", "one sequence on one device: the whole model")
    run = _pass(one, sequence)
    return _adapted(job, architecture_of(job.model).program(job.model, run, sizes(job), one, one), run)


def sharded(job: Job) -> Program:
    """The program of one device of a tensor-parallel group for one micro-batch."""
    return program_of(job, _pass(job.parallelism.micro_batch, queries(job)))


def queries(job: Job) -> Number:
    """Tokens of a sequence that a step trains on; one where a sample goes through as a whole."""
    one = constant(1.0, "one", "a sample goes through as a whole")
    return one if job.workload.sequence is None else job.workload.sequence


def program_of(job: Job, run: Pass) -> Program:
    """The program of one device of a tensor-parallel group for what goes through at once."""
    layout = job.parallelism
    split = communication.sequence_shards(layout.tp, layout.sequence_parallel)
    return _adapted(job, architecture_of(job.model).program(job.model, run, sizes(job), layout.tp, split), run)


def _adapted(job: Job, made: Program, run: Pass) -> Program:
    """The program with the adapters that are trained, if there are any."""
    rank = job.workload.rank
    tokens = pass_tokens(run.sequences, run.queries)
    return made if rank is None else adapted(made, tokens, rank, job.precision.activations)


def _pass(sequences: Number, sequence: Number) -> Pass:
    nothing = constant(0.0, "context", "training starts each sequence without cached tokens")
    return Pass(sequences, sequence, nothing, sequence)


def replicas(job: Job) -> Number:
    """Replicas that train on different data."""
    return pipeline.data_parallel_size(job.devices, job.parallelism.tp, job.parallelism.pp)


def copies(job: Job, shard: Program) -> tuple[Number, Number]:
    """How many devices have the same weights, and how far they stand apart.

    Those are one of each replica, or all devices where a group shares tables and samples: all else is copied.
    """
    if shard.exchanged is None:
        return replicas(job), job.parallelism.tp
    return job.devices, constant(1.0, "stride", "neighbours")


def micro_batches(job: Job) -> Number:
    """Micro-batches per step of the busiest replica."""
    return pipeline.micro_batches(job.workload.global_batch, replicas(job), job.parallelism.micro_batch)
