"""Formulas of work: defaults for what is left unsaid, steps, run time, throughput, utilisation, waiting."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import HOUR, Bytes, BytesPerSecond, Count, Flop, FlopPerSecond, Fraction, PerSecond, Seconds


@formula(r"D", source="hoffmann-2022")
def total_training_tokens_default(parameters: Count) -> Count:
    """Tokens to train on when none are stated: 20 per parameter, the compute-optimal rule of thumb."""
    return 20 * parameters


@formula(r"s", source="costmodel-prior")
def sequence_default(max_sequence: Count) -> Count:
    """Sequence length when none is stated: the model's maximum, at most 8,192."""
    return ops.minimum(max_sequence, 8192)


@formula(r"B", source="costmodel-prior")
def global_batch_default(sequence: Count, devices: Count) -> Count:
    """Sequences per step when none are stated: about 4 M tokens (2²²), a multiple of the number of devices."""
    return devices * ops.ceil(4194304 / sequence / devices)


@formula(r"n_{step}", source="definition")
def steps(tokens: Count, global_batch: Count, sequence: Count) -> Count:
    """Optimizer steps to go through `tokens`."""
    return ops.ceil(tokens / (global_batch * sequence))


@formula(r"D_{step}", source="definition")
def tokens_per_step(global_batch: Count, sequence: Count) -> Count:
    """Tokens of one optimizer step on all devices."""
    return global_batch * sequence


@formula(r"t_{bwd}", source="kaplan-2020")
def matmul_backward_time(forward: Seconds) -> Seconds:
    """Backward time of a product: one product for the input's gradient and one for the weights'."""
    return 2 * forward


@formula(r"t_{bwd}", source="dao-2022")
def attention_backward_time(forward: Seconds, ratio: Count) -> Seconds:
    """Backward time of fused attention: it rebuilds the scores, five products for the forward pass's two."""
    return ratio * forward


@formula(r"t_{bwd}", source="costmodel-prior")
def memory_bound_backward_time(forward: Seconds) -> Seconds:
    """Backward time of a memory-bound operator: it reads the gradient beside what the forward pass read."""
    return 1.5 * forward


@formula(r"t_{re}", source="korthikanti-2022")
def recompute_time(expensive: Seconds, cheap: Seconds, recompute: Count) -> Seconds:
    """Time to rebuild activations in the backward pass.

    Nothing; memory-bound operators alone (`cheap`); or the whole forward pass.
    """
    return ops.where(recompute >= 2, expensive + cheap, ops.where(recompute >= 1, cheap, 0.0))


@formula(r"n_{ar}", source="shoeybi-2019")
def tensor_all_reduces(recompute: Count) -> Count:
    """All-reduces per layer and micro-batch: two forward, two backward, two more when the layer is recomputed."""
    return ops.where(recompute >= 2, 6.0, 4.0)


@formula(r"S_{tp}", source="shoeybi-2019")
def tensor_parallel_payload(tokens: Count, hidden: Count, element_bytes: Bytes) -> Bytes:
    """Bytes that each tensor-parallel all-reduce sums: one layer's output for a micro-batch."""
    return tokens * hidden * element_bytes


@formula(r"F_{6ND}", source="kaplan-2020")
def model_training_flops(forward: Flop) -> Flop:
    """Model FLOPs of training: forward plus twice that for backward, without recomputation."""
    return 3 * forward


@formula(r"F_{step}", source="definition")
def step_flops(flops_per_sequence: Flop, global_batch: Count) -> Flop:
    """Model FLOPs of one optimizer step on all devices."""
    return flops_per_sequence * global_batch


@formula(r"F_{run}", source="definition")
def run_flops(steps: Count, per_step: Flop) -> Flop:
    """Model FLOPs of a whole run."""
    return steps * per_step


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


