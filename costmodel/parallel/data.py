"""Data parallelism and ZeRO: how states are sharded and what has to be sent."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, Count, Seconds


@formula(r"s_{opt}", source="rajbhandari-2020")
def optimizer_shards(zero: Count, data_parallel: Count) -> Count:
    """Over how many replicas the optimizer state is sharded: all from ZeRO-1 on."""
    return ops.where(zero >= 1, data_parallel, 1.0)


@formula(r"s_{g}", source="rajbhandari-2020")
def gradient_shards(zero: Count, data_parallel: Count) -> Count:
    """Over how many replicas the gradients are sharded: all from ZeRO-2 on."""
    return ops.where(zero >= 2, data_parallel, 1.0)


@formula(r"s_{w}", source="llama3-2024")
def weight_shards(zero: Count, data_parallel: Count, pp: Count) -> Count:
    """Over how many replicas the weights are sharded during a step: all with ZeRO-3.

    Not with a pipeline: the weights then stay gathered, or every micro-batch would gather them anew (§3.3.2).
    """
    return ops.where(zero >= 3, ops.where(pp > 1, 1.0, data_parallel), 1.0)


@formula(r"M_{\theta}", source="rajbhandari-2020")
def state_bytes(parameters: Count, bytes_per_parameter: Bytes, shards: Count) -> Bytes:
    """Bytes of a state (weights, gradients or optimizer) on one device."""
    return parameters * bytes_per_parameter / shards


@formula(r"M_{sh}", source="rajbhandari-2020")
def shared_bytes(size: Bytes, shards: Count) -> Bytes:
    """Bytes on one device of what is sharded over several."""
    return size / shards


@formula(r"M_{gath}", source="rajbhandari-2020")
def gathered_layer_bytes(shards: Count, layer_parameters: Count, element_bytes: Bytes) -> Bytes:
    """Room for two unsharded layers (one in use, one on its way) when the weights are sharded."""
    return ops.where(shards > 1, 2 * layer_parameters * element_bytes, 0.0)


@formula(r"S_{gr}", source="rajbhandari-2020")
def gradient_payload(parameters: Count, gradient_bytes: Bytes) -> Bytes:
    """Bytes that each replica reduces once per step."""
    return parameters * gradient_bytes


@formula(r"t_{gath}", source="rajbhandari-2020")
def gather_time(zero: Count, pp: Count, one_gather: Seconds) -> Seconds:
    """ZeRO-3 traffic of a round: gather for forward and for backward, reduce-scatter of gradients (§7.2.2).

    With a pipeline one gather serves both: weights stay gathered.
    """
    return ops.where(zero >= 3, ops.where(pp > 1, 2.0, 3.0) * one_gather, 0.0)


@formula(r"n_{gath}", source="llama3-2024")
def gather_rounds(pp: Count, micro_batches: Count) -> Count:
    """Times per step that ZeRO-3 gathers weights: for each micro-batch, or once with a pipeline (§3.3.2)."""
    return ops.where(pp > 1, 1.0, micro_batches)


@formula(r"t_{red}", source="rajbhandari-2020")
def gradient_time(zero: Count, all_reduce: Seconds) -> Seconds:
    """Gradient all-reduce per step; ZeRO-1 and 2 move as much by reduce-scatter and gather, ZeRO-3 has none left."""
    return ops.where(zero >= 3, 0.0, all_reduce)


@formula(r"N_{opt}", source="rajbhandari-2020")
def parameters_to_update(parameters: Count, shards: Count) -> Count:
    """Parameters that one device updates in the optimizer step."""
    return parameters / shards
