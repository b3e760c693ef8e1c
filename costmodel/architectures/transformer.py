"""One layer of a transformer, which decoders and encoders share: attention and MLP, each behind a norm.

Sharding follows Shoeybi et al. 2019 (arXiv:1909.08053), §3: QKV and up-projection split by columns, output and
down-projection by rows; norms run on shards of the sequence where sequence parallelism is on (Korthikanti et al. 2022,
arXiv:2205.05198, §4.2.2), else on all of it. KV heads fewer than shards are replicated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from costmodel import ops
from costmodel.formula import formula
from costmodel.operators.attention import (
    attention_bytes,
    attention_flops,
    attention_pairs,
    attention_work,
    decode_blocks,
    full_pairs,
    kv_bytes_per_token,
    prefill_blocks,
    saved_score_bytes,
    score_bytes,
    score_product_bytes,
    sharing_rows,
    softmax_and_dropout_bytes,
)
from costmodel.operators.matmul import matmul_bytes, matmul_flops, matrix_bytes, parameter_count_matmul
from costmodel.operators.memory_bound import activation_traffic, copy_bytes, norm_bytes, residual_bytes
from costmodel.program import Operator, Program
from costmodel.trace import constant
from costmodel.units import Bytes, Count, Number


@dataclass(frozen=True, slots=True)
class Block:
    """The widths of a layer; those from `gated` on as in the shape of a dense decoder."""

    hidden: Count
    heads: Count
    kv_heads: Count
    head_dim: Count
    ffn: Count
    gated: Count
    qkv_bias: Count
    output_bias: Count
    mlp_bias: Count
    qk_norm: Count
    norm_vectors: Count
    layer_norms: Count


@dataclass(frozen=True, slots=True)
class Pass:
    """What goes through the program at once: `sequences` of `queries` new tokens each, behind `context` cached ones.

    `head_queries`: tokens per sequence that reach the output head (all in training, one in generation). `decode`: each
    sequence makes one token. `frozen`: nothing is trained, so that norms over a batch are part of the weights.
    """

    sequences: Count
    queries: Count
    context: Count
    head_queries: Count
    decode: bool = False
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class ElementBytes:
    """Bytes per element: of weights as stored, of activations, of the KV cache, of logits.

    `score` is that of the scores that unfused attention writes, None where attention is fused.
    """

    weight: Bytes
    activation: Bytes
    kv: Bytes
    logit: Bytes
    score: Bytes | None = None


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


@formula(r"A_{save}", source="korthikanti-2022")
def saved_bytes(rows: Count, width: Count, element_bytes: Bytes) -> Bytes:
    """Bytes of a matrix kept for the backward pass."""
    return rows * width * element_bytes


@formula(r"A_{norm}", source="korthikanti-2022")
def norm_inputs_bytes(rows: Count, width: Count, element_bytes: Bytes) -> Bytes:
    """Bytes that a layer's two norms keep of their inputs for the backward pass."""
    return 2 * rows * width * element_bytes


def product(
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
        rows=m,
        depth=k,
        saved=saved,
        cheap=cheap,
    )


def norm(name: str, rows: Number, width: Number, size: ElementBytes, vectors: Number | None = None) -> Operator:
    """One norm over the features of each row, with a scale and a shift unless `vectors` says otherwise."""
    if vectors is None:
        vectors = constant(2.0, "vectors", "a scale and a shift")
    return Operator(
        name,
        "memory_bound",
        "norm",
        parameters=norm_parameters(width, vectors),
        traffic=norm_bytes(rows, width, size.activation),
        depth=width,
        saved=saved_bytes(rows, width, size.activation),
    )


def added(name: str, table: Number, rows: Number, width: Number, size: ElementBytes) -> Operator:
    """A table of so many parameters, such as that of positions, added to the rows; kept in 16 bits."""
    return Operator(
        name,
        "memory_bound",
        "elementwise",
        parameters=table,
        traffic=copy_bytes(rows, width, size.activation),
        high_precision=True,
    )


