"""Feeding training: what reading and tokenising text takes against what the devices consume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costmodel import ops
from costmodel.catalog import economics
from costmodel.costs.storage import data_bytes
from costmodel.formula import formula
from costmodel.loading import Override, load
from costmodel.plan.answer import Answer, Column, fitting, on_tokens, option, training
from costmodel.units import HOUR, Bytes, BytesPerSecond, Count, PerSecond, Seconds, unit

TOKENISERS = ("tiktoken", "huggingface")


@formula(r"v_{read}", source="definition")
def read_bandwidth(rate: PerSecond, size: Bytes) -> BytesPerSecond:
    """Bytes per second that leave storage when so many tokens per second are read."""
    return rate * size


@formula(r"n_{core}", source="definition")
def cores_needed(text: BytesPerSecond, per_core: BytesPerSecond) -> Count:
    """Processor cores that turn so much text per second into tokens."""
    return text / per_core


@formula("t", source="definition")
def time_when_fed(time: Seconds, needed: Count, available: Count) -> Seconds:
    """Time of training whose input needs so many times what there is: the slower one sets the pace."""
    return time * ops.maximum(needed / available, 1)


@formula(r"t_{core}", source="definition")
def core_hours(text: Bytes, per_core: BytesPerSecond, hour: Seconds = HOUR) -> Count:
    """Hours that one core would take to turn text into tokens."""
    return text / per_core / hour


@formula(r"n_{host}", source="definition")
def host_cores(devices: Count, per_device: Count) -> Count:
    """Cores of all hosts."""
    return devices * per_device


def feed(scenario: Any, cores: str | float | None = None, overrides: Sequence[Override] = ()) -> Answer:
    """Storage, reading and processor cores for a language model's training data, and whether devices wait for them.

    `cores` are those of the hosts per device; a usual server's if unsaid. Raises PlanError, ScenarioError.
    """
    base = load(scenario, [*overrides, ("ranges", False)])
    training(base, "the input pipeline")
    usual = economics.value("host_cores_per_device").mid
    per_device = usual if cores is None else option(cores, "--cores", "14", low=1e-4, high="1000")
    answer = on_tokens(fitting(base), "the input pipeline")
    job, time, rate = answer.outcome.job, answer.totals["time_s"], answer.outcome.performance["tokens_per_s"]
    tokens, available = job.workload.tokens, host_cores(job.devices, per_device)
    text, stored = economics.value("text_bytes_per_token").mid, economics.value("web_text_bytes_per_token").mid
    ids = job.costs.data_bytes
    speeds = {name: _rate(name) for name in TOKENISERS}
    reading = read_bandwidth(rate, text)
    needed = {name: cores_needed(reading, speed) for name, speed in speeds.items()}
    rows = [("tokenised before", 0.0, read_bandwidth(rate, ids), data_bytes(tokens, ids), time)]
    for name, number in needed.items():
        slowed = time_when_fed(time, number, available)
        raw = data_bytes(tokens, stored)
        rows.append((f"tokenised while training, {name}", number, read_bandwidth(rate, stored), raw, slowed))
    way, number_of, read, kept, times = zip(*rows, strict=True)
    return Answer(
        "feed",
        {
            "data": Column("", way),
            "cores": Column("1", number_of),
            "reading": Column("B/s", read),
            "stored": Column("B", kept),
            "time": Column("s", times),
        },
        {
            "rate": rate,
            "reading": read[0],
            "cores": max(needed.values()),
            "available": available,
            "core_hours": core_hours(data_bytes(tokens, text), min(speeds.values())),
            "raw": kept[-1],
            "ids": kept[0],
            "slowed": times[-1],
            "time": time,
        },
        (
            f"Text of {text:g} bytes per token, stored compressed in {stored:g}; token ids in {ids:g}. Filtering and "
            "removing duplicates come before all of this.",
        ),
    )


def _rate(name: str) -> float:
    figure = economics.value(f"tokeniser_rate:{name}")
    return figure.mid * unit(figure.unit.partition(" per ")[0])[0]
