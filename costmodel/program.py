"""A model as a program of operators: parameters, FLOPs, bytes, memory and time are readings of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import reduce

from costmodel import ops
from costmodel.formula import formula
from costmodel.trace import constant
from costmodel.units import Bytes, Count, Flop, Number, Seconds


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator as one device runs it, forward, for one micro-batch.

    Attributes
    ----------
    name : as in the architecture, e.g. "qkv".
    kind : "matmul", "attention" or "memory_bound": the form of the law that times it.
    operation : which constants that law takes: a class of memory-bound operators, a phase of attention.
    parameters : parameters that this device holds for it.
    flops, traffic : operations and memory traffic [B].
    inputs, outputs : of that traffic what a product reads of activations and what it writes [B].
    rows : of the input of a product, where cores may have to lay out the weights anew for them.
    depth : length of its serial walk: k of a product, keys of attention, the row that a block takes.
    work, blocks : operations that attention's time goes by, and the blocks that it is cut into.
    edge, queries, sharing : of attention under a causal mask the work of one key for every query; queries of a
        sequence; rows of queries that share a KV head.
    calls : how many equal kernels it stands for; `depth` and `blocks` are those of one, the rest is that of all.
    saved : bytes kept for the backward pass when nothing is recomputed.
    cheap : a memory-bound operator can rebuild what is saved, which selective recomputation does.
    high_precision : stays in 16 bits even when the layers compute in 8 or 4.
    frozen : its parameters are not trained.
    sparse : a pass touches few of its parameters, which the backward pass updates on the way; no two devices have the
        same ones.

    """

    name: str
    kind: str
    operation: str = ""
    parameters: Number = 0.0
    flops: Number = 0.0
    traffic: Number = 0.0
    inputs: Number = 0.0
    outputs: Number = 0.0
    rows: Number = 1.0
    depth: Number = 0.0
    work: Number = 0.0
    blocks: Number = 0.0
    edge: Number = 0.0
    queries: Number = 1.0
    sharing: Number = 1.0
    calls: Number = field(default_factory=lambda: constant(1.0, "calls", "one kernel unless said otherwise"))
    saved: Number = 0.0
    cheap: bool = False
    high_precision: bool = False
    frozen: bool = False
    sparse: bool = False

    @property
    def compressed(self) -> bool:
        """Whether its parameters are in the format of the layers' weights, and not in 16 bits."""
        return self.kind == "matmul" and not self.high_precision


@dataclass(frozen=True, slots=True)
class Program:
    """The operators of one device: `layer` runs `layers` times in the whole model, `first` and `last` once each.

    `boundary` is the size of what one layer hands to the next [B], `reduced` what each all-reduce of tensor parallelism
    sums [B], `exchanged` what an all-to-all in its place sends once [B]. Of one layer, `kv_per_token` is what a token
    leaves in the KV cache [B], `kv_per_sequence` what the output of an encoder does, once a sequence [B].
    """

    layers: Number
    layer: tuple[Operator, ...]
    first: tuple[Operator, ...]
    last: tuple[Operator, ...]
    boundary: Number
    reduced: Number | None = None
    exchanged: Number | None = None
    kv_per_token: Number = 0.0
    kv_per_sequence: Number | None = None

    @property
    def parts(self) -> tuple[tuple[Operator, ...], ...]:
        """The layer and both ends, in the order in which the formulas of stacks take them."""
        return self.layer, self.first, self.last

    @property
    def ends(self) -> tuple[Operator, ...]:
        """What runs once in the whole model."""
        return self.first + self.last


@formula(r"N", source="definition")
def model_parameters(layers: Count, per_layer: Count, first: Count, last: Count) -> Count:
    """Parameters of a stack of equal layers between an input and an output part."""
    return layers * per_layer + first + last


@formula(r"F", source="definition")
def model_flops(layers: Count, per_layer: Flop, first: Flop, last: Flop) -> Flop:
    """Operations of one forward pass through a stack of equal layers between an input and an output part."""
    return layers * per_layer + first + last


@formula(r"t_{stack}", source="definition")
def stack_time(layers: Count, per_layer: Seconds, first: Seconds, last: Seconds) -> Seconds:
    """Time of one pass through a stack of equal layers between an input and an output part."""
    return layers * per_layer + first + last


def summed(operators: Iterable[Operator], value: Callable[[Operator], Number]) -> Number:
    """The total of `value` over operators, one traced node with the operators' names."""
    return ops.total({operator.name: value(operator) for operator in operators})


@formula(r"n", source="definition")
def repeated_count(times: Count, count: Count) -> Count:
    """A count that recurs."""
    return times * count


@formula(r"F", source="definition")
def repeated_flops(times: Count, flops: Flop) -> Flop:
    """Operations that recur."""
    return times * flops


@formula(r"B", source="definition")
def repeated_bytes(times: Count, size: Bytes) -> Bytes:
    """Bytes that recur."""
    return times * size


RECURRING = {
    repeated_count: ("parameters", "calls"),
    repeated_flops: ("flops", "work", "edge"),
    repeated_bytes: ("traffic", "inputs", "outputs", "saved"),
}


def repeated(times: Number, operators: Iterable[Operator]) -> tuple[Operator, ...]:
    """Operators that stand `times` over in a model, each with weights of its own."""

    def recurring(operator: Operator) -> Iterator[tuple[str, Number]]:
        for rule, names in RECURRING.items():
            for name in names:
                value = getattr(operator, name)
                if not (isinstance(value, float) and value == 0):  # nothing stays nothing, of whatever unit
                    yield name, rule(times, value)

    return tuple(replace(o, **dict(recurring(o))) for o in operators)


def largest(operators: Iterable[Operator], value: Callable[[Operator], Number]) -> Number:
    """The largest `value` of an operator."""
    return reduce(ops.maximum, map(value, operators))


def parameters(program: Program) -> Number:
    """Parameters of the whole program."""
    return model_parameters(program.layers, *(summed(part, lambda o: o.parameters) for part in program.parts))


def trained(operators: Iterable[Operator]) -> Number:
    """Parameters of operators that are trained."""
    return summed(operators, lambda o: 0.0 if o.frozen else o.parameters)


def reduced(operators: Iterable[Operator]) -> Number:
    """Parameters of operators that have a gradient, which devices with the same parameters reduce."""
    return summed((o for o in operators if not o.sparse), lambda o: 0.0 if o.frozen else o.parameters)


def frozen_flops(program: Program) -> Number:
    """Operations of one forward pass in products whose parameters are not trained [FLOP]."""
    frozen = (summed(part, lambda o: o.flops if o.frozen and o.kind == "matmul" else 0.0) for part in program.parts)
    return model_flops(program.layers, *frozen)


def forward_flops(program: Program) -> Number:
    """Operations of one forward pass [FLOP]."""
    return model_flops(program.layers, *(summed(part, lambda o: o.flops) for part in program.parts))
