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
    """Time of a collective inside a scale-up domain: 2 passes for all-reduce, 1 for gather, scatter or all-to-all.

    Each pass moves (ranks − 1)/ranks of the payload over every device's link. Latency and transfer join with a
    power below 1, since the protocols used for short messages reach only a part of the bandwidth.
    """
    transfer = passes * (ranks - 1) / ranks * payload / (bandwidth_efficiency * bandwidth)
    start = latency + latency_per_rank * ops.maximum(ranks - 2, 0)
    return ops.where(ranks > 1, ops.soft_maximum(overlap_power, transfer, start), 0.0)


@formula(r"t_{p2p}", source="hockney-1994")
def point_to_point_time(
    payload: Bytes, bandwidth: BytesPerSecond, bandwidth_efficiency: Fraction, latency: Seconds
) -> Seconds:
    """Time to send `payload` bytes from one device to another: latency plus transfer."""
    return latency + payload / (bandwidth_efficiency * bandwidth)


@formula(r"t_{hier}", source="thakur-2005")
def hierarchical_time(
    payload: Bytes,
    ranks: Count,
    members: Count,
    passes: Count,
    link: BytesPerSecond,
    network: BytesPerSecond,
    bandwidth_efficiency: Fraction,
    latency: Seconds,
    latency_per_doubling: Seconds,
    overlap_power: Count,
) -> Seconds:
    """Time of a collective across scale-up domains, of which each holds `members` of the group.

    The members share what leaves their domain among their network ports. Traffic inside and between domains
    overlaps: the slower one counts. Latency grows with the depth of a tree over the domains.
    """
    domains = ops.maximum(ranks / members, 1)
    inside = (members - 1) / members * payload / link
    between = (domains - 1) / domains * payload / (members * network)
    transfer = passes * ops.maximum(inside, between) / bandwidth_efficiency
    start = latency + latency_per_doubling * ops.log2(domains)
    return ops.where(ranks > 1, ops.soft_maximum(overlap_power, transfer, start), 0.0)


@formula(r"g_{dom}", source="definition")
def members_per_domain(ranks: Count, stride: Count, domain: Count) -> Count:
    """How many members of a group lie in one scale-up domain, when its ranks stand `stride` devices apart."""
    return ops.maximum(1, ops.minimum(ranks, ops.floor(domain / stride)))


@formula(r"t_{exp}", source="costmodel-prior")
def exposed_time(communication: Seconds, compute: Seconds, hidden_share: Fraction) -> Seconds:
    """Communication that is left to see when a stated share of the compute beside it can hide it."""
    return ops.maximum(communication - hidden_share * compute, 0.0)
