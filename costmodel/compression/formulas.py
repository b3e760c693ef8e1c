"""Compression in numbers: bytes of a weight, what is left of a shape, adapters, the cost of making, break-even."""

from typing import Annotated

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, Count, FlopPerSecond, Fraction, Number, PerSecond, Seconds, Usd, UsdPerSecond

UsdPerToken = Annotated[Number, "USD"]


@formula(r"b_w", source="frantar-2023")
def quantised_weight_bytes(value: Bytes, scale: Bytes, zero: Bytes, group: Count) -> Bytes:
    """Bytes of a quantised weight: its bits, and its share of the scale and zero point of its group."""
    return value + (scale + zero) / group


@formula(r"b_{n:m}", source="mishra-2021")
def patterned_weight_bytes(weight: Bytes, kept: Fraction, index: Bytes) -> Bytes:
    """Bytes of a weight, on average, when a pattern keeps a share of them, each with an index of its place."""
    return kept * (weight + index)


@formula(r"b_{file}", source="definition")
def bitmap_weight_bytes(weight: Bytes, zero_share: Fraction, mark: Bytes = 0.125) -> Bytes:
    """Bytes of a weight in a file that leaves out zeros and marks each place with a bit; never more than without."""
    return ops.minimum((1 - zero_share) * weight + mark, weight)


@formula(r"B_{w}", source="definition")
def mixed_weight_bytes(products: Count, others: Count, product_weight: Bytes, other_weight: Bytes) -> Bytes:
    """Bytes of parameters of which those of products are in one format, and all others in another."""
    return products * product_weight + others * other_weight


@formula(r"b_{read}", source="costmodel-prior")
def read_weight_bytes(weight: Bytes, unpacking: Bytes) -> Bytes:
    """Bytes that reading a weight counts for: its own, and `unpacking`, as many as take the time to unpack it."""
    return weight + unpacking


@formula(r"n'", source="definition")
def kept_count(count: Count, removed: Fraction, multiple: Count) -> Count:
    """What is left of a count when a share is removed, to the nearest `multiple`, and at least that."""
    return ops.maximum(ops.floor(count * (1 - removed) / multiple + 0.5), 1) * multiple


@formula(r"F'_{peak}", source="mishra-2021")
def compressed_peak(dense: FlopPerSecond, gain: Count) -> FlopPerSecond:
    """Rate at which products run, in operations of the dense product, when the device skips a pattern's zeros."""
    return dense * gain


@formula(r"r_{in}", source="hu-2021")
def frozen_backward(ratio: Count) -> Count:
    """Backward over forward of a product whose weights stay: the input's gradient alone, one of two equal parts."""
    return ratio / 2


@formula(r"F_{ad}", source="hu-2021")
def adapter_training_flops(
    trained: Annotated[Number, "FLOP"], frozen: Annotated[Number, "FLOP"]
) -> Annotated[Number, "FLOP"]:
    """Model FLOPs of training when the gradients of frozen weights, as many as their forward pass, are left out."""
    return trained - frozen


@formula(r"n_{out}", source="definition")
def product_columns(outputs: Bytes, inputs: Bytes, depth: Count) -> Count:
    """Columns of a product, from what it writes and reads of activations."""
    return depth * outputs / inputs


@formula(r"\rho", source="definition")
def removed_share(before: Count, after: Count) -> Fraction:
    """Share of the parameters that is gone."""
    return 1 - after / before


@formula(r"t_{tok}", source="definition")
def time_per_token(rate: PerSecond) -> Seconds:
    """Time between one token and the next at a rate."""
    return 1 / rate


@formula(r"C_{make}", source="definition")
def making_cost(device_time: Seconds, rate: UsdPerSecond) -> Usd:
    """What it costs to make a compressed model, at the price of device time."""
    return device_time * rate


@formula(r"c_{dev}", source="definition")
def device_rate(cost: Usd, device_time: Seconds) -> UsdPerSecond:
    """What a device costs per time, everything included."""
    return cost / device_time


@formula(r"n_{even}", source="definition")
def break_even_tokens(making: Usd, before: UsdPerToken, after: UsdPerToken, per: Count = 1e6) -> Count:
    """Tokens after which the making is paid, from the cost of `per` tokens before and after."""
    return per * making / (before - after)


@formula(r"M_{model}", source="definition")
def model_bytes(layers: Count, per_layer: Bytes, first: Bytes, last: Bytes) -> Bytes:
    """Bytes of the weights of a stack of equal layers between an input and an output part."""
    return layers * per_layer + first + last


@formula(r"M_{tok}", source="pope-2022")
def cache_bytes_per_token(layers: Count, per_layer: Bytes) -> Bytes:
    """Bytes that a token takes in the KV caches of all layers."""
    return layers * per_layer