@formula(r"t'", source="costmodel-prior")
def calibrated_time(duration: Seconds, factor: Count) -> Seconds:
    """A predicted duration times the factor by which real runs differ from the laws of single operators."""
    return duration * factor


@formula(r"t_{write}", source="young-1974")
def checkpoint_write_time(checkpoint: Bytes, bandwidth: BytesPerSecond) -> Seconds:
    """Time to write one checkpoint."""
    return checkpoint / bandwidth


@formula(r"\theta_1", source="definition")
def mean_time_between_failures(failures_per_hour: Count, hour: Seconds = HOUR) -> Seconds:
    """Mean time between failures of one device that fails so often per hour of running."""
    return hour / failures_per_hour


@formula(r"\theta", source="daly-2006")
def cluster_mtbf(device_mtbf: Seconds, devices: Count) -> Seconds:
    """Mean time between failures of a cluster in which any device's failure stops the job."""
    return device_mtbf / devices


@formula(r"\tau", source="young-1974")
def checkpoint_interval(write: Seconds, mtbf: Seconds) -> Seconds:
    """Interval between checkpoints that loses the least time (Young's first-order optimum)."""
    return ops.sqrt(2 * write * mtbf)


@formula(r"\eta", source="daly-2006")
def goodput(write: Seconds, interval: Seconds, restart: Seconds, mtbf: Seconds) -> Fraction:
    """Share of time that is progress: without writing checkpoints, redoing lost work and restarting."""
    return 1 / (1 + write / interval + (interval / 2 + restart) / mtbf)


@formula(r"t_{lost}", source="daly-2006")
def lost_time(productive: Seconds, goodput: Fraction) -> Seconds:
    """Time lost to checkpoints, failures and restarts beside the productive time."""
    return productive * (1 / goodput - 1)


@formula(r"t_{run}", source="definition")
def run_time(steps: Count, step: Seconds) -> Seconds:
    """Time of a number of equal steps."""
    return steps * step


@formula(r"t_{dev}", source="definition")
def device_time(devices: Count, duration: Seconds) -> Seconds:
    """Device-seconds: all devices for the whole duration."""
    return devices * duration


@formula(r"n_{rep}", source="definition")
def replicas(devices: Count, tp: Count, pp: Count) -> Count:
    """Copies of the model that serve side by side."""
    return ops.floor(devices / (tp * pp))


@formula(r"c_{mid}", source="definition")
def context_at_half(input_tokens: Count, output_tokens: Count) -> Count:
    """Cached tokens of a sequence half-way through its answer, the mean over its decode steps."""
    return input_tokens + output_tokens / 2


@formula(r"s_{max}", source="definition")
def sequence_tokens(input_tokens: Count, output_tokens: Count) -> Count:
    """Tokens of a sequence at its end."""
    return input_tokens + output_tokens


@formula(r"t_{host}", source="costmodel-prior")
def host_time(per_step: Seconds, per_sequence: Seconds, sequences: Count) -> Seconds:
    """Time that an engine's host part adds to a step: scheduling, sampling, detokenising."""
    return per_step + per_sequence * sequences


@formula(r"t_{tok}", source="costmodel-prior")
def time_per_output_token(decode_step: Seconds, prefill: Seconds, sequences: Count, output_tokens: Count) -> Seconds:
    """Time per output token when every running sequence's prefill interrupts the decode steps of the others."""
    return decode_step + prefill * (sequences - 1) / output_tokens


@formula(r"t_{req}", source="definition")
def request_latency(first_token: Seconds, per_token: Seconds, output_tokens: Count) -> Seconds:
    """Time from a request's arrival at the engine to its last token."""
    return first_token + per_token * (output_tokens - 1)


@formula(r"\lambda", source="little-1961")
def request_throughput(sequences: Count, latency: Seconds) -> PerSecond:
    """Requests per second with `sequences` always in flight (Little's law)."""
    return sequences / latency


