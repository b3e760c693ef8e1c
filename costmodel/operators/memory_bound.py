"""Operators that do little but move data: norms, activations, residual sums, look-ups, softmax and loss.

Traffic counts each operand once; what an implementation moves twice is part of its class's bandwidth efficiency.
"""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, BytesPerSecond, Count, Fraction, Seconds

# Sums and copies; functions of each element, rotary positions among them; norms; softmax and loss; look-ups.
CLASSES = ("elementwise", "activation", "norm", "softmax", "embedding")


@formula(r"B_{norm}", source="definition")
def norm_bytes(rows: Count, width: Count, element_bytes: Bytes, norms: Count = 1.0) -> Bytes:
    """Traffic of norms: input and output."""
    return 2 * norms * rows * width * element_bytes


@formula(r"B_{res}", source="definition")
def residual_bytes(rows: Count, width: Count, element_bytes: Bytes, sums: Count = 1.0) -> Bytes:
    """Traffic of residual sums: two inputs and an output each."""
    return 3 * sums * rows * width * element_bytes


@formula(r"B_{copy}", source="definition")
def copy_bytes(rows: Count, width: Count, element_bytes: Bytes) -> Bytes:
    """Traffic of an operator that reads and writes each element once: rotary positions, embedding look-up."""
    return 2 * rows * width * element_bytes


@formula(r"B_{act}", source="shazeer-2020")
def activation_traffic(rows: Count, up: Count, ffn: Count, element_bytes: Bytes) -> Bytes:
    """Traffic of the MLP's activation: the up-projection's output is read, the down-projection's input written."""
    return rows * (up + ffn) * element_bytes


@formula(r"B_{loss}", source="definition")
def loss_bytes(rows: Count, vocab: Count, element_bytes: Bytes) -> Bytes:
    """Traffic of softmax and loss: logits are read, and their probabilities written for the backward pass."""
    return 2 * rows * vocab * element_bytes


@formula(r"\eta_{hot}", source="costmodel-prior")
def cached_share(traffic: Bytes, cache: Bytes) -> Fraction:
    """How far data of so many bytes are still in the last cache when the next operator reads them."""
    return 1 / (1 + (traffic / cache) ** 2)


@formula(r"t_{mem}", source="costmodel-prior")
def memory_bound_time(
    calls: Count,
    traffic: Bytes,
    bandwidth: BytesPerSecond,
    cache: Bytes,
    bandwidth_efficiency: Fraction,
    launch: Seconds,
    step_per_column: Seconds,
    cache_speedup: Count,
    depth: Count = 0.0,
) -> Seconds:
    """Time of `calls` operators that are bound by memory: launches, then the longer of moving and walking.

    Moving is traffic over the bandwidth that they reach, `cache_speedup` times higher where the bytes of a call stay in
    the last cache. Walking: one thread block takes a whole row of `depth` values, however few rows there are; 0 where
    blocks take equal pieces.
    """
    reached = bandwidth_efficiency * (1 + (cache_speedup - 1) * cached_share(traffic / ops.maximum(calls, 1), cache))
    return calls * launch + ops.maximum(traffic / (reached * bandwidth), calls * depth * step_per_column)
