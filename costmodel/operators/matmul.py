"""Matrix multiplication [m × k] · [k × n]: counts and time."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, BytesPerSecond, Count, Flop, FlopPerSecond, Fraction, Seconds


@formula(r"F_{mm}", source="definition")
def matmul_flops(m: Count, n: Count, k: Count, flop_per_multiply_add: Flop = 2.0) -> Flop:
    """Floating-point operations of an [m × k] · [k × n] product: one multiply and one add per term."""
    return flop_per_multiply_add * m * n * k


@formula(r"B_{mm}", source="williams-2009")
def matmul_bytes(m: Count, n: Count, k: Count, activation_bytes: Bytes, weight_bytes: Bytes) -> Bytes:
    """Least memory traffic of a product: input, weights and output cross the memory bus once each."""
    return m * k * activation_bytes + n * k * weight_bytes + m * n * activation_bytes


@formula(r"N_{mm}", source="definition")
def parameter_count_matmul(n: Count, k: Count, bias: Count) -> Count:
    """Parameters of a linear map from k to n features; `bias` is 1 with a bias vector, else 0."""
    return n * k + bias * n


@formula(r"t_{mm}", source="costmodel-prior")
def matmul_time(
    flops: Flop,
    traffic: Bytes,
    depth: Count,
    peak: FlopPerSecond,
    bandwidth: BytesPerSecond,
    compute_efficiency: Fraction,
    bandwidth_efficiency: Fraction,
    launch: Seconds,
    step_per_depth: Seconds,
    overlap_power: Count,
) -> Seconds:
    """Time of one product: launch, then compute, traffic and the serial walk along k joined by a soft maximum.

    The walk (`depth` = k times `step_per_depth`) is what keeps small m·n from filling the chip.
    """
    compute = flops / (compute_efficiency * peak)
    memory = traffic / (bandwidth_efficiency * bandwidth)
    return launch + ops.soft_maximum(overlap_power, compute, memory, depth * step_per_depth)
