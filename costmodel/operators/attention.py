"""Scaled dot-product attention, causal, with grouped KV heads: counts and time."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, BytesPerSecond, Count, Flop, FlopPerSecond, Fraction, Seconds


@formula(r"P_{att}", source="definition")
def attention_pairs(sequences: Count, queries: Count, context: Count) -> Count:
    """Query-key pairs of causal attention: each new token sees the context, the new ones before it and itself."""
    return sequences * queries * (context + (queries + 1) / 2)


@formula(r"F_{att}", source="vaswani-2017")
def attention_flops(pairs: Count, heads: Count, head_dim: Count, flop_per_multiply_add: Flop = 2.0) -> Flop:
    """Operations of attention: per head and pair one dot product for the score and one for the weighted value."""
    return 2 * flop_per_multiply_add * pairs * heads * head_dim


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


@formula(r"t_{att}", source="costmodel-prior")
def attention_time(
    flops: Flop,
    traffic: Bytes,
    keys: Count,
    peak: FlopPerSecond,
    bandwidth: BytesPerSecond,
    compute_efficiency: Fraction,
    bandwidth_efficiency: Fraction,
    launch: Seconds,
    step_per_key: Seconds,
    overlap_power: Count,
) -> Seconds:
    """Time of fused attention: launch, then compute, traffic and the walk over the keys joined by a soft maximum."""
    compute = flops / (compute_efficiency * peak)
    memory = traffic / (bandwidth_efficiency * bandwidth)
    return launch + ops.soft_maximum(overlap_power, compute, memory, keys * step_per_key)
