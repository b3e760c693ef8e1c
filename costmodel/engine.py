"""Scenario → outcome: the whole way on one page, for one job or an array of jobs, without ranges."""

from __future__ import annotations

from dataclasses import replace

from costmodel import ops
from costmodel.costs.staff import team_size
from costmodel.fields import TRAINING
from costmodel.job import Job, Layout
from costmodel.outcome import Outcome
from costmodel.parallel.layout import choose, obstacle, possible
from costmodel.source import clash
from costmodel.workloads import serve, train, train_memory, train_program

# A replica with room for one or two requests technically fits, and wastes nearly all of the device.
ENOUGH_SEQUENCES = 8.0


def lay_out(said: Job, kind: str) -> Layout:
    """The layout of a job: what it states, and the first that fits for the rest."""
    training = kind in TRAINING
    job = train_program.fill(said) if training else said
    shards: dict[tuple[int, int], train_memory.Shard] = {}  # most candidates share one: it depends on these two alone

    def fits(candidate: Job) -> object:
        if training:
            key = id(candidate.parallelism.tp), id(candidate.parallelism.micro_batch)
            if key not in shards:
                shards[key] = train_memory.shard_of(candidate, train_program.sharded(candidate))
            parts = train_memory.memory(candidate, shards[key])
            return sum(parts.values()) <= candidate.hardware.memory
        return serve.most_sequences(candidate) >= ops.minimum(ENOUGH_SEQUENCES, candidate.traffic.max_sequences)

    return choose(job, said, fits, training)


def outcome(job: Job, kind: str) -> Outcome:
    """The outcome of a job whose layout is complete; `kind` is train, finetune, serve or infer."""
    if job.costs.people is None:
        job = replace(job, costs=replace(job.costs, people=team_size(job.devices, job.costs.team)))
    if kind in TRAINING:
        return train.outcome(train_program.fill(job))
    return serve.outcome(job, finite=kind == "infer")


def settle(said: Job, kind: str) -> Job:
    """A job in plain numbers with its layout. Raises ScenarioError when no layout of it can exist."""
    job = replace(said, parallelism=lay_out(said, kind))
    filled = train_program.fill(job) if kind in TRAINING else job
    if (found := obstacle(filled, said)) is not None:
        raise clash(*found)
    return job


def complete(said: Job, kind: str) -> Outcome:
    """Lay out, then estimate, for plain numbers and arrays; a layout that cannot exist is not feasible."""
    result = outcome(replace(said, parallelism=lay_out(said, kind)), kind)
    return replace(result, feasible=result.feasible & possible(result.job, said))
