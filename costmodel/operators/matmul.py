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


@formula(r"B_{mat}", source="definition")
def matrix_bytes(rows: Count, columns: Count, element_bytes: Bytes) -> Bytes:
    """Bytes of a matrix."""
    return rows * columns * element_bytes


@formula(r"t_{walk}", source="costmodel-prior")
def walk_time(depth: Count, step_per_depth: Seconds, usual: Count = 1000.0, power: Count = 0.8) -> Seconds:
    """Time of the serial walk along k that is left however few rows and columns there are.

    It grows less than k itself, since libraries cut a long k into parts; `step_per_depth` is its pace at the usual k.
    """
    return step_per_depth * usual * (depth / usual) ** power


@formula(r"t_{mm}", source="costmodel-prior")
def matmul_time(
    flops: Flop,
    traffic: Bytes,
    inputs: Bytes,
    outputs: Bytes,
    depth: Count,
    peak: FlopPerSecond,
    bandwidth: BytesPerSecond,
    compute_efficiency: Fraction,
    bandwidth_efficiency: Fraction,
    launch: Seconds,
    step_per_depth: Seconds,
    overlap_power: Count,
    write_cost: Count,
    quantization_passes: Count,
    calls: Count = 1.0,
    rows: Count = 1.0,
    packing_rows: Count = 0.0,
) -> Seconds:
    """Time of a product: launch, then compute, traffic and the serial walk along k joined by a soft maximum.

    Of the `traffic`, a byte of the outputs costs `write_cost` times one that is read. Before a product in 8 or 4 bits
    its inputs are quantised, which takes as long as reading them `quantization_passes` times at full bandwidth. Cores
    lay out the weights anew for an input of several `rows`, which takes as long as computing `packing_rows` more.
    All counts but `depth` and `rows` are those of all `calls`, equal products one after the other.
    """
    packed = ops.where(rows > 1, packing_rows / rows, 0.0)
    compute = flops * (1 + packed) / (compute_efficiency * peak)
    memory = (traffic + (write_cost - 1) * outputs) / (bandwidth_efficiency * bandwidth)
    product = ops.soft_maximum(overlap_power, compute, memory, calls * walk_time(depth, step_per_depth))
    return calls * launch + product + quantization_passes * inputs / bandwidth
