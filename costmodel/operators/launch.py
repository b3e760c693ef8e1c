"""What the host pays to call operators."""

from costmodel.formula import formula
from costmodel.units import Count, Seconds


@formula(r"t_{host}", source="costmodel-prior")
def host_call_time(calls: Count, latency: Seconds, time_per_call: Seconds) -> Seconds:
    """Host's time for a chain of `calls`: what it costs once, and each call."""
    return latency + calls * time_per_call
