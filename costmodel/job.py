"""A resolved scenario: every number that the formulas need, each an assumption that can be read many ways.

The sections below are what the formulas see. Their field names are the scenario's paths where a user can
state them ("workload.tokens"), so that one name leads from the file to the formula and back.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from costmodel.architectures.dense_decoder import Shape
from costmodel.architectures.kinds import shape_with
from costmodel.trace import Node
from costmodel.units import (
    Bytes,
    BytesPerSecond,
    Count,
    FlopPerSecond,
    Fraction,
    Kilograms,
    KilogramsPerJoule,
    Number,
    People,
    PerSecond,
    Seconds,
    Usd,
    UsdPerByteSecond,
    UsdPerJoule,
    UsdPerPersonSecond,
    UsdPerSecond,
    Watts,
    unit,
)

# A reader checks first what nobody stated; the catalog's shapes and data sheets come last.
STATUSES = ("given", "inferred", "default", "fitted", "catalog")
RECOMPUTE = ("none", "selective", "full")
QK_NORM = ("none", "head", "all")

Section = TypeVar("Section")


@dataclass(frozen=True, slots=True)
class Assumption:
    """One number that an estimate stands on.

    `low` and `high` are the 10th and 90th percentile, None when taken as exact. `value` is None while a rule
    has still to fill it in.
    """

    path: str
    value: Number
    unit: str
    status: str
    source: str
    low: float | None = None
    high: float | None = None
    note: str = ""


# Sections are made at every start and are neither compared nor printed: without the functions for that, it is quicker.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hardware:
    """A device and its surroundings. `peak` is of the layers' number format, `peak_16bit` of 16 bits or it if wider.

    Attention's kernels take `tile_keys` keys and `tile_rows` queries at a time; `overlap` is the share of moving,
    and of the host's work, that hides under computing.
    """

    memory: Bytes
    memory_bandwidth: BytesPerSecond
    cache: Bytes
    multiprocessors: Count
    tile_keys: Count
    tile_rows: Count
    overlap: Fraction
    peak: FlopPerSecond
    peak_16bit: FlopPerSecond
    link_bandwidth: BytesPerSecond
    scale_up_domain: Count
    network_bandwidth: BytesPerSecond
    tdp: Watts
    idle: Watts
    host_power: Watts


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Work:
    """What is to be done; the fields of the other kinds of workload, and of models, are None.

    `rank` is that of the adapters that are trained alone, None where all weights are.
    """

    tokens: Count
    samples: Count
    epochs: Count
    sequence: Count
    global_batch: Count
    input_tokens: Count
    output_tokens: Count
    requests: Count
    period: Seconds
    rank: Count


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Traffic:
    """How busy a service is: one of a request rate, or requests in flight per replica, as a number (`concurrency`) or
    as a share of the most that run at once (`utilisation`).
    """

    request_rate: PerSecond
    utilisation: Fraction
    concurrency: Count
    max_sequences: Count


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Precision:
    """Bytes per element by use, optimizer state and its traffic per parameter.

    `weights` are those of the layers' products in memory, `file` the same in the model's file, `ends` all others;
    `unpacking` is what could be read while a weight is turned into the format of the products; `scores` those of
    attention that writes them to memory, None where it is fused.
    """

    weights: Bytes
    file: Bytes
    ends: Bytes
    unpacking: Bytes
    activations: Bytes
    kv_cache: Bytes
    logits: Bytes
    scores: Bytes
    gradients: Bytes
    optimizer_state: Bytes
    optimizer_traffic: Bytes


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Layout:
    """How the program is spread; None where a rule will choose.

    `recompute` counts 0 none, 1 selective, 2 full; `sequence_parallel` 1 for yes.
    """

    tp: Count
    pp: Count
    dp: Count
    vp: Count
    zero: Count
    micro_batch: Count
    recompute: Count
    sequence_parallel: Count


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Costs:
    """Prices and factors outside the machine room's clock."""

    own: Count
    price: UsdPerSecond
    hardware_price: Usd
    hardware_life: Seconds
    utilisation: Fraction
    server_overhead: Count
    hosting: UsdPerSecond
    electricity: UsdPerJoule
    pue: Count
    grid: KilogramsPerJoule
    embodied: Kilograms
    storage: UsdPerByteSecond
    data_bytes: Bytes
    checkpoints_kept: Count
    checkpoint_bandwidth: BytesPerSecond
    checkpoint_bandwidth_per_device: BytesPerSecond
    retention: Seconds
    people: People
    team: People
    rate: UsdPerPersonSecond
    working_share: Fraction
    device_mtbf: Seconds
    restart: Seconds


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MatmulLaw:
    """Constants of the law of matrix products in one number format. `backward`: time of that pass over forward's.

    `packing_rows` is zero where a profile does not state it, as those of GPUs.
    """

    compute_efficiency: Fraction
    bandwidth_efficiency: Fraction
    launch: Seconds
    step_per_depth: Seconds
    overlap_power: Count
    write_cost: Count
    quantization_passes: Count
    packing_rows: Count
    backward: Count


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AttentionLaw:
    """Constants of the law of attention in one phase. `backward` is the time of the backward pass over forward's."""

    compute_efficiency: Fraction
    bandwidth_efficiency: Fraction
    launch: Seconds
    step_per_key: Seconds
    time_per_block: Seconds
    backward: Count


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MemoryBoundLaw:
    """Constants of the law of one class of memory-bound operators."""

    bandwidth_efficiency: Fraction
    launch: Seconds
    step_per_column: Seconds
    cache_speedup: Count
    backward: Count


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OptimizerLaw:
    """Constants of the law of the optimizer's step."""

    bandwidth_efficiency: Fraction
    launch: Seconds
    cache_speedup: Count


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LinkLaw:
    """Constants of the law of collectives inside a scale-up domain."""

    bandwidth_efficiency: Fraction
    latency: Seconds
    latency_per_rank: Seconds
    overlap_power: Count


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NetworkLaw:
    """Constants of the law of collectives across scale-up domains."""

    bandwidth_efficiency: Fraction
    latency: Seconds
    latency_per_doubling: Seconds
    overlap_power: Count


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FrameworkLaw:
    """Constants of the software around the operators."""

    time_factor: Count
    hidden_gradient_share: Fraction
    hidden_gather_share: Fraction
    host_time_per_call: Seconds
    host_time_per_step: Seconds
    host_time_per_sequence: Seconds
    context_bytes: Bytes
    fragmentation: Fraction
    prefill_chunk: Count


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PowerLaw:
    """Constants of the law of device power, in shares of TDP above idle."""

    active: Fraction
    per_compute: Count
    per_bandwidth: Count
    cap: Fraction


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Laws:
    """The constants of every law: what a profile says of this device, format and software."""

    matmul: MatmulLaw
    matmul_16bit: MatmulLaw
    attention_prefill: AttentionLaw
    attention_decode: AttentionLaw
    elementwise: MemoryBoundLaw
    activation: MemoryBoundLaw
    norm: MemoryBoundLaw
    softmax: MemoryBoundLaw
    embedding: MemoryBoundLaw
    optimizer: OptimizerLaw
    link: LinkLaw
    network: NetworkLaw
    framework: FrameworkLaw
    power: PowerLaw


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Job:
    """All numbers of one estimate, in one kind of number. `model` is the shape of some architecture."""

    devices: Count
    model: Any
    hardware: Hardware
    workload: Work
    traffic: Traffic
    precision: Precision
    parallelism: Layout
    costs: Costs
    profile: Laws