@formula(r"b", source="definition")
def latency_slope(idle: Seconds, busy: Seconds, most: Count) -> Seconds:
    """How much each further sequence in flight adds to a request's latency, between 1 and `most` in flight."""
    return (busy - idle) / ops.maximum(most - 1, 1)


@formula(r"B", source="little-1961")
def sequences_in_flight(rate: PerSecond, idle: Seconds, slope: Seconds, most: Count) -> Count:
    """Sequences in flight at a request rate: Little's law with a latency that grows linearly, at least 1.

    B = rate · (idle + slope · (B − 1)), solved for B; capped at `most` when the rate is beyond saturation.
    """
    free = ops.maximum(1 - rate * slope, 1e-9)
    return ops.minimum(ops.maximum(rate * (idle - slope) / free, 1), most)


@formula(r"B", source="definition")
def share_of_sequences(share: Fraction, most: Count) -> Count:
    """Sequences in flight at a share of the most that run at once, at least 1."""
    return ops.maximum(share * most, 1)


@formula(r"\lambda_{rep}", source="definition")
def rate_per_replica(rate: PerSecond, replicas: Count) -> PerSecond:
    """Requests per second that reach one replica."""
    return rate / replicas


@formula(r"\lambda_{all}", source="definition")
def fleet_rate(rate: PerSecond, replicas: Count) -> PerSecond:
    """Requests per second of all replicas."""
    return rate * replicas


@formula(r"n_{req}", source="definition")
def requests_served(rate: PerSecond, period: Seconds) -> Count:
    """Requests over a period."""
    return rate * period


@formula(r"n_{tok}", source="definition")
def output_tokens_served(requests: Count, output_tokens: Count) -> Count:
    """Output tokens of a number of requests."""
    return requests * output_tokens


@formula(r"t_{all}", source="definition")
def time_for_requests(requests: Count, rate: PerSecond, latency: Seconds) -> Seconds:
    """Time to work off a batch of requests: at full rate, and never less than one request takes."""
    return ops.maximum(requests / rate, latency)


@formula(r"t_{step}", source="definition")
def with_host(device: Seconds, host: Seconds) -> Seconds:
    """Time of an engine step: the devices' part and the host's part, one after the other."""
    return device + host


@formula(r"t_{layer}", source="shoeybi-2019")
def layer_with_reductions(layer: Seconds, all_reduce: Seconds) -> Seconds:
    """Forward time of a layer and its two tensor-parallel all-reduces."""
    return layer + 2 * all_reduce


@formula(r"t_{pass}", source="narayanan-2021")
def with_hops(stack: Seconds, pp: Count, hop: Seconds) -> Seconds:
    """Time of a pass through all layers and from each pipeline stage to the next."""
    return stack + (pp - 1) * hop


@formula(r"B_{run}", source="definition")
def at_least_one(sequences: Count) -> Count:
    """Sequences to compute with: one even when not one fits, so that the answer can say what is missing."""
    return ops.maximum(sequences, 1)


@formula(r"B", source="definition")
def share_of_concurrency(concurrency: Count, most: Count) -> Count:
    """Sequences in flight: as many as are sent, at most what runs at once."""
    return ops.minimum(concurrency, most)


@formula(r"\lambda", source="definition")
def served_rate(rate: PerSecond, capacity: PerSecond) -> PerSecond:
    """Requests per second that are answered: what arrives, at most what the fleet can do."""
    return ops.minimum(rate, capacity)


@formula(r"F_{dec}", source="pope-2022")
def decode_flops(per_step: Flop, pp: Count) -> Flop:
    """FLOPs of one device in a decode step when the layers are spread over pp stages."""
    return per_step / pp


@formula(r"B_{dec}", source="pope-2022")
def decode_traffic(layers: Count, per_layer: Bytes, ends: Bytes, pp: Count) -> Bytes:
    """Memory traffic of one device in a decode step."""
    return (layers * per_layer + ends) / pp
