"""Copies between host and device, and a disk's sequential reads and writes."""

from costmodel.formula import formula
from costmodel.units import Bytes, BytesPerSecond, Seconds


@formula(r"t_{copy}", source="hockney-1994")
def transfer_time(payload: Bytes, bandwidth: BytesPerSecond, latency: Seconds) -> Seconds:
    """Time to move `payload` bytes: latency plus transfer."""
    return latency + payload / bandwidth
