"""Operators that do little but move data: norms, activations, residual sums, look-ups, loss, optimizer."""

from costmodel.formula import formula
from costmodel.units import Bytes, BytesPerSecond, Count, Fraction, Seconds


@formula(r"B_{norm}", source="definition")
def norm_bytes(rows: Count, width: Count, element_bytes: Bytes) -> Bytes:
    """Traffic of a norm: its input is read for the statistics and again for the scaling, its output written."""
    return 3 * rows * width * element_bytes


@formula(r"B_{res}", source="definition")
def norms_and_residuals_bytes(rows: Count, width: Count, element_bytes: Bytes) -> Bytes:
    """Traffic of a layer's two norms (three passes each) and two residual sums (two reads, one write each)."""
    return 12 * rows * width * element_bytes


@formula(r"B_{copy}", source="definition")
def copy_bytes(rows: Count, width: Count, element_bytes: Bytes) -> Bytes:
    """Traffic of an operator that reads and writes each element once: rotary positions, embedding look-up."""
    return 2 * rows * width * element_bytes


@formula(r"B_{act}", source="shazeer-2020")
def activation_traffic(rows: Count, up: Count, ffn: Count, element_bytes: Bytes) -> Bytes:
    """Traffic of the MLP's activation: the up-projection's output is read, the down-projection's input written."""
    return rows * (up + ffn) * element_bytes


@formula(r"B_{loss}", source="definition")
def loss_bytes(rows: Count, vocab: Count, element_bytes: Bytes) -> Bytes:
    """Traffic of softmax and loss: logits are read for maximum, sum and gradient, and the gradient is written."""
    return 4 * rows * vocab * element_bytes


@formula(r"t_{mem}", source="costmodel-prior")
def memory_bound_time(
    traffic: Bytes, bandwidth: BytesPerSecond, bandwidth_efficiency: Fraction, launch: Seconds
) -> Seconds:
    """Time of an operator that is bound by memory: launch plus traffic over the reachable bandwidth."""
    return launch + traffic / (bandwidth_efficiency * bandwidth)


@formula(r"t_{opt}", source="rajbhandari-2020")
def optimizer_time(
    parameters: Count, bytes_per_parameter: Bytes, bandwidth: BytesPerSecond, bandwidth_efficiency: Fraction
) -> Seconds:
    """Time of an optimizer step: every parameter's gradient, state and weight are read, and the latter written."""
    return parameters * bytes_per_parameter / (bandwidth_efficiency * bandwidth)
