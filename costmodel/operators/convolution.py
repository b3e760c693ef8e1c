"""Convolution of square images: counts and time."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, BytesPerSecond, Count, Flop, FlopPerSecond, Fraction, Seconds


@formula(r"h_{out}", source="dumoulin-2016")
def convolved_size(size: Count, kernel: Count, stride: Count, padding: Count) -> Count:
    """Height and width of the output."""
    return ops.floor((size + 2 * padding - kernel) / stride) + 1


@formula(r"d_{conv}", source="definition")
def convolution_depth(in_channels: Count, kernel: Count, groups: Count) -> Count:
    """Terms of one output element: the serial walk of a convolution, as k is that of a product."""
    return kernel * kernel * in_channels / groups


@formula(r"F_{conv}", source="dumoulin-2016")
def convolution_flops(
    batch: Count, out_channels: Count, out_size: Count, depth: Count, flop_per_multiply_add: Flop = 2.0
) -> Flop:
    """Operations: a multiply and an add per term of each output element."""
    return flop_per_multiply_add * batch * out_channels * out_size * out_size * depth


@formula(r"B_{conv}", source="williams-2009")
def convolution_bytes(
    batch: Count,
    in_channels: Count,
    size: Count,
    out_channels: Count,
    out_size: Count,
    depth: Count,
    activation_bytes: Bytes,
    weight_bytes: Bytes,
) -> Bytes:
    """Least traffic: input, weights and output cross the memory bus once each."""
    images = batch * (in_channels * size * size + out_channels * out_size * out_size)
    return images * activation_bytes + out_channels * depth * weight_bytes


@formula(r"t_{conv}", source="costmodel-prior")
def convolution_time(
    flops: Flop,
    traffic: Bytes,
    depth: Count,
    peak: FlopPerSecond,
    bandwidth: BytesPerSecond,
    compute_efficiency: Fraction,
    bandwidth_efficiency: Fraction,
    launch: Seconds,
    step_per_depth: Seconds,
) -> Seconds:
    """Time of a convolution: launch, compute, traffic, and the walk over the terms of one output element."""
    compute = flops / (compute_efficiency * peak)
    memory = traffic / (bandwidth_efficiency * bandwidth)
    return launch + compute + memory + depth * step_per_depth