@formula(r"L_{keys}", source="definition")
def attention_keys(queries: Count, context: Count) -> Count:
    """Keys that the last query walks over."""
    return queries + context


@formula(r"S_{tp}", source="shoeybi-2019")
def tensor_parallel_payload(tokens: Count, hidden: Count, element_bytes: Bytes) -> Bytes:
    """Bytes that each tensor-parallel all-reduce sums: one layer's output for a micro-batch."""
    return tokens * hidden * element_bytes


def plain_block(hidden: Number, heads: Number, ffn: Number) -> Block:
    """A layer as in GPT-2, BERT and ViT: heads of their own keys and values, biases everywhere, an MLP without gate."""
    yes, no = constant(1.0, "yes", "with biases"), constant(0.0, "no", "no gate, and no norms of queries and keys")
    two = constant(2.0, "two", "a layer has two norms, each with a scale and a shift")
    dim = head_width(hidden, heads)
    return Block(hidden, heads, heads, dim, ffn, no, yes, yes, yes, no, two, two)


@formula(r"d_h", source="vaswani-2017")
def head_width(hidden: Count, heads: Count) -> Count:
    """Features of a head when all heads together are as wide as the model."""
    return hidden / heads


def layer(
    block: Block,
    run: Pass,
    size: ElementBytes,
    shards: Number,
    sequence_shards: Number,
    masked: bool = True,
) -> tuple[Operator, ...]:
    """The operators of a layer on one of `shards` tensor-parallel devices.

    Norms and residuals run on 1 / `sequence_shards` of the tokens. `masked`: a token sees those before it alone, as in
    a decoder; else all of them.
    """
    tokens = pass_tokens(run.sequences, run.queries)
    sequence_shard = sharded(tokens, sequence_shards)
    heads, kv_heads = local_heads(block.heads, shards), local_kv_heads(block.kv_heads, shards)
    qkv = qkv_width(heads, kv_heads, block.head_dim)
    attention_out = attention_width(heads, block.head_dim)
    up, ffn = up_width(block.ffn, block.gated, shards), sharded(block.ffn, shards)
    kv = kv_bytes_per_token(kv_heads, block.head_dim, size.kv)
    pairs = (
        attention_pairs(run.sequences, run.queries, run.context)
        if masked
        else full_pairs(run.sequences, run.queries, run.queries)
    )
    normed = saved_bytes(sequence_shard, block.hidden, size.activation)
    attended = saved_bytes(tokens, attention_out, size.activation)
    activated = saved_bytes(tokens, ffn, size.activation)

    norm = Operator(
        "norms",
        "memory_bound",
        "norm",
        parameters=norm_parameters(block.hidden, block.norm_vectors, block.layer_norms),
        traffic=norm_bytes(sequence_shard, block.hidden, size.activation, block.layer_norms),
        depth=block.hidden,
        calls=block.layer_norms,
        saved=norm_inputs_bytes(sequence_shard, block.hidden, size.activation),
    )
    sums = constant(2.0, "sums", "a layer adds the outputs of attention and MLP to what came in")
    residuals = Operator(
        "residuals",
        "memory_bound",
        "elementwise",
        traffic=residual_bytes(sequence_shard, block.hidden, size.activation, sums),
        calls=sums,
    )
    rotary = Operator(
        "positions and KV write",
        "memory_bound",
        "activation",
        parameters=qk_norm_parameters(heads, kv_heads, block.head_dim, block.qk_norm),
        traffic=copy_bytes(tokens, qkv, size.activation),
        depth=qkv,
    )
    attended_bytes = attention_bytes(
        run.sequences, run.queries, run.context, heads, block.head_dim, size.activation, kv
    )
    keys, kept = attention_keys(run.queries, run.context), saved_bytes(tokens, qkv, size.activation)
    if size.score is None:
        fused = attend("attention", block, run, heads, kv_heads, pairs, attended_bytes, keys, kept, masked)
        attention: tuple[Operator, ...] = (fused,)
    else:
        attention = unfused(block, run, heads, attended_bytes, attended, keys, kept, size.score)
    activation = Operator(
        "activation",
        "memory_bound",
        "activation",
        traffic=activation_traffic(tokens, up, ffn, size.activation),
        depth=ffn,
        saved=saved_bytes(tokens, up, size.activation),
    )
    return (
        norm,
        residuals,
        product("qkv", tokens, qkv, block.hidden, block.qkv_bias, size, normed),
        rotary,
        *attention,
        product("output", tokens, block.hidden, attention_out, block.output_bias, size, attended, cheap=False),
        product("up", tokens, up, block.hidden, block.mlp_bias, size, normed),
        activation,
        product("down", tokens, block.hidden, ffn, block.mlp_bias, size, activated),
    )


