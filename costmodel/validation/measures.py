"""Formulas of validation: published rates as times, and the naive baselines that stand beside every prediction."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import (
    Bytes,
    BytesPerSecond,
    Count,
    Flop,
    FlopPerSecond,
    Fraction,
    Joules,
    PerSecond,
    Seconds,
    Watts,
)


@formula(r"t_{step}", source="definition")
def step_time_of_rate(global_batch: Count, tokens: Count, rate: PerSecond) -> Seconds:
    """Time of an optimizer step from a rate: of tokens, with `tokens` per sequence, or of sequences, with 1."""
    return global_batch * tokens / rate


@formula(r"t_{peak}", source="definition")
def time_at_peak(step_time: Seconds, utilisation: Fraction) -> Seconds:
    """Time of a step on devices that reach their peak rate throughout, from that of one at some utilisation."""
    return step_time * utilisation


@formula(r"t_1", source="definition")
def time_of_one(rate: PerSecond) -> Seconds:
    """Time per token or request of the whole deployment at a rate."""
    return 1 / rate


@formula(r"r_{out}", source="definition")
def output_share_of_rate(total: PerSecond, input_tokens: Count, output_tokens: Count) -> PerSecond:
    """Output tokens per second from a rate that counts input and output tokens."""
    return total * output_tokens / (input_tokens + output_tokens)


@formula(r"r_{in}", source="definition")
def input_rate(requests: PerSecond, input_tokens: Count) -> PerSecond:
    """Input tokens per second of so many requests per second."""
    return requests * input_tokens


@formula(r"c", source="definition")
def mean_context(context: Count, output_tokens: Count) -> Count:
    """Tokens whose generation from an empty cache has the same mean context as `output_tokens` after `context`."""
    return 2 * context + output_tokens


@formula(r"T", source="definition")
def batch_tokens(sequences: Count, tokens: Count) -> Count:
    """Tokens of a batch of equal sequences."""
    return sequences * tokens


@formula(r"P_{dev}", source="definition")
def mean_device_power(energy: Joules, devices: Count, duration: Seconds) -> Watts:
    """Mean power of one device."""
    return energy / (devices * duration)


@formula(r"F_N", source="kaplan-2020")
def parameter_flops(parameters: Count, tokens: Count, flop_per_parameter: Flop) -> Flop:
    """Operations of dense layers: per token and parameter 2 forward, 6 in training."""
    return flop_per_parameter * parameters * tokens


@formula(r"t_{6ND}", source="kaplan-2020")
def naive_step_time(flops: Flop, devices: Count, peak: FlopPerSecond, reached: Fraction = 0.4) -> Seconds:
    """Baseline of a training step: its operations at 40 % of dense peak."""
    return flops / (reached * devices * peak)


@formula(r"M_{16N}", source="rajbhandari-2020")
def naive_training_memory(parameters: Count, shards: Count, per_parameter: Bytes = 16.0) -> Bytes:
    """Baseline of training memory: 16 bytes per parameter (weights, gradients, Adam) over the devices that share it."""
    return per_parameter * parameters / shards


@formula(r"t_{roof}", source="williams-2009")
def naive_pass_time(
    flops: Flop,
    traffic: Bytes,
    tp: Count,
    bandwidth: BytesPerSecond,
    peak: FlopPerSecond,
    bandwidth_reached: Fraction = 0.6,
    peak_reached: Fraction = 0.45,
) -> Seconds:
    """Baseline of an inference pass: a roofline at 60 % of memory bandwidth and 45 % of dense peak."""
    memory = traffic / (bandwidth_reached * bandwidth * tp)
    compute = flops / (peak_reached * peak * tp)
    return ops.maximum(memory, compute)


@formula(r"t_{req}", source="williams-2009")
def naive_latency(prefill: Seconds, step: Seconds, output_tokens: Count) -> Seconds:
    """Baseline of a batch from start to end: its prompts, then a step for every further token."""
    return prefill + step * (output_tokens - 1)


@formula(r"\lambda", source="little-1961")
def naive_request_rate(sequences: Count, replicas: Count, latency: Seconds) -> PerSecond:
    """Baseline of throughput: every replica answers its batch once per latency."""
    return sequences * replicas / latency


@formula(r"B_{kv}", source="pope-2022")
def naive_kv_bytes(
    sequences: Count, tokens: Count, layers: Count, kv_heads: Count, head_dim: Count, element_bytes: Bytes
) -> Bytes:
    """KV cache of `sequences` with `tokens` each, over all devices of a replica."""
    return 2 * sequences * tokens * layers * kv_heads * head_dim * element_bytes


@formula(r"M_{wkv}", source="pope-2022")
def weights_and_kv(parameters: Count, weight_bytes: Bytes, kv: Bytes) -> Bytes:
    """Weights and KV cache: what a decode step reads."""
    return parameters * weight_bytes + kv


@formula(r"M_{inf}", source="pope-2022")
def naive_inference_memory(held: Bytes, shards: Count) -> Bytes:
    """Baseline of inference memory: weights and KV cache over the devices that share them."""
    return held / shards


@formula(r"P_{.7}", source="costmodel-prior")
def naive_power(tdp: Watts, share: Fraction = 0.7) -> Watts:
    """Baseline of a device's power at work: 70 % of TDP."""
    return share * tdp
