"""Experts of a mixture: a token's rows go through a few of many small MLPs. Counts on the fullest rank, and time."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, BytesPerSecond, Count, Flop, FlopPerSecond, Fraction, Seconds


@formula(r"U", source="definition")
def touched_experts(experts: Count, per_token: Count, tokens: Count, ranks: Count) -> Count:
    """Experts of one rank that at least one token chose, on average, when tokens choose at random."""
    return experts / ranks * (1 - (1 - per_token / experts) ** tokens)


@formula(r"R", source="lepikhin-2020")
def fullest_rank_rows(tokens: Count, per_token: Count, ranks: Count, imbalance: Count) -> Count:
    """Rows on the fullest of the ranks that share the experts: `imbalance` times the mean of all ranks."""
    return tokens * per_token / ranks * ops.where(ranks > 1, imbalance, 1.0)


@formula(r"F_{exp}", source="shazeer-2017")
def grouped_matmul_flops(
    rows: Count, hidden: Count, width: Count, matrices: Count, flop_per_multiply_add: Flop = 2.0
) -> Flop:
    """Operations of experts over `rows`: `matrices` products of hidden × width each (3 when gated, else 2)."""
    return flop_per_multiply_add * matrices * rows * hidden * width


@formula(r"B_{exp}", source="definition")
def expert_weights_bytes(touched: Count, hidden: Count, width: Count, matrices: Count, weight_bytes: Bytes) -> Bytes:
    """Weights that have to be read: those of the experts that were touched."""
    return touched * matrices * hidden * width * weight_bytes


@formula(r"B_{row}", source="definition")
def expert_rows_bytes(rows: Count, hidden: Count, width: Count, matrices: Count, activation_bytes: Bytes) -> Bytes:
    """Activations of the experts' rows: inputs, and what each matrix puts out or takes in between."""
    return rows * (hidden + matrices * width) * activation_bytes


@formula(r"B_{disp}", source="definition")
def dispatch_bytes(tokens: Count, per_token: Count, hidden: Count, activation_bytes: Bytes) -> Bytes:
    """Rows of all tokens, also of those whose experts lie elsewhere, read and written once to sort or to sum them."""
    return 2 * tokens * per_token * hidden * activation_bytes


@formula(r"t_{exp}", source="costmodel-prior")
def grouped_matmul_time(
    flops: Flop,
    weights: Bytes,
    rows: Bytes,
    dispatch: Bytes,
    peak: FlopPerSecond,
    bandwidth: BytesPerSecond,
    compute_efficiency: Fraction,
    bandwidth_efficiency: Fraction,
    launch: Seconds,
    row_passes: Count,
    dispatch_passes: Count,
) -> Seconds:
    """Time of a fused block of experts: compute and the touched weights' traffic hardly overlap, so they add up.

    Moving rows takes as long as so many passes over them at full bandwidth.
    """
    compute = flops / (compute_efficiency * peak)
    memory = weights / (bandwidth_efficiency * bandwidth)
    return launch + compute + memory + (row_passes * rows + dispatch_passes * dispatch) / bandwidth