def encoder(
    layers: Number,
    block: Block,
    run: Pass,
    size: ElementBytes,
    shards: Number,
    sequence_shards: Number,
    first: tuple[Operator, ...],
    last: tuple[Operator, ...],
) -> Program:
    """An encoder: layers in which all tokens see each other, between what stands `first` and `last`."""
    tokens = pass_tokens(run.sequences, run.queries)
    return Program(
        layers=layers,
        layer=layer(block, run, size, shards, sequence_shards, masked=False),
        first=first,
        last=last,
        boundary=saved_bytes(sharded(tokens, sequence_shards), block.hidden, size.activation),
        reduced=tensor_parallel_payload(tokens, block.hidden, size.activation),
    )


def attend(
    name: str,
    block: Block,
    run: Pass,
    heads: Number,
    kv_heads: Number,
    pairs: Number,
    traffic: Number,
    keys: Number,
    saved: Number,
    masked: bool,
) -> Operator:
    """Fused attention on `heads` heads: query-key `pairs`, `keys` of a query, whether a causal mask drops others."""
    edge = pass_tokens(run.sequences, run.queries) if masked else constant(0.0, "edge", "no mask: all pairs count")
    return Operator(
        name,
        "attention",
        "attention_decode" if run.decode else "attention_prefill",
        flops=attention_flops(pairs, heads, block.head_dim),
        traffic=traffic,
        depth=keys,
        work=attention_work(pairs, heads, block.head_dim),
        edge=attention_work(edge, heads, block.head_dim),
        queries=run.queries,
        sharing=sharing_rows(run.queries, heads, kv_heads),
        blocks=decode_blocks(run.sequences, kv_heads)
        if run.decode
        else prefill_blocks(run.sequences, run.queries, heads),
        saved=saved,
        high_precision=True,
    )


def unfused(
    block: Block,
    run: Pass,
    heads: Number,
    traffic: Number,
    outputs: Number,
    keys: Number,
    saved: Number,
    element_bytes: Number,
) -> tuple[Operator, ...]:
    """Attention whose scores, of masked pairs too, go through memory; fused, it moves `traffic`, writes `outputs`."""
    pairs = full_pairs(run.sequences, run.queries, keys)
    scores = score_bytes(pairs, heads, element_bytes)
    product = Operator(
        "scores",
        "attention",
        "matmul_16bit",
        flops=matmul_flops(pairs, heads, block.head_dim),
        traffic=score_product_bytes(traffic, scores),
        outputs=scores,
        rows=run.queries,
        depth=block.head_dim,
        saved=saved,
        high_precision=True,
    )
    softmax = Operator(
        "softmax of scores",
        "attention",
        "softmax",
        traffic=softmax_and_dropout_bytes(scores),
        depth=keys,
        calls=constant(2.0, "kernels", "softmax, and dropout"),
        saved=saved_score_bytes(scores),
        cheap=True,
    )
    nothing = constant(0.0, "saved", "the inputs are kept already")
    return product, softmax, replace(product, name="weighted values", outputs=outputs, depth=keys, saved=nothing)
