"""Text encoders (BERT, Devlin et al. 2019): tokens that see each other, and a vector of the whole text.

What is counted is the encoder with its pooler, which a task puts its own head on. The head over the vocabulary, on the
15 % of masked tokens, that pre-training has beside is left out: it adds 2 to 4 % to the work.
"""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.architectures.transformer import (
    ElementBytes,
    Pass,
    encoder,
    pass_tokens,
    plain_block,
    product,
    saved_bytes,
)
from costmodel.formula import formula
from costmodel.operators.memory_bound import copy_bytes
from costmodel.program import Operator, Program
from costmodel.trace import constant
from costmodel.units import Count, Number


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape parameters; `position_rows` and `segments` are rows of tables that are added to that of the vocabulary."""

    layers: Count
    hidden: Count
    heads: Count
    ffn: Count
    vocab: Count
    position_rows: Count
    segments: Count
    max_sequence: Count


@formula(r"N_{emb}", source="devlin-2019")
def text_embedding_parameters(vocab: Count, position_rows: Count, segments: Count, hidden: Count) -> Count:
    """Parameters of the tables of tokens, positions and segments, and of the norm behind them (scale and shift)."""
    return (vocab + position_rows + segments + 2) * hidden


def program(shape: Shape, run: Pass, size: ElementBytes, shards: Number, sequence_shards: Number) -> Program:
    """The operators that one of `shards` tensor-parallel devices runs for one forward pass."""
    tokens = pass_tokens(run.sequences, run.queries)
    embedding = Operator(
        "embedding",
        "memory_bound",
        "embedding",
        parameters=text_embedding_parameters(shape.vocab, shape.position_rows, shape.segments, shape.hidden),
        traffic=copy_bytes(tokens, shape.hidden, size.activation),
        high_precision=True,
    )
    pooled = saved_bytes(run.sequences, shape.hidden, size.activation)
    yes = constant(1.0, "bias", "with a bias")
    pooler = product("pooler", run.sequences, shape.hidden, shape.hidden, yes, size, pooled)
    block = plain_block(shape.hidden, shape.heads, shape.ffn)
    return encoder(shape.layers, block, run, size, shards, sequence_shards, (embedding,), (pooler,))
