"""The laws of collectives, as published records inform them: inside a scale-up domain, and across domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from costmodel.calibration.law import Columns, Constant, Facts, Law, Record, numbers
from costmodel.operators.collective import hierarchical_time, ring_time
from costmodel.units import Number

PASSES = {"all_reduce": 2.0, "all_gather": 1.0, "reduce_scatter": 1.0, "all_to_all": 1.0}
LIBRARIES = ("nccl", "rccl", "oneccl")  # what frameworks call in training; others replace it inside engines
# One direction of a device's network ports [B/s], by what publications say of the cluster: instances with 400 Gb/s for
# eight devices (AWS p4de), else 400 Gb/s for each device.
SLOW_PORT, PORT, SLOW = 6.25e9, 50e9, ("p4de",)
UNSTATED = ("vidur", "deepbench", "dgx-spark", "issue")  # clusters whose network the source does not describe

LINK = (
    Constant("bandwidth_efficiency", "fraction", 0.75, 0.02, 1.5, 0.3),
    Constant("latency", "s", 8e-6, 5e-7, 1e-3, 0.4),
    Constant("latency_per_rank", "s", 1.5e-6, 1e-8, 1e-4, 0.5),
    Constant("overlap_power", "1", 0.64, 0.3, 4.0, 0.2),
)
NETWORK = (
    replace(LINK[0], start=0.95, high=1.1, spread=0.2),
    replace(LINK[1], start=2e-5, spread=0.7),
    Constant("latency_per_doubling", "s", 8e-5, 1e-6, 1e-3, 0.7),
    replace(LINK[3], start=0.5),
)


def _nodes(record: Record) -> float:
    return float(record["shape"].get("nodes", 1))


def link_group(record: Record) -> str | None:
    """Libraries of collectives give the constants of links; an engine's own kernels are judged apart."""
    if record["kind"] != "collective" or record["shape"]["operation"] not in PASSES or _nodes(record) > 1:
        return None
    if record["shape"]["processes"] < 2:
        return None
    library = record["backend"].split("(")[0]
    return "link" if library in LIBRARIES else f"link:{library}"


def network_group(record: Record) -> str | None:
    """All-reduces over several nodes of a cluster whose network is known."""
    if record["kind"] != "collective" or record["shape"]["operation"] != "all_reduce" or _nodes(record) < 2:
        return None
    source = record["environment"].get("source", "")
    return None if any(name in source for name in UNSTATED) else "network"


def shared(records: Sequence[Record]) -> Columns:
    """Payload in all [B], ranks, and how often an operation passes the payload."""
    ranks, payload = numbers(records, "processes"), numbers(records, "bytes")
    gathered = np.array([r["shape"]["operation"] == "all_gather" for r in records])
    return {
        "payload": np.where(gathered, payload * ranks, payload),
        "ranks": ranks,
        "passes": np.array([PASSES[r["shape"]["operation"]] for r in records]),
    }


def link_columns(records: Sequence[Record], facts: Facts) -> Columns:
    """Payload in all, ranks, and the rate of the device's link."""
    return shared(records) | {"bandwidth": np.full(len(records), facts["link_bandwidth"])}


def network_columns(records: Sequence[Record], facts: Facts) -> Columns:
    """As inside a domain, with the ranks of a domain and the rate of the network's port beside the link's."""
    found = shared(records)
    sources = [r["environment"].get("source", "") for r in records]
    return found | {
        "members": np.minimum(found["ranks"], facts["scale_up_domain"]),
        "link": np.full(len(records), facts["link_bandwidth"]),
        "network": np.array([SLOW_PORT if any(name in source for name in SLOW) else PORT for source in sources]),
    }


def cell(record: Record) -> str:
    """Accuracy is measured by operation and library."""
    return f"{record['shape']['operation']} {record['backend'].split('(')[0]}"


def size(record: Record) -> float:
    """Bytes on each rank."""
    return float(record["shape"]["bytes"])


def _alpha_beta(
    payload: Number,
    ranks: Number,
    passes: Number,
    bandwidth: Number,
    bandwidth_efficiency: Number,
    latency: Number,
    latency_per_rank: Number,
    **_: Number,
) -> Number:
    transfer = passes * (ranks - 1) / ranks * payload / (bandwidth_efficiency * bandwidth)
    return latency + latency_per_rank * (ranks - 2) + transfer


def _across(
    payload: Number,
    ranks: Number,
    members: Number,
    passes: Number,
    network: Number,
    bandwidth_efficiency: Number,
    latency: Number,
    latency_per_doubling: Number,
    **_: Number,
) -> Number:
    transfer = passes * payload / (bandwidth_efficiency * members * network)
    return latency + latency_per_doubling * np.log2(np.maximum(ranks / members, 1)) + transfer


ACROSS = "collectives across domains"
LAWS = (
    Law("collectives", LINK, link_group, link_columns, ring_time, cell, size, _alpha_beta),
    Law(ACROSS, NETWORK, network_group, network_columns, hierarchical_time, cell, size, _across),
)
