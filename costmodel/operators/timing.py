"""How long one operator takes: its counts, the device, and the law of its kind."""

from __future__ import annotations

from costmodel.job import Hardware, Laws
from costmodel.operators.attention import attention_time
from costmodel.operators.matmul import matmul_time
from costmodel.operators.memory_bound import memory_bound_time
from costmodel.program import Operator
from costmodel.units import Number


def operator_time(operator: Operator, hardware: Hardware, laws: Laws) -> Number:
    """Forward time of `operator` on one device [s]."""
    bandwidth = hardware.memory_bandwidth
    if operator.kind == "memory_bound":
        law = laws.memory_bound
        return memory_bound_time(operator.traffic, bandwidth, law.bandwidth_efficiency, law.launch)
    if operator.kind == "attention":
        attention = laws.attention
        return attention_time(
            operator.flops,
            operator.traffic,
            operator.depth,
            hardware.peak_16bit,
            bandwidth,
            attention.compute_efficiency,
            attention.bandwidth_efficiency,
            attention.launch,
            attention.step_per_key,
            attention.overlap_power,
        )
    matmul = laws.matmul_16bit if operator.high_precision else laws.matmul
    return matmul_time(
        operator.flops,
        operator.traffic,
        operator.depth,
        hardware.peak_16bit if operator.high_precision else hardware.peak,
        bandwidth,
        matmul.compute_efficiency,
        matmul.bandwidth_efficiency,
        matmul.launch,
        matmul.step_per_depth,
        matmul.overlap_power,
    )
