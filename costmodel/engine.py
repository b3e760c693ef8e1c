"""Scenario → outcome: the whole way on one page, for one job or an array of jobs, without ranges."""

from __future__ import annotations

from dataclasses import replace

from costmodel.job import Job, Layout
from costmodel.outcome import Outcome
from costmodel.parallel.layout import choose
from costmodel.program import Program
from costmodel.workloads import serve, train, train_memory, train_program

TRAINING = ("train", "finetune")
# A replica with room for one or two requests technically fits, and wastes nearly all of the device.
ENOUGH_SEQUENCES = 8.0


def lay_out(job: Job, kind: str) -> Layout:
    """The layout of `job`: what it states, and the first that fits for the rest."""
    training = kind in TRAINING
    if training:
        job = train_program.fill(job)

    programs: dict[tuple[int, int], Program] = {}  # most candidates share one: it depends on these two alone

    def fits(candidate: Job) -> object:
        if training:
            key = id(candidate.parallelism.tp), id(candidate.parallelism.micro_batch)
            if key not in programs:
                programs[key] = train_program.sharded(candidate)
            parts = train_memory.memory(candidate, programs[key])
            return sum(parts.values()) <= candidate.hardware.memory
        return serve.most_sequences(candidate) >= ENOUGH_SEQUENCES

    return choose(job, fits, training)


def outcome(job: Job, kind: str) -> Outcome:
    """The outcome of a job whose layout is complete; `kind` is train, finetune, serve or infer."""
    if kind in TRAINING:
        return train.outcome(train_program.fill(job))
    return serve.outcome(job, finite=kind == "infer")


def complete(job: Job, kind: str) -> Outcome:
    """Lay out, then estimate: for plain numbers and arrays."""
    return outcome(replace(job, parallelism=lay_out(job, kind)), kind)
