"""What training and then serving cost together, and what quantised serving and repeated data ask of training."""

from costmodel import ops
from costmodel.formula import formula
from costmodel.units import Count, Fraction, Usd


@formula(r"C", source="sardana-2024")
def lifetime_cost(training: Usd, serving: Usd) -> Usd:
    """What a model costs over its life: its training and all that it answers."""
    return training + serving


@formula(r"C_{srv}", source="sardana-2024")
def serving_cost(per_token: Usd, served: Count) -> Usd:
    """Cost of serving so many tokens, prompts and answers together."""
    return per_token * served


@formula(r"c_{tok}", source="definition")
def cost_per_served_token(cost: Usd, requests: Count, input_tokens: Count, output_tokens: Count) -> Usd:
    """Cost of a token served, prompts and answers together."""
    return cost / (requests * (input_tokens + output_tokens))


@formula(r"C_{trn}", source="definition")
def left_for_training(budget: Usd, serving: Usd) -> Usd:
    """What serving leaves of a budget."""
    return budget - serving


@formula(r"D/N", source="definition")
def tokens_per_parameter(tokens: Count, parameters: Count) -> Count:
    """Tokens of training per parameter."""
    return tokens / parameters


@formula(r"n_{ep}", source="definition")
def epochs(tokens: Count, unique: Count) -> Count:
    """Times that data is seen."""
    return tokens / unique


@formula(r"D_{U'}", source="muennighoff-2023")
def tokens_of_worth(worth: Count, unique: Count, decay: Count) -> Count:
    """Tokens, repeats counted, that are worth so many new ones when only `unique` are new."""
    return unique * (1 - decay * ops.log2(1 - (worth / unique - 1) / decay) / ops.log2(2.718281828459045))


@formula(r"L_{left}", source="definition")
def loss_left(target: Count, added: Count) -> Count:
    """Loss that training has to reach when serving in fewer bits adds some to it."""
    return target - added


@formula(r"L_{srv}", source="definition")
def served_loss(trained: Count, added: Count) -> Count:
    """Loss of a model as it is served, in fewer bits than it was trained in."""
    return trained + added


@formula(r"g", source="costmodel-prior")
def generation_at(tokens: Count, parameters: Count, newer: Count, few: Count = 100.0, many: Count = 1000.0) -> Count:
    """Factor of the loss by quantisation between older models (few tokens per parameter) and newer ones (many)."""
    share = ops.log2(tokens / (parameters * few)) / ops.log2(many / few)
    return newer ** ops.minimum(ops.maximum(share, 0), 1)


@formula(r"C_q", source="definition")
def cost_at_quantile(cost: Usd, quantile: Usd, value: Usd) -> Usd:
    """A cost moved as far as a quantile of the estimate behind it lies from that estimate's value."""
    return cost * quantile / value


@formula(r"\sigma", source="definition")
def joined_spread(one: Count, other: Count) -> Count:
    """Factor between a value and an end of its range, from two independent ones (each at least 1)."""
    return 2 ** ops.sqrt(ops.log2(one) ** 2 + ops.log2(other) ** 2)


@formula(r"s", source="definition")
def saved_share(value: Count, instead: Count) -> Fraction:
    """Share that is saved against another plan, of money or of anything else."""
    return 1 - value / instead
