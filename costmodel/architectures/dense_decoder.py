"""Dense decoder transformers: Llama- and GPT-like, MHA, GQA or MQA, gated or plain MLP, tied or untied.

Sharding follows Shoeybi et al. 2019 (arXiv:1909.08053), §3: QKV and up-projection split by columns, output and
down-projection by rows, embedding and head by vocabulary; norms run on shards of the sequence
where sequence parallelism is on (Korthikanti et al. 2022, arXiv:2205.05198, §4.2.2), else on all of it. KV heads
fewer than shards are replicated.
"""

from __future__ import annotations

from dataclasses import dataclass

from costmodel import ops
from costmodel.formula import formula
from costmodel.operators.attention import (
    attention_bytes,
    attention_flops,
    attention_pairs,
    attention_work,
    decode_blocks,
    kv_bytes_per_token,
    prefill_blocks,
    row_padding,
    tiled_pairs,
)
from costmodel.operators.matmul import matmul_bytes, matmul_flops, matrix_bytes, parameter_count_matmul
from costmodel.operators.memory_bound import (
    activation_traffic,
    copy_bytes,
    loss_bytes,
    norm_bytes,
    residual_bytes,
)
from costmodel.program import Operator, Program
from costmodel.trace import constant
from costmodel.units import Bytes, Count, Number


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


@dataclass(frozen=True, slots=True)
class Pass:
    """What goes through the program at once: `sequences` of `queries` new tokens each, behind `context` cached ones.

    `head_queries`: tokens per sequence that reach the output head (all in training, one in generation). `decode`: each
    sequence makes one token.
    """

    sequences: Count
    queries: Count
    context: Count
    head_queries: Count
    decode: bool = False


@dataclass(frozen=True, slots=True)
class ElementBytes:
    """Bytes per element: of weights as stored, of activations, of the KV cache, of logits."""

    weight: Bytes
    activation: Bytes
    kv: Bytes
    logit: Bytes


@formula(r"T", source="definition")
def pass_tokens(sequences: Count, queries: Count) -> Count:
    """Tokens that go through the program at once."""
    return sequences * queries


@formula(r"a_{loc}", source="shoeybi-2019")
def local_heads(heads: Count, shards: Count) -> Count:
    """Query heads on one device; the slowest device has the rounded-up number."""
    return ops.ceil(heads / shards)


@formula(r"g_{loc}", source="pope-2022")
def local_kv_heads(kv_heads: Count, shards: Count) -> Count:
    """KV heads on one device: shared out, and replicated once there are more shards than heads."""
    return ops.maximum(ops.ceil(kv_heads / shards), 1)


@formula(r"n_{qkv}", source="ainslie-2023")
def qkv_width(heads: Count, kv_heads: Count, head_dim: Count) -> Count:
    """Columns of the fused query, key and value projection."""
    return (heads + 2 * kv_heads) * head_dim


@formula(r"n_{att}", source="vaswani-2017")
def attention_width(heads: Count, head_dim: Count) -> Count:
    """Features that the heads of attention put out."""
    return heads * head_dim


@formula(r"n_{up}", source="shazeer-2020")
def up_width(ffn: Count, gated: Count, shards: Count) -> Count:
    """Columns of the up-projection on one device; a gated MLP has a second matrix of the same size."""
    return (1 + gated) * ffn / shards


@formula(r"n_{sh}", source="shoeybi-2019")
def sharded(width: Count, shards: Count) -> Count:
    """A width split evenly over shards."""
    return width / shards


@formula(r"N_{norm}", source="definition")
def norm_parameters(width: Count, vectors: Count, norms: Count = 1.0) -> Count:
    """Parameters of `norms` norms over `width` features with `vectors` parameter vectors each."""
    return width * vectors * norms


@formula(r"N_{qk}", source="definition")
def qk_norm_parameters(heads: Count, kv_heads: Count, head_dim: Count, qk_norm: Count) -> Count:
    """Parameters of the norms on queries and keys: none, a vector each that all heads share, or one over all heads."""
    return head_dim * ops.where(qk_norm >= 2, heads + kv_heads, 2 * qk_norm)


@formula(r"N_{emb}", source="definition")
def embedding_parameters(vocab: Count, hidden: Count, learned_positions: Count, shards: Count) -> Count:
    """Parameters of the token table, split by vocabulary, and of the position table, if one is learned."""
    return vocab * hidden / shards + learned_positions * hidden


@formula(r"N_{head}", source="definition")
def head_parameters(vocab: Count, hidden: Count, tied: Count, bias: Count, shards: Count) -> Count:
    """Parameters of the output head: none of its own when tied to the token table."""
    return (1 - tied) * vocab * hidden / shards + bias * vocab / shards


@formula(r"A_{save}", source="korthikanti-2022")
def saved_bytes(rows: Count, width: Count, element_bytes: Bytes) -> Bytes:
    """Bytes of a matrix kept for the backward pass."""
    return rows * width * element_bytes


@formula(r"A_{norm}", source="korthikanti-2022")
def norm_inputs_bytes(rows: Count, width: Count, element_bytes: Bytes) -> Bytes:
    """Bytes that a layer's two norms keep of their inputs for the backward pass."""
    return 2 * rows * width * element_bytes


