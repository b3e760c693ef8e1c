"""How long one operator takes: its counts, the device, and the law of its kind."""

from __future__ import annotations

from costmodel.job import AttentionLaw, Hardware, Laws, MatmulLaw, MemoryBoundLaw
from costmodel.operators.attention import attention_time, decode_time, tiled_work
from costmodel.operators.matmul import matmul_time
from costmodel.operators.memory_bound import memory_bound_time
from costmodel.program import Operator
from costmodel.units import Number


def law_of(operator: Operator, laws: Laws) -> MatmulLaw | AttentionLaw | MemoryBoundLaw:
    """The constants that time `operator`."""
    if operator.kind == "matmul":
        return laws.matmul_16bit if operator.high_precision else laws.matmul
    law: AttentionLaw | MemoryBoundLaw = getattr(laws, operator.operation)
    return law


def operator_time(operator: Operator, hardware: Hardware, laws: Laws) -> Number:
    """Forward time of `operator` on one device [s]."""
    bandwidth, law = hardware.memory_bandwidth, law_of(operator, laws)
    if isinstance(law, MemoryBoundLaw):
        return memory_bound_time(
            operator.calls,
            operator.traffic,
            bandwidth,
            hardware.cache,
            law.bandwidth_efficiency,
            law.launch,
            law.step_per_column,
            law.cache_speedup,
            operator.depth,
        )
    if isinstance(law, AttentionLaw):
        return _attention_time(operator, hardware, law)
    return matmul_time(
        operator.flops,
        operator.traffic,
        operator.inputs,
        operator.outputs,
        operator.depth,
        hardware.peak_16bit if operator.high_precision else hardware.peak,
        bandwidth,
        law.compute_efficiency,
        law.bandwidth_efficiency,
        law.launch,
        law.step_per_depth,
        law.overlap_power,
        law.write_cost,
        law.quantization_passes,
        operator.calls,
        operator.rows,
        law.packing_rows,
    )


def _attention_time(operator: Operator, hardware: Hardware, law: AttentionLaw) -> Number:
    tile = hardware.tile_keys, hardware.tile_rows
    work = tiled_work(operator.work, operator.edge, operator.queries, operator.sharing, *tile)
    arguments = (
        work,
        operator.traffic,
        operator.depth,
        operator.blocks,
        hardware.peak_16bit,
        hardware.memory_bandwidth,
        hardware.multiprocessors,
        law.compute_efficiency,
        law.bandwidth_efficiency,
        law.launch,
        law.step_per_key,
        law.time_per_block,
        operator.calls,
    )
    if operator.operation == "attention_decode":
        return decode_time(*arguments, hardware.overlap)
    return attention_time(*arguments)