@cache
def leaves(section: type = Job, prefix: str = "", shape: type = Shape) -> dict[str, str]:
    """The path and unit of every number of a job whose model has a shape of this class."""
    found: dict[str, str] = {}
    for name, inner, written in _plan(section, shape):
        found |= leaves(inner, f"{prefix}{name}.") if inner else {prefix + name: written}
    return found


@cache
def _plan(section: Any, shape: type) -> tuple[tuple[str, Any, str], ...]:
    """The fields of a section: name, class where it is a section itself, unit where it is a number."""
    hints = typing.get_type_hints(section, include_extras=True)
    if section is Job:
        hints["model"] = shape
    return tuple((n, h, "") if dataclasses.is_dataclass(h) else (n, None, h.__metadata__[0]) for n, h in hints.items())


def build(section: type[Section], value: Callable[[str], Number], prefix: str = "", shape: type = Shape) -> Section:
    """A job (or section) with every number from `value(path)`, and a model of this class of shapes."""
    numbers: dict[str, Any] = {}
    for name, inner, _ in _plan(typing.cast(Any, section), shape):
        numbers[name] = build(inner, value, f"{prefix}{name}.") if inner else value(prefix + name)
    return section(**numbers)


Assumptions = dict[str, Assumption]


def assemble(assumptions: Assumptions, value: Callable[[str], Number]) -> Job:
    """The job of these assumptions with every number from `value(path)`."""
    start = "model."
    fields = {path.removeprefix(start) for path in assumptions if path.startswith(start)}
    return build(Job, value, shape=shape_with(fields))


def numbers(assumptions: Assumptions, instead: Mapping[str, Number] = {}) -> Job:
    """The job in plain numbers, `instead` those of some paths."""
    return assemble(assumptions, lambda path: instead[path] if path in instead else assumptions[path].value)


def nodes(assumptions: Assumptions) -> Job:
    """The job in traced numbers, each of which knows its assumption."""

    def node(path: str) -> Number:
        leaf = assumptions[path]
        return None if leaf.value is None else Node(leaf.value, path, leaf=leaf)

    return assemble(assumptions, node)


def dimensions(assumptions: Assumptions) -> Job:
    """The job in dimensions alone: an estimate of it checks the units of everything it passes through."""

    def dimension(path: str) -> Number:
        return None if assumptions[path].value is None else unit(assumptions[path].unit)[1]

    return assemble(assumptions, dimension)
