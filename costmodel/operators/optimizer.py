"""The optimizer's step: gradients, state and weights pass through memory once; calls go by tensors."""

from costmodel.formula import formula
from costmodel.operators.memory_bound import cached_share
from costmodel.units import Bytes, BytesPerSecond, Count, Fraction, Seconds


@formula(r"B_{upd}", source="kingma-2015")
def optimizer_traffic(parameters: Count, bytes_per_parameter: Bytes) -> Bytes:
    """Memory traffic of a step: every parameter's gradient, state and weight are read, the latter two written."""
    return parameters * bytes_per_parameter


@formula(r"t_{opt}", source="rajbhandari-2020")
def optimizer_time(
    tensors: Count,
    traffic: Bytes,
    bandwidth: BytesPerSecond,
    cache: Bytes,
    bandwidth_efficiency: Fraction,
    launch: Seconds,
    cache_speedup: Count,
) -> Seconds:
    """Time of an optimizer step over `tensors`: `launch` for each, and traffic over the reachable bandwidth.

    All tensors pass before the first comes again: only a state that fits the cache as a whole is found there.
    """
    reached = bandwidth_efficiency * (1 + (cache_speedup - 1) * cached_share(traffic, cache))
    return tensors * launch + traffic / (reached * bandwidth)