def _matmul(
    name: str, m: Number, n: Number, k: Number, bias: Number, size: ElementBytes, saved: Number, cheap: bool = True
) -> Operator:
    """A product whose input is kept for the weights' gradient; `cheap` if a norm or activation can rebuild it."""
    return Operator(
        name,
        "matmul",
        parameters=parameter_count_matmul(n, k, bias),
        flops=matmul_flops(m, n, k),
        traffic=matmul_bytes(m, n, k, size.activation, size.weight),
        inputs=matrix_bytes(m, k, size.activation),
        outputs=matrix_bytes(m, n, size.activation),
        depth=k,
        saved=saved,
        cheap=cheap,
    )


def program(shape: Shape, run: Pass, size: ElementBytes, shards: Number, sequence_shards: Number) -> Program:
    """The operators that one of `shards` tensor-parallel devices runs for one forward pass.

    Norms and residuals run on 1 / `sequence_shards` of the tokens.
    """
    tokens = pass_tokens(run.sequences, run.queries)
    sequence_shard = sharded(tokens, sequence_shards)
    heads, kv_heads = local_heads(shape.heads, shards), local_kv_heads(shape.kv_heads, shards)
    qkv = qkv_width(heads, kv_heads, shape.head_dim)
    attention_out = attention_width(heads, shape.head_dim)
    up, ffn = up_width(shape.ffn, shape.gated, shards), sharded(shape.ffn, shards)
    kv = kv_bytes_per_token(kv_heads, shape.head_dim, size.kv)
    pairs = attention_pairs(run.sequences, run.queries, run.context)
    normed = saved_bytes(sequence_shard, shape.hidden, size.activation)
    attended = saved_bytes(tokens, attention_out, size.activation)
    activated = saved_bytes(tokens, ffn, size.activation)

    norm = Operator(
        "norms",
        "memory_bound",
        "norm",
        parameters=norm_parameters(shape.hidden, shape.norm_vectors, shape.layer_norms),
        traffic=norm_bytes(sequence_shard, shape.hidden, size.activation, shape.layer_norms),
        depth=shape.hidden,
        calls=shape.layer_norms,
        saved=norm_inputs_bytes(sequence_shard, shape.hidden, size.activation),
    )
    sums = constant(2.0, "sums", "a layer adds the outputs of attention and MLP to what came in")
    residuals = Operator(
        "residuals",
        "memory_bound",
        "elementwise",
        traffic=residual_bytes(sequence_shard, shape.hidden, size.activation, sums),
        calls=sums,
    )
    rotary = Operator(
        "positions and KV write",
        "memory_bound",
        "activation",
        parameters=qk_norm_parameters(heads, kv_heads, shape.head_dim, shape.qk_norm),
        traffic=copy_bytes(tokens, qkv, size.activation),
        depth=qkv,
    )
    attention = Operator(
        "attention",
        "attention",
        "attention_decode" if run.decode else "attention_prefill",
        flops=attention_flops(pairs, heads, shape.head_dim),
        traffic=attention_bytes(run.sequences, run.queries, run.context, heads, shape.head_dim, size.activation, kv),
        depth=attention_keys(run.queries, run.context),
        work=attention_work(
            tiled_pairs(pairs, run.sequences, run.queries),
            heads,
            shape.head_dim,
            row_padding(run.queries, heads, kv_heads),
        ),
        blocks=decode_blocks(run.sequences, kv_heads)
        if run.decode
        else prefill_blocks(run.sequences, run.queries, heads),
        saved=saved_bytes(tokens, qkv, size.activation),
        high_precision=True,
    )
    activation = Operator(
        "activation",
        "memory_bound",
        "activation",
        traffic=activation_traffic(tokens, up, ffn, size.activation),
        depth=ffn,
        saved=saved_bytes(tokens, up, size.activation),
    )
    layer = (
        norm,
        residuals,
        _matmul("qkv", tokens, qkv, shape.hidden, shape.qkv_bias, size, normed),
        rotary,
        attention,
        _matmul("output", tokens, shape.hidden, attention_out, shape.output_bias, size, attended, cheap=False),
        _matmul("up", tokens, up, shape.hidden, shape.mlp_bias, size, normed),
        activation,
        _matmul("down", tokens, shape.hidden, ffn, shape.mlp_bias, size, activated),
    )
    return Program(
        layers=shape.layers,
        layer=layer,
        first=(_embedding(shape, tokens, size, shards),),
        last=_head(shape, pass_tokens(run.sequences, run.head_queries), size, shards),
        boundary=normed,
        kv_per_token=kv,
    )


@formula(r"L_{keys}", source="definition")
def attention_keys(queries: Count, context: Count) -> Count:
    """Keys that the last query walks over."""
    return queries + context


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
        depth=shape.hidden,
        high_precision=True,
    )
    norm = Operator(
        "final norm",
        "memory_bound",
        "norm",
        parameters=norm_parameters(shape.hidden, shape.norm_vectors),
        traffic=norm_bytes(tokens, shape.hidden, size.activation),
        depth=shape.hidden,
        saved=saved_bytes(tokens, shape.hidden, size.activation),
    )
    loss = Operator(
        "softmax and loss",
        "memory_bound",
        "softmax",
        traffic=loss_bytes(tokens, vocab, size.logit),
        depth=vocab,
        saved=saved_bytes(tokens, vocab, size.logit),
    )
    return norm, head, loss
