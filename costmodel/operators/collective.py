"""Communication between devices: collectives on the link that the group spans, point to point, overlap."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, BytesPerSecond, Count, Fraction, Seconds


@formula(r"t_{ring}", source="thakur-2005")
def ring_time(
    payload: Bytes,
    ranks: Count,
    passes: Count,
    bandwidth: BytesPerSecond,
    bandwidth_efficiency: Fraction,
    latency: Seconds,
    latency_per_rank: Seconds,
    overlap_power: Count,
) -> Seconds:
    """Time of a ring collective over `payload` bytes: passes = 1 for all-gather or reduce-scatter, 2 for all-reduce.

    Each pass moves (ranks − 1)/ranks of the payload over every device's link. Latency and transfer join with a
    power below 1, since the protocols used for short messages reach only a part of the bandwidth.
    """
    transfer = passes * (ranks - 1) / ranks * payload / (bandwidth_efficiency * bandwidth)
    start = latency + latency_per_rank * (ranks - 1)
    return ops.where(ranks > 1, ops.soft_maximum(overlap_power, transfer, start), 0.0)


@formula(r"t_{ar}", source="thakur-2005")
def all_reduce_time(
    payload: Bytes,
    ranks: Count,
    bandwidth: BytesPerSecond,
    bandwidth_efficiency: Fraction,
    latency: Seconds,
    latency_per_rank: Seconds,
    overlap_power: Count,
) -> Seconds:
    """Time of an all-reduce: a reduce-scatter and an all-gather, two passes around the ring."""
    return ring_time(payload, ranks, 2, bandwidth, bandwidth_efficiency, latency, latency_per_rank, overlap_power)


@formula(r"t_{ag}", source="thakur-2005")
def all_gather_time(
    payload: Bytes,
    ranks: Count,
    bandwidth: BytesPerSecond,
    bandwidth_efficiency: Fraction,
    latency: Seconds,
    latency_per_rank: Seconds,
    overlap_power: Count,
) -> Seconds:
    """Time of an all-gather or reduce-scatter of `payload` bytes in all: one pass around the ring."""
    return ring_time(payload, ranks, 1, bandwidth, bandwidth_efficiency, latency, latency_per_rank, overlap_power)


@formula(r"t_{p2p}", source="hockney-1994")
def point_to_point_time(
    payload: Bytes, bandwidth: BytesPerSecond, bandwidth_efficiency: Fraction, latency: Seconds
) -> Seconds:
    """Time to send `payload` bytes from one device to another: latency plus transfer."""
    return latency + payload / (bandwidth_efficiency * bandwidth)


@formula(r"b_{port}", source="thakur-2005")
def ports_bandwidth(members: Count, link: BytesPerSecond, network: BytesPerSecond) -> BytesPerSecond:
    """Bandwidth that a device sees in a ring across domains.

    The group's `members` in one domain carry the ring over all their network ports, up to the speed of the link.
    """
    return ops.minimum(link, members * network)


@formula(r"g_{dom}", source="definition")
def members_per_domain(ranks: Count, stride: Count, domain: Count) -> Count:
    """How many members of a group lie in one scale-up domain, when its ranks stand `stride` devices apart."""
    return ops.maximum(1, ops.minimum(ranks, ops.floor(domain / stride)))


@formula(r"t_{exp}", source="costmodel-prior")
def exposed_time(communication: Seconds, compute: Seconds, hidden_share: Fraction) -> Seconds:
    """Communication that is left to see when a stated share of the compute beside it can hide it."""
    return ops.maximum(communication - hidden_share * compute, 0.0)
