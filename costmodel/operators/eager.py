"""Networks run operator by operator on a small machine: where data lie, gradients, the host's calls, shared cores."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.operators.memory_bound import cached_share
from costmodel.units import Bytes, BytesPerSecond, Count, FlopPerSecond, Seconds


@formula(r"b_{ws}", source="costmodel-prior")
def reached_bandwidth(
    working_set: Bytes, bandwidth: BytesPerSecond, cache: Bytes, cache_speedup: Count
) -> BytesPerSecond:
    """Bandwidth at which data are read again after `working_set` bytes have passed through the last cache.

    The share that is still there comes `cache_speedup` times faster; the times of both shares add up.
    """
    share = cached_share(working_set, cache)
    return bandwidth / (1 - share + share / cache_speedup)


@formula(r"b_{mix}", source="definition")
def mixed_bandwidth(
    part: Bytes, total: Bytes, part_bandwidth: BytesPerSecond, rest_bandwidth: BytesPerSecond
) -> BytesPerSecond:
    """Bandwidth of `total` bytes of which `part` come at another bandwidth than the rest."""
    return total / (part / part_bandwidth + (total - part) / rest_bandwidth)


@formula(r"S_{ws}", source="costmodel-prior")
def step_working_set(forward: Bytes, weights: Bytes, training: Count) -> Bytes:
    """Bytes that pass between two uses of a weight: one forward pass; in training also backward and update.

    Backward moves twice what forward does, the update reads gradients and states beside the weights.
    """
    return forward + training * (2 * forward + 4 * weights)


@formula(r"t_{grad}", source="costmodel-prior")
def backward_from_start_time(forward: Seconds, ratio: Count, start: Seconds) -> Seconds:
    """Time of an operator's gradients, `ratio` times that of its forward pass; `start` if they are asked for alone."""
    return start + ratio * forward


@formula(r"r_w", source="definition")
def weights_only(ratio: Count) -> Count:
    """Backward over forward where the input is data: its gradient, one of two equal parts, is not asked for."""
    return ratio / 2


@formula(r"t_{host}", source="costmodel-prior")
def host_calls_time(
    modules: Count, views: Count, recorded: Count, module: Seconds, view: Seconds, record: Seconds, start: Seconds
) -> Seconds:
    """What the host adds to operators called one by one.

    Calls through modules; views of data; in training what is `recorded` for the backward pass, and that pass's start.
    """
    return modules * module + views * view + recorded * record + start


@formula(r"P_{core}", source="definition")
def core_peak(peak: FlopPerSecond, cores: Count) -> FlopPerSecond:
    """Rate of one of so many cores that compute side by side."""
    return peak / cores


@formula(r"b_{core}", source="definition")
def core_bandwidth(bandwidth: BytesPerSecond, cores: Count) -> BytesPerSecond:
    """Bandwidth of one of so many cores that share it."""
    return bandwidth / cores


@formula(r"n_{round}", source="costmodel-prior")
def rounds(passes: Count, usual: Count = 2.0) -> Count:
    """Latencies of a collective over those of an all-reduce, of `usual` passes: one to begin, one for each pass."""
    return (1 + passes) / (1 + usual)


@formula(r"t_{unit}", source="definition")
def time_per_unit(duration: Seconds, units: Count) -> Seconds:
    """Time of a call over what it delivers."""
    return duration / units


@formula(r"t_{new}", source="costmodel-prior")
def fresh_time(size: Bytes, rate: BytesPerSecond, largest_kept: Bytes = 33554432.0) -> Seconds:
    """Extra time for an array that is made anew: beyond the largest that an allocator keeps for reuse.

    The system then hands out its pages one by one and clears them.
    """
    return ops.where(size >= largest_kept, size / rate, 0.0)


@formula(r"b_{new}", source="costmodel-prior")
def fresh_rate(size: Bytes, duration: Seconds, bandwidth: BytesPerSecond) -> BytesPerSecond:
    """Rate at which the system hands out memory, from the time to fill a new array."""
    return size / (duration - size / bandwidth)


@formula(r"B_{out}", source="definition")
def written_bytes(traffic: Bytes) -> Bytes:
    """What an operator writes that reads as much as it writes."""
    return traffic / 2


@formula(r"S", source="amdahl-1967")
def speed_up(alone: Seconds, together: Seconds) -> Count:
    """How many times faster several processes are than one."""
    return alone / together
