"""The optimizer's step: gradients, state and weights pass through memory once; calls go by tensors."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.operators.memory_bound import cached_share
from costmodel.units import Bytes, BytesPerSecond, Count, Fraction, Seconds

# Bytes per parameter that an optimizer remembers between steps: two values of 32 bits, one, or none.
MOMENTS = {"adamw": 8.0, "adam": 8.0, "sgd-momentum": 4.0, "sgd": 0.0}


@formula(r"B_{state}", source="rajbhandari-2020")
def kept_state_bytes(moments: Bytes, weight_bytes: Bytes, exact_bytes: Bytes = 4.0) -> Bytes:
    """Optimizer state per parameter: its moments, and an exact copy of weights that are narrower."""
    return moments + ops.where(weight_bytes < exact_bytes, exact_bytes, 0.0 * exact_bytes)


@formula(r"b_{upd}", source="rajbhandari-2020")
def update_bytes(state: Bytes, moments: Bytes, weight_bytes: Bytes) -> Bytes:
    """Traffic of a step per parameter: state read and written, gradient read, weight written.

    Weights are read too where they have no copy in the state.
    """
    return 2 * state + ops.where(state > moments, 2 * weight_bytes, 3 * weight_bytes)


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
