"""The formulas of the five documents as they stand there, right or wrong.

A sum over a data set is one argument that is already summed, and a vector formula is written for one component:
that keeps each formula literal and still a formula. `entries.py` says what each means and what is wrong with it.
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
    People,
    Seconds,
    Usd,
    UsdPerPersonSecond,
)

PerByte = Annotated[Number, "1/B"]
JoulesPerFlop = Annotated[Number, "J/FLOP"]
FlopSquaredPerSecond = Annotated[Number, "FLOP*FLOP/s"]


@formula("E", source="document-0", refined_by=("tokens_per_second", "model_flops_utilisation", "rent"))
def d0_1_training_efficiency(squared_errors: Count, samples: Count) -> Count:
    """Half the squared error, averaged over a data set, as training efficiency.

    `squared_errors` is the sum of ‖y − f(x; w)‖².
    """
    return 1 / samples * (squared_errors / 2)


@formula("C", source="document-0", refined_by=("matmul_flops", "matmul_time", "attention_flops", "attention_time"))
def d0_2_inference_cost(parameters: Count, cost_per_operation: Count) -> Count:
    """Inference cost as parameters times the consumption of one operation."""
    return parameters * cost_per_operation


@formula("E", source="document-1", refined_by=("tokens_per_second", "rent"))
def d1_1_efficiency(training_time: Seconds, inference_cost: Seconds) -> Count:
    """Efficiency as training time over inference cost; the example gives that cost as a time."""
    return training_time / inference_cost


@formula(
    "T",
    source="document-1",
    refined_by=("total_training_tokens_default", "steps", "run_time", "model_flops_utilisation"),
)
def d1_2_training_time(parameters: Count, batch_size: Count) -> Count:
    """Training time as parameters over batch size, which the document reads in seconds."""
    return parameters / batch_size


@formula("R", source="document-1", refined_by=("matmul_time", "attention_time"))
def d1_3_inference_cost(computing_cost: Seconds) -> Seconds:
    """Inference cost as the computing cost of an inference."""
    return computing_cost


@formula("C", source="document-2", refined_by=("matmul_flops", "attention_flops", "model_flops_utilisation"))
def d2_1_computing_resources(weights: Count, performance: FlopPerSecond, training_time: Seconds, k: Count) -> Flop:
    """Computing resources consumed, proportional to weights, computing performance and training time."""
    return k * weights * performance * training_time


@formula("S", source="document-2", refined_by=("checkpoint_bytes", "stored_byte_months", "storage_cost"))
def d2_2_storage_resources(weights: Count, data: Bytes, density: Bytes, k: PerByte) -> Bytes:
    """Storage consumed, proportional to weights, data volume and storage density (bytes that one drive holds)."""
    return k * weights * data * density


@formula("E", source="document-2", refined_by=("device_power", "facility_energy", "operational_carbon"))
def d2_3_energy(weights: Count, performance: FlopPerSecond, training_time: Seconds, k: JoulesPerFlop) -> Joules:
    """Energy consumed, proportional to weights, computing performance and training time."""
    return k * weights * performance * training_time


@formula("C_p", source="document-2", refined_by=("staff_cost", "staff_hours"))
def d2_4_staff_cost(people: People, salary: UsdPerPersonSecond, working_time: Seconds) -> Usd:
    """Staff cost as people times salary per person times working time."""
    return people * salary * working_time


@formula("C", source="document-2", refined_by=("parameter_count_matmul", "matmul_flops", "steps", "run_time"))
def d2_5_computing_resources(
    weights: Count, performance: FlopPerSecond, training_time: Seconds, k_4: FlopSquaredPerSecond, k_3: FlopPerSecond
) -> Flop:
    """Computing resources as the document derives them: a sum of weights over performance and of training time."""
    return k_4 * (1 / performance) * weights + k_3 * training_time


@formula("J", source="document-3")
def d3_1_mean_squared_error(squared_errors: Count, samples: Count) -> Count:
    """Mean squared error of the predictions.

    `squared_errors` is the sum of (y − ŷ)².
    """
    return 1 / samples * squared_errors


@formula(r"\nabla J", source="document-3")
def d3_2_gradient(weight: Count, prediction: Count, target: Count) -> Count:
    """One sample's term of the gradient of the mean squared error, as the document writes it."""
    return 2 * (weight * prediction - target)


@formula("w", source="document-3", refined_by=("optimizer_time",))
def d3_3_gradient_step(weight: Count, alpha: Count, gradient: Count) -> Count:
    """A weight after one step of gradient descent with learning rate alpha."""
    return weight - alpha * gradient


@formula("m_t", source="document-3", refined_by=("state_bytes", "optimizer_time"))
def d3_4_first_moment(before: Count, gradient: Count, beta_1: Fraction = 0.9) -> Count:
    """Adam's running mean of the gradient."""
    return beta_1 * before + (1 - beta_1) * gradient


@formula("v_t", source="document-3", refined_by=("state_bytes", "optimizer_time"))
def d3_4_second_moment(before: Count, gradient: Count, beta_2: Fraction = 0.999) -> Count:
    """Adam's running mean of the squared gradient."""
    return beta_2 * before + (1 - beta_2) * gradient**2


@formula(r"\hat m_t", source="document-3")
def d3_4_bias_corrected(moment: Count, beta: Fraction, step: Count) -> Count:
    """A moment of Adam without the bias of its start at zero, after `step` steps."""
    return moment / (1 - beta**step)


@formula("w", source="document-3", refined_by=("optimizer_time",))
def d3_4_adam_step(weight: Count, alpha: Count, m: Count, v: Count, epsilon: Count = 1e-8) -> Count:
    """A weight after one step of Adam, from its bias-corrected moments m and v."""
    return weight - alpha * m / (ops.sqrt(v) + epsilon)


@formula("a", source="document-3", refined_by=("attention_flops", "attention_time"))
def d3_5_attention(query_key: Count, key_width: Count, value: Count) -> Count:
    """One component of attention as the document writes it: the scaled score times the value."""
    return query_key / ops.sqrt(key_width) * value


@formula("d", source="document-3", refined_by=("parameter_count_matmul", "matmul_flops", "attention_flops"))
def d3_6_concatenated_width(heads: Count, head_width: Count) -> Count:
    """Columns of the concatenated heads, which are the rows of the output weights."""
    return heads * head_width


@formula("t", source="document-4", refined_by=("micro_batches", "ring_time", "exposed_time"))
def d4_1_parallel_time(samples: Count, nodes: Count) -> Count:
    """Training time, in units of one sample's, when the samples are spread over nodes."""
    return samples / nodes


@formula("L", source="document-4")
def d4_2_loss(squared_errors: Count, samples: Count) -> Count:
    """Mean squared error of a linear regression.

    `squared_errors` is the sum of (y − θᵀx)².
    """
    return 1 / samples * squared_errors


@formula(r"\theta", source="document-4", refined_by=("optimizer_time",))
def d4_2_gradient_step(theta: Count, alpha: Count, gradient: Count) -> Count:
    """A parameter after one step of gradient descent with learning rate alpha."""
    return theta - alpha * gradient
