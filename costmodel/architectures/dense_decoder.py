"""Dense decoder transformers: Llama- and GPT-like, MHA, GQA or MQA, gated or plain MLP, tied or untied.

Embedding and head are split by vocabulary among tensor-parallel devices (Shoeybi et al. 2019, arXiv:1909.08053, §3),
layers as in architectures/transformer.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from costmodel import ops
from costmodel.architectures.transformer import (
    Block,
    ElementBytes,
    Pass,
    layer,
    local_kv_heads,
    norm,
    norm_parameters,
    pass_tokens,
    saved_bytes,
    sharded,
    tensor_parallel_payload,
)
from costmodel.formula import formula
from costmodel.operators.attention import kv_bytes_per_token
from costmodel.operators.matmul import matmul_bytes, matmul_flops, matrix_bytes
from costmodel.operators.memory_bound import copy_bytes, loss_bytes
from costmodel.program import Operator, Program
from costmodel.units import Count, Number


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape parameters; those from `gated` on are 1 for yes and 0 for no unless said otherwise.

    `norm_vectors`: parameter vectors per norm (1 RMS norm, 2 layer norm with bias, 0 none). `layer_norms`: norms
    per layer. `learned_positions`: rows of a learned position table (0 for rotary and ALiBi). `qk_norm`: 0 none, 1 one
    vector that all heads share, 2 a vector over all heads together.
    """

    layers: Count
    hidden: Count
    heads: Count
    kv_heads: Count
    head_dim: Count
    ffn: Count
    vocab: Count
    max_sequence: Count
    gated: Count
    tied: Count
    qkv_bias: Count
    output_bias: Count
    mlp_bias: Count
    head_bias: Count
    qk_norm: Count
    norm_vectors: Count
    layer_norms: Count
    embedding_norm: Count
    learned_positions: Count


@formula(r"N_{emb}", source="definition")
def embedding_parameters(vocab: Count, hidden: Count, learned_positions: Count, shards: Count) -> Count:
    """Parameters of the token table, split by vocabulary, and of the position table, if one is learned."""
    return vocab * hidden / shards + learned_positions * hidden


@formula(r"N_{head}", source="definition")
def head_parameters(vocab: Count, hidden: Count, tied: Count, bias: Count, shards: Count) -> Count:
    """Parameters of the output head: none of its own when tied to the token table."""
    return (1 - tied) * vocab * hidden / shards + bias * vocab / shards


def block_of(shape: Shape) -> Block:
    """The widths of a layer."""
    return Block(**{name: getattr(shape, name) for name in Block.__slots__})


def program(shape: Shape, run: Pass, size: ElementBytes, shards: Number, sequence_shards: Number) -> Program:
    """The operators that one of `shards` tensor-parallel devices runs for one forward pass.

    Norms and residuals run on 1 / `sequence_shards` of the tokens.
    """
    tokens = pass_tokens(run.sequences, run.queries)
    return Program(
        layers=shape.layers,
        layer=layer(block_of(shape), run, size, shards, sequence_shards),
        first=(_embedding(shape, tokens, size, shards),),
        last=_head(shape, pass_tokens(run.sequences, run.head_queries), size, shards),
        boundary=saved_bytes(sharded(tokens, sequence_shards), shape.hidden, size.activation),
        reduced=tensor_parallel_payload(tokens, shape.hidden, size.activation),
        kv_per_token=kv_bytes_per_token(local_kv_heads(shape.kv_heads, shards), shape.head_dim, size.kv),
    )


def _embedding(shape: Shape, tokens: Number, size: ElementBytes, shards: Number) -> Operator:
    return Operator(
        "embedding",
        "memory_bound",
        "embedding",
        parameters=ops.total(
            {
                "tables": embedding_parameters(shape.vocab, shape.hidden, shape.learned_positions, shards),
                "norm": norm_parameters(shape.hidden, shape.norm_vectors, shape.embedding_norm),
            }
        ),
        traffic=copy_bytes(tokens, shape.hidden, size.activation),
        high_precision=True,
    )


def _head(shape: Shape, tokens: Number, size: ElementBytes, shards: Number) -> tuple[Operator, ...]:
    vocab = sharded(shape.vocab, shards)
    head = Operator(
        "head",
        "matmul",
        parameters=head_parameters(shape.vocab, shape.hidden, shape.tied, shape.head_bias, shards),
        flops=matmul_flops(tokens, vocab, shape.hidden),
        traffic=matmul_bytes(tokens, vocab, shape.hidden, size.activation, size.activation),
        inputs=matrix_bytes(tokens, shape.hidden, size.activation),
        outputs=matrix_bytes(tokens, vocab, size.activation),
        rows=tokens,
        depth=shape.hidden,
        high_precision=True,
    )
    loss = Operator(
        "softmax and loss",
        "memory_bound",
        "softmax",
        traffic=loss_bytes(tokens, vocab, size.logit),
        depth=vocab,
        saved=saved_bytes(tokens, vocab, size.logit),
    )
    return norm("final norm", tokens, shape.hidden, size, shape.norm_vectors), head, loss
