"""The roofline: what peak and memory bandwidth allow an operator, and how much of that it reaches."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, BytesPerSecond, Count, Flop, FlopPerByte, FlopPerSecond, Fraction, Seconds


@formula(r"I", source="williams-2009")
def arithmetic_intensity(flops: Flop, traffic: Bytes) -> FlopPerByte:
    """Operations per byte that crosses the memory bus."""
    return flops / traffic


@formula(r"I_{ridge}", source="williams-2009")
def ridge_intensity(peak: FlopPerSecond, bandwidth: BytesPerSecond) -> FlopPerByte:
    """Arithmetic intensity from which an operator can reach the peak; below it memory is the bound."""
    return peak / bandwidth


@formula(r"t_{roof}", source="williams-2009")
def roofline_time(flops: Flop, traffic: Bytes, peak: FlopPerSecond, bandwidth: BytesPerSecond) -> Seconds:
    """Least time of an operator: at the peak, or with its traffic at full bandwidth, whichever is longer."""
    return ops.maximum(flops / peak, traffic / bandwidth)


@formula(r"t_{both}", source="zhu-2024")
def overlapped_time(device: Seconds, beside: Seconds, overlap: Fraction) -> Seconds:
    """Time of what a device computes and of what goes on beside it: copies, or the host's work for the next step.

    The longer counts, and of the shorter what is not hidden: `overlap` is the share that is, all where each has a part
    of its own, as the roofline takes it, nothing where one processor does both.
    """
    return ops.maximum(device, beside) + (1 - overlap) * ops.minimum(device, beside)


@formula(r"P_{max}", source="williams-2009")
def attainable_rate(intensity: FlopPerByte, peak: FlopPerSecond, bandwidth: BytesPerSecond) -> FlopPerSecond:
    """The roofline: operations per second that peak and memory bandwidth allow at an arithmetic intensity."""
    return ops.minimum(peak, intensity * bandwidth)


@formula(r"P", source="williams-2009")
def attained_rate(flops: Flop, time: Seconds) -> FlopPerSecond:
    """Operations per second that an operator attains."""
    return flops / time


@formula(r"\beta", source="williams-2009")
def attained_bandwidth(traffic: Bytes, time: Seconds) -> BytesPerSecond:
    """Memory bandwidth that an operator attains."""
    return traffic / time


@formula(r"\eta_{roof}", source="williams-2009")
def roofline_share(least_time: Seconds, time: Seconds) -> Fraction:
    """How near to its roofline an operator runs: least time over time; above 1 where its data stay in a cache."""
    return least_time / time


@formula(r"\beta_{hot}", source="definition")
def cache_bandwidth(bandwidth: BytesPerSecond, cache_speedup: Count) -> BytesPerSecond:
    """Bandwidth of data that stay in the last cache."""
    return bandwidth * cache_speedup
