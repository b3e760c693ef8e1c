"""Recommenders with embedding tables (DLRM, Naumov et al. 2019): look-ups, a small MLP on each side, dot products.

The tables are shared out over the devices of a tensor-parallel group, which also share its samples: every device looks
up all samples in its part of the tables, sends the vectors to the devices that have the samples (an all-to-all), and
runs the MLPs, of which each device has a copy, on its own samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from costmodel.architectures.transformer import ElementBytes, Pass, product, saved_bytes, sharded
from costmodel.formula import formula
from costmodel.operators.matmul import matmul_flops
from costmodel.operators.memory_bound import copy_bytes, loss_bytes
from costmodel.program import Operator, Program
from costmodel.trace import constant
from costmodel.units import Bytes, Count, Number


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape parameters: `rows` of all `tables` together, each `dim` wide; `lookups` of a sample in all tables.

    `inputs` numbers of a sample go through a bottom MLP of widths bottom_1, bottom_2, dim; what both give goes through
    a top MLP of widths top_1 to top_4, 1.
    """

    tables: Count
    rows: Count
    dim: Count
    lookups: Count
    inputs: Count
    bottom_1: Count
    bottom_2: Count
    top_1: Count
    top_2: Count
    top_3: Count
    top_4: Count


@formula(r"N_{tab}", source="naumov-2019")
def table_parameters(rows: Count, dim: Count, shards: Count) -> Count:
    """Parameters of the embedding tables on one of `shards` devices that share them."""
    return rows * dim / shards


@formula(r"n_{look}", source="naumov-2019")
def looked_up(lookups: Count, dim: Count) -> Count:
    """Numbers that are looked up for a sample."""
    return lookups * dim


@formula(r"n_{pair}", source="definition")
def all_pairs(vectors: Count) -> Count:
    """Dot products that a kernel computes, half of which are kept."""
    return vectors**2


@formula(r"n_{vec}", source="naumov-2019")
def vectors(tables: Count) -> Count:
    """Vectors of a sample that meet each other: one from each table and the bottom MLP's output."""
    return tables + 1


@formula(r"n_{dot}", source="naumov-2019")
def interactions(vectors: Count, dim: Count) -> Count:
    """Numbers that go into the top MLP: a dot product of each pair of vectors, and the bottom MLP's output."""
    return vectors * (vectors - 1) / 2 + dim


@formula(r"B_{a2a}", source="naumov-2019")
def exchanged_bytes(samples: Count, tables: Count, dim: Count, shards: Count, element_bytes: Bytes) -> Bytes:
    """Bytes of vectors that a device has looked up for all samples of its group, most of them for other devices."""
    return samples * tables * dim / shards * element_bytes


@formula(r"B_{dot}", source="definition")
def interaction_bytes(samples: Count, vectors: Count, dim: Count, outputs: Count, element_bytes: Bytes) -> Bytes:
    """Traffic of the dot products: all vectors are read, what goes into the top MLP is written."""
    return samples * (vectors * dim + outputs) * element_bytes


def program(shape: Shape, run: Pass, size: ElementBytes, shards: Number, sequence_shards: Number) -> Program:
    """The operators of one of `shards` devices that share tables and samples, for `run.sequences` samples in all."""
    here = sharded(run.sequences, shards)
    lookups = Operator(
        "embedding tables",
        "memory_bound",
        "embedding",
        parameters=table_parameters(shape.rows, shape.dim, shards),
        traffic=copy_bytes(here, looked_up(shape.lookups, shape.dim), size.activation),
        high_precision=True,
        sparse=True,
    )
    one = constant(1.0, "one", "the chance of a click")
    found, width = vectors(shape.tables), interactions(vectors(shape.tables), shape.dim)
    dots = Operator(
        "dot products",
        "memory_bound",
        "elementwise",
        flops=matmul_flops(here, all_pairs(found), shape.dim),
        traffic=interaction_bytes(here, found, shape.dim, width, size.activation),
        saved=saved_bytes(here, looked_up(found, shape.dim), size.activation),
    )
    loss = Operator(
        "loss",
        "memory_bound",
        "softmax",
        traffic=loss_bytes(here, one, size.logit),
        saved=saved_bytes(here, one, size.logit),
    )
    bottom = _mlp("bottom", here, (shape.inputs, shape.bottom_1, shape.bottom_2, shape.dim), size)
    top = _mlp("top", here, (width, shape.top_1, shape.top_2, shape.top_3, shape.top_4, one), size)
    return Program(
        layers=constant(1.0, "layers", "the model counts as one layer"),
        layer=(lookups, *bottom, dots, *top),
        first=(),
        last=(loss,),
        boundary=saved_bytes(here, shape.inputs, size.activation),
        exchanged=exchanged_bytes(run.sequences, shape.tables, shape.dim, shards, size.activation),
    )


def _mlp(name: str, rows: Number, widths: tuple[Number, ...], size: ElementBytes) -> tuple[Operator, ...]:
    """Products with a bias, each with a ReLU behind it that its kernel does in passing."""
    yes = constant(1.0, "bias", "with a bias")
    return tuple(
        product(f"{name} {place}", rows, n, k, yes, size, saved_bytes(rows, k, size.activation))
        for place, (k, n) in enumerate(pairwise(widths), start=1)
    )
