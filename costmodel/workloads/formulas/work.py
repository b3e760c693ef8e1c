"""What is to be done: defaults for what is left unsaid, tokens, steps, requests."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Count, PerSecond, Seconds


@formula(r"D", source="hoffmann-2022")
def total_training_tokens_default(parameters: Count) -> Count:
    """Tokens to train on when none are stated: 20 per parameter, the compute-optimal rule of thumb."""
    return 20 * parameters


@formula(r"s", source="costmodel-prior")
def sequence_default(max_sequence: Count) -> Count:
    """Sequence length when none is stated: the model's maximum, at most 8,192."""
    return ops.minimum(max_sequence, 8192)


@formula(r"B_{use}", source="costmodel-prior")
def usual_batch(sequence: Count, best: Count, devices: Count) -> Count:
    """Sequences per step that hold about 4 M tokens (2²²): a power of two.

    Where devices outnumber these, more: about one a device, but no more than hold the `best` tokens per step for the
    loss of the run.
    """
    usual = ops.maximum(ops.floor(ops.log2(4194304 / sequence) + 1 / 2), 0)
    more = ops.floor(ops.log2(ops.minimum(best / sequence, devices)) + 1 / 2)
    return 2 ** ops.where(devices > 2**usual, ops.maximum(usual, more), usual)


@formula(r"B", source="costmodel-prior")
def global_batch_default(usual: Count, dp: Count, micro_batch: Count) -> Count:
    """Sequences per step when none are stated: the usual number, in whole micro-batches for every replica."""
    return dp * micro_batch * ops.maximum(ops.floor(usual / (dp * micro_batch) + 1 / 2), 1)


@formula(r"D", source="definition")
def samples_seen(samples: Count, epochs: Count) -> Count:
    """Samples that go through a model in all epochs."""
    return samples * epochs


@formula(r"n_{step}", source="definition")
def steps(tokens: Count, global_batch: Count, sequence: Count) -> Count:
    """Optimizer steps to go through `tokens`."""
    return ops.ceil(tokens / (global_batch * sequence))


@formula(r"c_{mid}", source="definition")
def context_at_half(input_tokens: Count, output_tokens: Count) -> Count:
    """Cached tokens of a sequence half-way through its answer, the mean over its decode steps."""
    return input_tokens + output_tokens / 2


@formula(r"s_{max}", source="definition")
def sequence_tokens(input_tokens: Count, output_tokens: Count) -> Count:
    """Tokens of a sequence at its end."""
    return input_tokens + output_tokens


@formula(r"n_{req}", source="definition")
def requests_served(rate: PerSecond, period: Seconds) -> Count:
    """Requests over a period."""
    return rate * period


@formula(r"n_{tok}", source="definition")
def output_tokens_served(requests: Count, output_tokens: Count) -> Count:
    """Output tokens of a number of requests."""
    return requests * output_tokens
