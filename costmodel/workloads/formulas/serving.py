"""Serving: replicas, sequences in flight, latency, throughput."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Bytes, Count, Flop, Fraction, PerSecond, Seconds


@formula(r"n_{rep}", source="definition")
def replicas(devices: Count, tp: Count, pp: Count) -> Count:
    """Copies of the model that serve side by side."""
    return ops.floor(devices / (tp * pp))


@formula(r"B_{run}", source="definition")
def at_least_one(sequences: Count) -> Count:
    """Sequences to compute with: one even when not one fits, so that the answer can say what is missing."""
    return ops.maximum(sequences, 1)


@formula(r"t_{host}", source="costmodel-prior")
def host_time(per_step: Seconds, per_sequence: Seconds, sequences: Count) -> Seconds:
    """Time of an engine's host part of a step: scheduling, sampling, detokenising."""
    return per_step + per_sequence * sequences


@formula(r"n_{pre}", source="agrawal-2023")
def prompts_at_once(chunk: Count, input_tokens: Count, sequences: Count) -> Count:
    """Prompts in one prefill pass: as many as fill a chunk of tokens, at least one, at most those there are."""
    return ops.maximum(ops.minimum(ops.floor(chunk / input_tokens), sequences), 1)


@formula(r"t_{pro}", source="definition")
def time_per_prompt(prefill_pass: Seconds, prompts: Count) -> Seconds:
    """What one prompt takes of a prefill pass of several."""
    return prefill_pass / prompts


@formula(r"t_{first}", source="costmodel-prior")
def time_to_first_token(own: Seconds, prompt: Seconds, sequences: Count, output_tokens: Count) -> Seconds:
    """Time to a request's first token: its prompt, and those of the others that come before it.

    The prompts of the other sequences in flight spread evenly over the tokens of its answer: when the answer is one
    token, all of them come first, as in a static batch. Never less than its `own` pass: that of one prompt where
    requests come as they like, a full one where those that ended together made room for it.
    """
    return ops.maximum(own, prompt * (1 + (sequences - 1) / output_tokens))


@formula(r"t_{tok}", source="costmodel-prior")
def time_per_output_token(
    decode_step: Seconds, prompt: Seconds, sequences: Count, own: Count, output_tokens: Count
) -> Seconds:
    """Time per output token when every running sequence's prompt interrupts the decode steps of the others.

    All but those in its `own` pass, which are over when it decodes.
    """
    return decode_step + prompt * (sequences - own) / output_tokens


@formula(r"t_{req}", source="definition")
def request_latency(first_token: Seconds, per_token: Seconds, output_tokens: Count) -> Seconds:
    """Time from a request's arrival at the engine to its last token.

    With B sequences in flight that is B prompts and output_tokens − 1 decode steps.
    """
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


@formula(r"B", source="definition")
def share_of_concurrency(concurrency: Count, most: Count) -> Count:
    """Sequences in flight: as many as are sent, at most what runs at once."""
    return ops.minimum(concurrency, most)


@formula(r"B", source="definition")
def share_of_batch(sequences: Count, requests: Count, replicas: Count) -> Count:
    """Sequences in flight for a finite batch of requests: no more than there are requests for each replica."""
    return ops.minimum(sequences, ops.maximum(requests / replicas, 1))


@formula(r"\lambda_{rep}", source="definition")
def rate_per_replica(rate: PerSecond, replicas: Count) -> PerSecond:
    """Requests per second that reach one replica."""
    return rate / replicas


@formula(r"\lambda_{all}", source="definition")
def fleet_rate(rate: PerSecond, replicas: Count) -> PerSecond:
    """Requests per second of all replicas."""
    return rate * replicas


@formula(r"\lambda", source="definition")
def served_rate(rate: PerSecond, capacity: PerSecond) -> PerSecond:
    """Requests per second that are answered: what arrives, at most what the fleet can do."""
    return ops.minimum(rate, capacity)


@formula(r"n_{dev}", source="definition")
def devices_for_rate(rate: PerSecond, answered: PerSecond, devices: Count, tp: Count, pp: Count) -> Count:
    """Devices of the replicas that answer `rate`, when those on `devices` answer no more than `answered`."""
    return ops.ceil(rate * replicas(devices, tp, pp) / answered) * tp * pp


@formula(r"t_{all}", source="definition")
def time_for_requests(requests: Count, rate: PerSecond, latency: Seconds) -> Seconds:
    """Time to work off a batch of requests: at full rate, and never less than one request takes."""
    return ops.maximum(requests / rate, latency)


@formula(r"F_{dec}", source="pope-2022")
def decode_flops(per_step: Flop, pp: Count) -> Flop:
    """FLOPs of one device in a decode step when the layers are spread over pp stages."""
    return per_step / pp


@formula(r"B_{dec}", source="pope-2022")
def decode_traffic(layers: Count, per_layer: Bytes, ends: Bytes, pp: Count) -> Bytes:
    """Memory traffic of one device in a decode step."""
    return (layers * per_layer + ends) / pp
