"""Scaled dot-product attention with grouped KV heads: counts and time, of whole prompts and of single tokens."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.operators.matmul import walk_time
from costmodel.operators.roofline import overlapped_time
from costmodel.units import Bytes, BytesPerSecond, Count, Flop, FlopPerSecond, Fraction, Seconds


@formula(r"P_{att}", source="definition")
def attention_pairs(sequences: Count, queries: Count, context: Count) -> Count:
    """Query-key pairs of causal attention: each new token sees the context, the new ones before it and itself."""
    return sequences * queries * (context + (queries + 1) / 2)


@formula(r"P_{full}", source="vaswani-2017")
def full_pairs(sequences: Count, queries: Count, keys: Count) -> Count:
    """Query-key pairs of attention without a mask: each query sees all keys, of its own sequence or another one."""
    return sequences * queries * keys


@formula(r"P_{win}", source="beltagy-2020")
def window_pairs(sequences: Count, queries: Count, context: Count, window: Count) -> Count:
    """Query-key pairs of causal attention in which each token sees the last `window` tokens at most."""
    growing = ops.maximum(0, ops.minimum(queries, window - context))
    return sequences * (growing * (context + (growing + 1) / 2) + (queries - growing) * window)


@formula(r"F_{att}", source="vaswani-2017")
def attention_flops(pairs: Count, heads: Count, head_dim: Count, flop_per_multiply_add: Flop = 2.0) -> Flop:
    """Operations of attention: per head and pair one dot product for the score and one for the weighted value."""
    return 2 * flop_per_multiply_add * pairs * heads * head_dim


@formula(r"g_{row}", source="ainslie-2023")
def sharing_rows(queries: Count, heads: Count, kv_heads: Count) -> Count:
    """Rows of queries that share a KV head."""
    return heads * queries / kv_heads


@formula(r"W_{att}", source="costmodel-prior")
def attention_work(
    pairs: Count,
    heads: Count,
    head_dim: Count,
    softmax_dims: Count = 20.0,
    flop_per_multiply_add: Flop = 2.0,
) -> Flop:
    """Operations that the time of so many pairs goes by: the products of `attention_flops`, and the softmax.

    The exponential of a pair costs as much as `softmax_dims` more features of a head.
    """
    return 2 * flop_per_multiply_add * pairs * heads * (head_dim + softmax_dims)


@formula(r"W_{tile}", source="dao-2022")
def tiled_work(work: Flop, edge: Flop, queries: Count, sharing: Count, tile_keys: Count, tile_rows: Count) -> Flop:
    """Operations that a tiled kernel runs for `work` that counts: tiles on the diagonal whole, rows filled up.

    It takes `tile_keys` keys at a time: under a causal mask half of a tile on the diagonal is dropped afterwards, and
    `edge` is the work of one key for every query (0 without a mask). It takes `tile_rows` queries that share a KV head
    at a time, of which there are `sharing`.
    """
    return (work + edge * (ops.minimum(queries, tile_keys) - 1) / 2) * ops.maximum(1, tile_rows / sharing)


@formula(r"n_{blk}", source="dao-2022")
def prefill_blocks(sequences: Count, queries: Count, heads: Count, tile: Count = 128.0) -> Count:
    """Blocks that a prefill is cut into: 128 queries of one head each."""
    return sequences * heads * ops.ceil(queries / tile)


@formula(r"n_{blk}", source="ainslie-2023")
def decode_blocks(sequences: Count, kv_heads: Count) -> Count:
    """Blocks that a decode step is cut into: one per sequence and KV head."""
    return sequences * kv_heads


@formula(r"B_{kv}", source="ainslie-2023")
def kv_bytes_per_token(kv_heads: Count, head_dim: Count, element_bytes: Bytes) -> Bytes:
    """Bytes that one token's keys and values take in one layer on one device."""
    return 2 * kv_heads * head_dim * element_bytes


