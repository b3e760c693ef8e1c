"""One step of training or pass of an engine: backward, recomputation, traffic, FLOPs, utilisation."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, Count, Flop, FlopPerSecond, Fraction, PerSecond, Seconds


@formula(r"D_{step}", source="definition")
def tokens_per_step(global_batch: Count, sequence: Count) -> Count:
    """Tokens of one optimizer step on all devices."""
    return global_batch * sequence


@formula(r"t_{bwd}", source="kaplan-2020")
def backward_time(forward: Seconds, ratio: Count) -> Seconds:
    """Backward time of an operator, which is `ratio` times forward's.

    A product takes two (for the gradients of input and weights), fused attention rebuilds the scores and takes five
    for the forward pass's two, a memory-bound operator reads the output's gradient beside its input.
    """
    return ratio * forward


@formula(r"t_{re}", source="korthikanti-2022")
def recompute_time(expensive: Seconds, cheap: Seconds, recompute: Count) -> Seconds:
    """Time to rebuild activations in the backward pass.

    Nothing; memory-bound operators alone (`cheap`); or the whole forward pass.
    """
    return ops.where(recompute >= 2, expensive + cheap, ops.where(recompute >= 1, cheap, 0.0))


@formula(r"n_{call}", source="costmodel-prior")
def host_calls(layers: Count, per_layer: Count, ends_here: Count, ends: Count, recompute: Count) -> Count:
    """Operators that the host of a stage calls for one micro-batch: each forward, twice backward, again if recomputed.

    Selective recomputation calls so few again that they are left out.
    """
    return (layers * per_layer + ends_here * ends) * ops.where(recompute >= 2, 4.0, 3.0)


@formula(r"t_{wait}", source="costmodel-prior")
def host_wait(host: Seconds, device: Seconds, factor: Count) -> Seconds:
    """Time that a device waits for the host, which calls operators while it computes: what the host takes longer.

    `device` is a time by the laws of single operators, which a real run exceeds by `factor`; so is what is returned.
    """
    return ops.maximum(host / factor - device, 0.0)


@formula(r"n_{ar}", source="shoeybi-2019")
def tensor_all_reduces(recompute: Count) -> Count:
    """All-reduces per layer and micro-batch: two forward, two backward, two more when the layer is recomputed."""
    return ops.where(recompute >= 2, 6.0, 4.0)


@formula(r"t_{layer}", source="shoeybi-2019")
def layer_with_reductions(layer: Seconds, all_reduce: Seconds) -> Seconds:
    """Forward time of a layer and its two tensor-parallel all-reduces."""
    return layer + 2 * all_reduce


@formula(r"t_{pass}", source="narayanan-2021")
def with_hops(stack: Seconds, pp: Count, hop: Seconds) -> Seconds:
    """Time of a pass through all layers and from each pipeline stage to the next."""
    return stack + (pp - 1) * hop


@formula(r"t'", source="costmodel-prior")
def calibrated_time(duration: Seconds, factor: Count) -> Seconds:
    """A predicted duration times the factor by which real runs differ from the laws of single operators."""
    return duration * factor


@formula(r"F_{6ND}", source="kaplan-2020")
def model_training_flops(forward: Flop) -> Flop:
    """Model FLOPs of training: forward plus twice that for backward, without recomputation."""
    return 3 * forward


@formula(r"F_{step}", source="definition")
def step_flops(flops_per_sequence: Flop, global_batch: Count) -> Flop:
    """Model FLOPs of one optimizer step on all devices."""
    return flops_per_sequence * global_batch


@formula(r"F_{dev}", source="definition")
def per_device(flops: Flop, devices: Count) -> Flop:
    """FLOPs of one device when all do the same."""
    return flops / devices


@formula(r"B_{step}", source="costmodel-prior")
def step_traffic(micro_batches: Count, layers: Count, pp: Count, per_layer: Bytes, ends: Bytes) -> Bytes:
    """Memory traffic of a device in one step; backward moves twice what forward does."""
    return 3 * micro_batches * (layers * per_layer + ends) / pp


@formula(r"\mathrm{MFU}", source="narayanan-2021")
def model_flops_utilisation(flops: Flop, duration: Seconds, devices: Count, peak: FlopPerSecond) -> Fraction:
    """Model FLOPs over what the devices could do at dense peak in that time."""
    return flops / (duration * devices * peak)


@formula(r"r_{tok}", source="definition")
def tokens_per_second(tokens: Count, duration: Seconds) -> PerSecond:
    """Tokens per second."""
    return tokens / duration
