"""The documents' formulas one by one: as written, what is wrong with them, and what takes their place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from costmodel.catalog import bibliography
from costmodel.documents import corrected, literal
from costmodel.formula import Formula

DOCUMENTS = {name: bibliography.entry(name).title for name in (f"document-{n}" for n in range(5))}


@dataclass(frozen=True)
class Entry:
    """A formula of a document.

    `latex` is the document's own text; `formulas` say the same as code (several if the entry has several lines);
    `corrected` is what it should say, or implies, in its own terms; `refined_by` names what estimates use instead.
    An "incomplete" formula holds under conditions that the document leaves out.
    """

    id: str
    latex: str
    verdict: Literal["right", "incomplete", "wrong"]
    remark: str
    formulas: tuple[Formula, ...]
    corrected: tuple[Formula, ...] = ()

    @property
    def document(self) -> str:
        """The document's key in DOCUMENTS and in the bibliography."""
        return self.formulas[0].source

    @property
    def meaning(self) -> str:
        """What the formula says, in a sentence."""
        return self.formulas[0].summary

    @property
    def refined_by(self) -> tuple[str, ...]:
        """Names of the formulas that estimates use instead, each once."""
        return tuple(dict.fromkeys(name for f in self.formulas for name in f.refined_by))


ENTRIES = (
    Entry(
        "D0.1",
        r"E = \frac{1}{|D|} \sum_{x \in D} \frac{1}{2} ||y - f(x; w)||^2",
        "wrong",
        "This is a loss, half the mean squared error: smaller is better, and it says nothing about time or cost. "
        "Efficiency of training is work per time, the share of the devices' peak that is used, and the cost of "
        "reaching a loss.",
        (literal.d0_1_training_efficiency,),
    ),
    Entry(
        "D0.2",
        r"C = N \times C_{\text{op}}",
        "incomplete",
        "Holds if every parameter takes part in exactly one operation. Convolutions use a weight many times, attention "
        "has operations without weights, and moving bytes costs time too; so costs are summed over operators. A dense "
        "model's 2 N FLOP per token is the special case. The text uses C for the complexity and for the cost.",
        (literal.d0_2_inference_cost,),
    ),
    Entry(
        "D1.1",
        r"E = \frac{T}{R}",
        "wrong",
        "This efficiency grows when training gets slower. The trade-off that the text is after: a training cost is "
        "spread over the tokens that the model serves.",
        (literal.d1_1_efficiency,),
        (corrected.d1_1_cost_per_token_corrected,),
    ),
    Entry(
        "D1.2",
        r"T = \frac{N}{B}",
        "wrong",
        "Parameters per sample are no seconds, and the data and the hardware are missing. Batch size sets the number "
        "of steps, not the operations per sample.",
        (literal.d1_2_training_time,),
        (corrected.d1_2_training_time_corrected,),
    ),
    Entry(
        "D1.3",
        r"R = C",
        "incomplete",
        "Only gives the computing cost another name; the cost itself follows from operations and bytes per request.",
        (literal.d1_3_inference_cost,),
    ),
    Entry(
        "D2.1",
        r"C = f(W, P, T)",
        "wrong",
        "The text says proportional to W, P and T, while its derivation (D2.5) divides by P. Operations follow from "
        "the model and the data; a faster machine changes the time that they take.",
        (literal.d2_1_computing_resources,),
        (corrected.d2_5_computing_time_corrected,),
    ),
    Entry(
        "D2.2",
        r"S = g(W, R, M)",
        "wrong",
        "Denser storage needs fewer drives, so density divides; weights and data add up instead of multiplying. "
        "Estimates add the optimizer's state, kept checkpoints and data, over the time that they are kept.",
        (literal.d2_2_storage_resources,),
        (corrected.d2_2_drives_corrected,),
    ),
    Entry(
        "D2.3",
        r"E = h(W, P, T)",
        "wrong",
        "Energy is power times time. The weights already act through the time, and at equal power a faster machine "
        "ends sooner and takes less. Estimates add idle power, host, network and the facility.",
        (literal.d2_3_energy,),
        (corrected.d2_3_energy_corrected,),
    ),
    Entry(
        "D2.4",
        r"C_p = j(A, B, T)",
        "right",
        "Salary and working time must be in the same unit of time.",
        (literal.d2_4_staff_cost,),
    ),
    Entry(
        "D2.5",
        r"C = k_4\frac{1}{P}W + k_3T",
        "wrong",
        "C ∝ W, C ∝ 1/P and C ∝ T held together make the product k·W·T/P, not a sum; and the two terms have "
        "different units unless the k carry them (here FLOP²/s and FLOP/s), so k = 1 adds unlike things.",
        (literal.d2_5_computing_resources,),
        (corrected.d2_5_computing_time_corrected,),
    ),
    Entry(
        "D3.1",
        r"J(w) = \frac{1}{m} \sum_{i=1}^{m} (y_i - \hat{y}_i)^2",
        "right",
        "Mean squared error.",
        (literal.d3_1_mean_squared_error,),
    ),
    Entry(
        "D3.2",
        r"\nabla_w J(w) = \frac{1}{m} \sum_{i=1}^{m} 2(w \cdot \hat{y}_i - y_i)",
        "wrong",
        "The prediction ŷ holds w already, and the inner derivative x is missing. The example below it in the text "
        "has it right.",
        (literal.d3_2_gradient,),
        (corrected.d3_2_gradient_corrected,),
    ),
    Entry(
        "D3.3",
        r"w = w - \alpha \cdot \nabla_w J(w)",
        "right",
        "Every step reads the weight and its gradient and writes the weight.",
        (literal.d3_3_gradient_step,),
    ),
    Entry(
        "D3.4",
        r"m_t = \beta_1 m_{t-1} + (1 - \beta_1) \nabla_w J,\ v_t = \beta_2 v_{t-1} + (1 - \beta_2) (\nabla_w J)^2,\ "
        r"\hat m_t = \frac{m_t}{1 - \beta_1^t},\ \hat v_t = \frac{v_t}{1 - \beta_2^t},\ "
        r"w = w - \alpha \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}",
        "right",
        "Keeps two values per parameter: memory, checkpoint size and bytes moved per step.",
        (
            literal.d3_4_first_moment,
            literal.d3_4_second_moment,
            literal.d3_4_bias_corrected,
            literal.d3_4_adam_step,
        ),
    ),
    Entry(
        "D3.5",
        r"\text{Attention}(Q, K, V) = \frac{QK^T}{\sqrt{d_k}} \odot V",
        "wrong",
        "The softmax over the keys is missing, and the weights multiply V as a matrix, not element by element (the "
        "shapes of QKᵀ and V differ). Shown on the right for two keys.",
        (literal.d3_5_attention,),
        (corrected.d3_5_attention_corrected,),
    ),
    Entry(
        "D3.6",
        r"\text{MultiHead}(Q, K, V) = \text{Concat}(\text{head}_1, \ldots, \text{head}_h)W^O",
        "right",
        "The heads side by side are as wide as the rows of W^O: 8 × 64 = 512 in the text. Queries, keys, values and "
        "output take 4·d² weights, fewer with grouped key-value heads.",
        (literal.d3_6_concatenated_width,),
        (corrected.multi_head_parameters,),
    ),
    Entry(
        "D4.1",
        r"n \to \frac{n}{p}",
        "incomplete",
        "The ideal. A serial part, communication, uneven loads and stragglers take their share; D2 (9.2) says "
        "itself that small models can get slower.",
        (literal.d4_1_parallel_time,),
    ),
    Entry(
        "D4.2",
        r"L(\theta) = \frac{1}{n} \sum_{i=1}^{n} (y_i - \theta^T x_i)^2,\ \theta = \theta - \alpha \nabla L(\theta)",
        "right",
        "Linear regression by gradient descent.",
        (literal.d4_2_loss, literal.d4_2_gradient_step),
    ),
)