@formula(r"B_{att}", source="dao-2022")
def attention_bytes(
    sequences: Count, queries: Count, context: Count, heads: Count, head_dim: Count, activation_bytes: Bytes, kv: Bytes
) -> Bytes:
    """Least traffic of fused attention: queries in, outputs out, keys and values of the whole context once."""
    query_and_output = 2 * sequences * queries * heads * head_dim * activation_bytes
    return query_and_output + sequences * (context + queries) * kv


@formula(r"B_{score}", source="vaswani-2017")
def score_bytes(pairs: Count, heads: Count, element_bytes: Bytes) -> Bytes:
    """Bytes of the scores of all query-key pairs, which unfused attention writes to memory."""
    return pairs * heads * element_bytes


@formula(r"B_{soft}", source="korthikanti-2022")
def softmax_and_dropout_bytes(scores: Bytes) -> Bytes:
    """Traffic between the two products of unfused attention: softmax reads and writes the scores, and so does dropout.

    Its mask takes half as much (§4.1).
    """
    return 4.5 * scores


@formula(r"A_{soft}", source="korthikanti-2022")
def saved_score_bytes(scores: Bytes) -> Bytes:
    """What unfused attention keeps for the backward pass: outputs of softmax and dropout, and its mask (§4.1)."""
    return 2.5 * scores


@formula(r"B_{mm}", source="vaswani-2017")
def score_product_bytes(fused: Bytes, scores: Bytes) -> Bytes:
    """Traffic of either product of unfused attention: half of what fused attention moves, and the scores."""
    return fused / 2 + scores


@formula(r"t_{queue}", source="costmodel-prior")
def queue_time(blocks: Count, multiprocessors: Count, time_per_block: Seconds) -> Seconds:
    """Time that blocks wait for a multiprocessor: the first on each is part of the launch."""
    return ops.maximum(blocks / multiprocessors - 1, 0) * time_per_block


@formula(r"t_{att}", source="costmodel-prior")
def attention_time(
    work: Flop,
    traffic: Bytes,
    keys: Count,
    blocks: Count,
    peak: FlopPerSecond,
    bandwidth: BytesPerSecond,
    multiprocessors: Count,
    compute_efficiency: Fraction,
    bandwidth_efficiency: Fraction,
    launch: Seconds,
    step_per_key: Seconds,
    time_per_block: Seconds,
    calls: Count = 1.0,
) -> Seconds:
    """Time of attention of prompts: launch, compute, traffic, the walk of a block over its keys, blocks that queue.

    The parts hardly overlap, so they add up. `keys` is what one query sees at most. `work` and `traffic` are those of
    all `calls`, `blocks` those of one.
    """
    compute = work / (compute_efficiency * peak)
    memory = traffic / (bandwidth_efficiency * bandwidth)
    queue = queue_time(blocks, multiprocessors, time_per_block)
    return calls * launch + compute + memory + calls * keys * step_per_key + calls * queue


@formula(r"t_{dec}", source="dao-2023")
def decode_time(
    work: Flop,
    traffic: Bytes,
    keys: Count,
    blocks: Count,
    peak: FlopPerSecond,
    bandwidth: BytesPerSecond,
    multiprocessors: Count,
    compute_efficiency: Fraction,
    bandwidth_efficiency: Fraction,
    launch: Seconds,
    step_per_key: Seconds,
    time_per_block: Seconds,
    calls: Count = 1.0,
    overlap: Fraction = 1.0,
    walk_power: Count = 0.5,
) -> Seconds:
    """Time of attention of single tokens: launch, the longer of computing and moving, the walk, blocks that queue.

    The cache streams in while what came before it is computed: `overlap` is the share of the shorter that hides so, all
    where copies run by themselves, nothing on a core. Keys are cut into parts whose results are joined one after the
    other: with the best number of parts the walk grows with the root of the keys. Arguments are those of
    `attention_time`; `step_per_key` is the pace at 1,000 keys.
    """
    compute = work / (compute_efficiency * peak)
    memory = traffic / (bandwidth_efficiency * bandwidth)
    walk = walk_time(keys, step_per_key, power=walk_power)
    queue = queue_time(blocks, multiprocessors, time_per_block)
    return calls * launch + overlapped_time(compute, memory, overlap) + calls * walk + calls * queue
