"""What a collective costs where its group really lies: inside a scale-up domain or across domains."""

from __future__ import annotations

from costmodel import ops
from costmodel.formula import formula
from costmodel.job import Hardware, Laws
from costmodel.operators.collective import (
    hierarchical_time,
    members_per_domain,
    point_to_point_time,
    ring_time,
)
from costmodel.trace import constant
from costmodel.units import Count, Number, Seconds


@formula(r"n_{seq}", source="korthikanti-2022")
def sequence_shards(tp: Count, sequence_parallel: Count) -> Count:
    """Over how many devices norms and residuals split the sequence: all of the tensor-parallel group, or none."""
    return ops.where(sequence_parallel >= 1, tp, 1.0)


@formula(r"n_{span}", source="definition")
def devices_spanned(ranks: Count, stride: Count) -> Count:
    """Consecutive devices that a group of `ranks`, `stride` devices apart, reaches over."""
    return ranks * stride


@formula(r"t_{span}", source="definition")
def time_on_span(spanned: Count, domain: Count, inside: Seconds, across: Seconds) -> Seconds:
    """Time on the link that the group really spans: the scale-up link while it stays inside one domain."""
    return ops.where(spanned <= domain, inside, across)


def all_reduce(payload: Number, ranks: Number, stride: Number, hardware: Hardware, laws: Laws) -> Number:
    """Time of an all-reduce of `payload` bytes over `ranks` devices that stand `stride` apart [s]."""
    return _collective(2.0, payload, ranks, stride, hardware, laws)


def all_reduce_neighbours(payload: Number, ranks: Number, hardware: Hardware, laws: Laws) -> Number:
    """Time of an all-reduce over `ranks` consecutive devices, as tensor parallelism has it [s]."""
    stride = constant(1.0, "stride", "tensor-parallel ranks are neighbours")
    return _collective(2.0, payload, ranks, stride, hardware, laws)


def all_to_all_neighbours(payload: Number, ranks: Number, hardware: Hardware, laws: Laws) -> Number:
    """Time of an all-to-all over `ranks` consecutive devices, each of which holds `payload` bytes to share out [s]."""
    stride = constant(1.0, "stride", "tensor-parallel ranks are neighbours")
    return _collective(1.0, payload, ranks, stride, hardware, laws)


def all_gather(payload: Number, ranks: Number, stride: Number, hardware: Hardware, laws: Laws) -> Number:
    """Time of an all-gather (or reduce-scatter) of `payload` bytes in all [s]."""
    return _collective(1.0, payload, ranks, stride, hardware, laws)


def _collective(
    passes: float, payload: Number, ranks: Number, stride: Number, hardware: Hardware, laws: Laws
) -> Number:
    times = constant(passes, "passes", "an all-reduce scatters and gathers: two passes; others take one")
    link, network = laws.link, laws.network
    inside = ring_time(
        payload,
        ranks,
        times,
        hardware.link_bandwidth,
        link.bandwidth_efficiency,
        link.latency,
        link.latency_per_rank,
        link.overlap_power,
    )
    across = hierarchical_time(
        payload,
        ranks,
        members_per_domain(ranks, stride, hardware.scale_up_domain),
        times,
        hardware.link_bandwidth,
        hardware.network_bandwidth,
        network.bandwidth_efficiency,
        network.latency,
        network.latency_per_doubling,
        network.overlap_power,
    )
    return time_on_span(devices_spanned(ranks, stride), hardware.scale_up_domain, inside, across)


def send(payload: Number, stride: Number, hardware: Hardware, laws: Laws) -> Number:
    """Time to hand `payload` bytes to the next stage, `stride` devices away [s]."""
    inside, across = (
        point_to_point_time(payload, bandwidth, law.bandwidth_efficiency, law.latency)
        for bandwidth, law in ((hardware.link_bandwidth, laws.link), (hardware.network_bandwidth, laws.network))
    )
    return time_on_span(neighbours_span(stride), hardware.scale_up_domain, inside, across)


@formula(r"n_{span}", source="definition")
def neighbours_span(stride: Count) -> Count:
    """Consecutive devices that two neighbouring stages reach over."""
    return 2 * stride
