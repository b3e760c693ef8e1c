"""What the documents' wrong formulas should say, in their own terms, and the counting that their examples need.

These are for reading and for comparison. Estimates use the formulas named in `refined_by`.
"""

from typing import Annotated

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import (
    Bytes,
    Count,
    Flop,
    FlopPerSecond,
    Fraction,
    Joules,
    Number,
    Seconds,
    Usd,
    UsdPerSecond,
    Watts,
)

PerUsd = Annotated[Number, "1/USD"]


@formula(r"c_{tok}", source="definition")
def d1_1_cost_per_token_corrected(training_cost: Usd, tokens_served: Count, serving_cost: Usd) -> Usd:
    """What a served token costs: its share of the training cost, and its own serving cost."""
    return training_cost / tokens_served + serving_cost


@formula("T", source="kaplan-2020")
def d1_2_training_time_corrected(
    parameters: Count,
    tokens: Count,
    devices: Count,
    peak: FlopPerSecond,
    utilisation: Fraction,
    flop_per_parameter: Flop = 6.0,
) -> Seconds:
    """Training time of a dense model: 6 FLOP per parameter and token, at a share of the devices' peak."""
    return flop_per_parameter * parameters * tokens / (devices * peak * utilisation)


@formula("n", source="definition")
def d2_2_drives_corrected(weights: Count, bytes_per_weight: Bytes, data: Bytes, copies: Count, density: Bytes) -> Count:
    """Drives needed: weights and data add up, copies multiply, and the bytes that one drive holds divide."""
    return copies * (weights * bytes_per_weight + data) / density


@formula("E", source="barroso-2018")
def d2_3_energy_corrected(devices: Count, power: Watts, training_time: Seconds, pue: Count) -> Joules:
    """Energy: the power of the devices times the time they run, times the facility's PUE."""
    return devices * power * training_time * pue


@formula("C", source="definition")
def d2_5_computing_time_corrected(weights: Count, performance: FlopPerSecond, passes: Count, k: Flop) -> Seconds:
    """Three joint proportionalities as the product they make, with T counted in passes: k·W·T/P."""
    return k * weights * passes / performance


@formula(r"\nabla J", source="goodfellow-2016")
def d3_2_gradient_corrected(feature: Count, prediction: Count, target: Count) -> Count:
    """One sample's term of the gradient of the mean squared error for ŷ = w·x + b, where x is the feature."""
    return 2 * (prediction - target) * feature


@formula("a", source="vaswani-2017")
def d3_5_attention_corrected(
    query_key_1: Count, query_key_2: Count, key_width: Count, value_1: Count, value_2: Count
) -> Count:
    """One component of attention over two keys: the values weighted by the softmax of the scaled scores."""
    weight_1 = ops.exp(query_key_1 / ops.sqrt(key_width))
    weight_2 = ops.exp(query_key_2 / ops.sqrt(key_width))
    return (weight_1 * value_1 + weight_2 * value_2) / (weight_1 + weight_2)


@formula(r"(y - \hat y)^2", source="goodfellow-2016")
def squared_error_of_line(weight: Count, bias: Count, feature: Count, target: Count) -> Count:
    """Squared error of one sample under ŷ = w·x + b."""
    return (target - (weight * feature + bias)) ** 2


@formula("n", source="vaswani-2017")
def multi_head_parameters(heads: Count, head_width: Count) -> Count:
    """Weights of a multi-head attention without grouped heads: four square matrices as wide as all heads."""
    return 4 * (heads * head_width) ** 2


@formula("n", source="definition")
def dense_parameters(inputs: Count, outputs: Count) -> Count:
    """Parameters of a fully connected layer: a weight per pair of input and output, a bias per output."""
    return inputs * outputs + outputs


@formula("n", source="definition")
def convolution_parameters(channels_in: Count, channels_out: Count, kernel_height: Count, kernel_width: Count) -> Count:
    """Parameters of a convolution: a kernel per pair of channels, a bias per output channel."""
    return channels_in * channels_out * kernel_height * kernel_width + channels_out


@formula("n", source="definition")
def convolution_output(size: Count, kernel: Count) -> Count:
    """Positions at which a kernel fits along one side without padding, at stride 1."""
    return size - kernel + 1


@formula("n", source="definition")
def flattened_features(channels: Count, height: Count, width: Count) -> Count:
    """Features of an image with channels, laid out in one row."""
    return channels * height * width


@formula("n", source="definition")
def steps_per_epoch(samples: Count, batch_size: Count) -> Count:
    """Optimizer steps of one pass over the samples; the last batch may be smaller."""
    return ops.ceil(samples / batch_size)


@formula("n", source="definition")
def training_samples(samples: Count, held_out: Fraction) -> Count:
    """Samples left to train on when a share is held out for validation or test."""
    return samples * (1 - held_out)


@formula("t", source="definition")
def epoch_time(samples: Count, time_per_sample: Seconds) -> Seconds:
    """Time of one pass over the samples."""
    return samples * time_per_sample


@formula("F", source="kaplan-2020")
def dense_training_flops(parameters: Count, tokens: Count, flop_per_parameter: Flop = 6.0) -> Flop:
    """Training operations of a dense model: 6 FLOP per parameter and token."""
    return flop_per_parameter * parameters * tokens


@formula("C", source="definition")
def training_rent(operations: Flop, achieved: FlopPerSecond, price: UsdPerSecond) -> Usd:
    """Rent of one device for the time that the operations take at the rate it achieves."""
    return operations / achieved * price


@formula("C", source="definition")
def in_yuan(cost: Usd, yuan_per_dollar: PerUsd) -> Count:
    """An amount of US dollars in yuan."""
    return cost * yuan_per_dollar
