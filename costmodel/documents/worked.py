"""The documents' worked examples and printed figures: what they say, what comes out, where they are wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

from costmodel import ops
from costmodel.documents import corrected, literal
from costmodel.formula import formula
from costmodel.units import Count, parse

MNIST_TRAINING, MNIST_TEST = 60_000, 10_000  # LeCun, Cortes, Burges: the MNIST database
GPT3_PARAMETERS, GPT3_TOKENS = 175e9, 300e9  # Brown et al. 2020, tables 2.1 and D.1


@formula("r", source="definition")
def times_computed(stated: Count, computed: Count) -> Count:
    """How many times the computed figure a stated one is."""
    return stated / computed


@dataclass(frozen=True)
class Statement:
    """One figure: what the document says (None if it leaves it out) and what comes out."""

    what: str
    stated: float | None
    computed: float
    unit: str = ""
    rounding: float = 0.0  # how far a display with few digits may be off

    @property
    def right(self) -> bool | None:
        """Whether the document's figure holds; None if it gives none."""
        if self.stated is None:
            return None
        return math.isclose(self.stated, self.computed, rel_tol=1e-3, abs_tol=self.rounding)

    @property
    def times(self) -> float | None:
        """How many times the computed figure the document's is; None if it gives none."""
        return None if self.stated is None else float(times_computed(self.stated, self.computed))


@dataclass(frozen=True)
class Example:
    """A worked example or a printed output of a document."""

    id: str
    document: str
    place: str
    setting: str
    statements: tuple[Statement, ...]
    verdict: str

    @property
    def right(self) -> bool:
        """Whether every figure that the document gives holds."""
        return all(s.right is not False for s in self.statements)


def mlp_parameters(hidden: float) -> float:
    """Parameters of the documents' MNIST classifier: 784 pixels, one hidden layer, 10 digits."""
    return float(
        ops.total({"hidden": corrected.dense_parameters(784, hidden), "output": corrected.dense_parameters(hidden, 10)})
    )


def cnn_parameters() -> float:
    """Parameters of the documents' SimpleCNN: a 3 × 3 convolution to 32 channels, then 128 and 10 features."""
    side = corrected.convolution_output(28, 3)
    return float(
        ops.total(
            {
                "convolution": corrected.convolution_parameters(1, 32, 3, 3),
                "hidden": corrected.dense_parameters(corrected.flattened_features(32, side, side), 128),
                "output": corrected.dense_parameters(128, 10),
            }
        )
    )


def adam_by_hand() -> dict[str, float]:
    """The first two steps of Adam in D3.7, done right: gradients −0.1 and −0.02, w₀ = 0.5, α = 0.01."""
    alpha, beta_1, beta_2 = 0.01, 0.9, 0.999
    m = v = 0.0
    w = 0.5
    seen: dict[str, float] = {}
    for step, gradient in enumerate((-0.1, -0.02), start=1):
        m = literal.d3_4_first_moment(m, gradient, beta_1)
        v = literal.d3_4_second_moment(v, gradient, beta_2)
        m_hat = literal.d3_4_bias_corrected(m, beta_1, step)
        v_hat = literal.d3_4_bias_corrected(v, beta_2, step)
        w = literal.d3_4_adam_step(w, alpha, m_hat, v_hat)
        seen |= {f"m{step}": m, f"v{step}": v, f"m_hat{step}": m_hat, f"v_hat{step}": v_hat, f"w{step}": w}
    return seen


def gpt3_training_yuan(achieved: float, price: str) -> float:
    """Rent of training GPT-3 in yuan at 6.90 per dollar (2020), for a device's FLOP/s and its price ("1 USD/h")."""
    operations = corrected.dense_training_flops(GPT3_PARAMETERS, GPT3_TOKENS)
    return float(
        corrected.in_yuan(corrected.training_rent(operations, achieved, parse(price, "USD/s", "1 USD/h")), 6.90)
    )


def examples() -> tuple[Example, ...]:
    """Every worked example, computed now."""
    adam = adam_by_hand()
    mlp = mlp_parameters(128)
    return (
        Example(
            "D0.3",
            "document-0",
            "4.3",
            "inference cost N × C_op before and after compression",
            (
                Statement("N = 1e6, complexity 1e8", 1e14, literal.d0_2_inference_cost(1e6, 1e8)),
                Statement("N = 1e5, complexity 1e6", 1e11, literal.d0_2_inference_cost(1e5, 1e6)),
            ),
            "Right, a thousandfold less. What the example calls complexity stands where the formula has the "
            "consumption of one operation.",
        ),
        Example(
            "D0.4",
            "document-0",
            "5.2 and 5.4",
            "MLP 784-128-10 on MNIST, batch 32, 10 epochs",
            (
                Statement("training samples", 23_000, MNIST_TRAINING),
                Statement("test samples", 44_000, MNIST_TEST),
                Statement("23,000 at 118 µs", 3, corrected.epoch_time(23_000, 118e-6), "s", rounding=0.5),
                Statement("44,000 at 91 µs", 4, corrected.epoch_time(44_000, 91e-6), "s", rounding=0.5),
                Statement("one epoch of MNIST at 118 µs", None, corrected.epoch_time(MNIST_TRAINING, 118e-6), "s"),
                Statement("steps per epoch", None, corrected.steps_per_epoch(MNIST_TRAINING, 32)),
                Statement("parameters", None, mlp),
            ),
            "The counts do not fit the data set that the code loads; the times fit the counts.",
        ),
        Example(
            "D1.4",
            "document-1",
            "4.3",
            "N = 1e9, batch 256, inference 0.1 ms, a GPU of 32 GB",
            (
                Statement("T = N / B", 390_625, literal.d1_2_training_time(1e9, 256), "s"),
                Statement("390,625 s / 0.1 ms", 3.90625e6, literal.d1_1_efficiency(390_625, 1e-4)),
                Statement("E from T as computed", None, literal.d1_1_efficiency(3_906_250, 1e-4)),
            ),
            "T is ten times too small; E divides seconds by milliseconds as if they were one unit, a factor of "
            "1,000 more. The reading of E as inferences per second of training has no basis.",
        ),
        Example(
            "D2.6",
            "document-2",
            "4.3",
            "GPT-3: C = W / P + T with W = 1750e9, P = 1000, T = 90, all k = 1",
            (
                Statement("W, first given as 1750 × 1e8", 1750e9, GPT3_PARAMETERS),
                Statement("C with W = 1750e9", 1.759e9, literal.d2_5_computing_resources(1750e9, 1000, 90, 1, 1)),
                Statement(
                    "C read out as 1.759 × 1e8 × 1e8",
                    1.759e16,
                    literal.d2_5_computing_resources(1750e9, 1000, 90, 1, 1),
                ),
                Statement("C with W = 175e9", None, literal.d2_5_computing_resources(GPT3_PARAMETERS, 1000, 90, 1, 1)),
                Statement(
                    "operations of the real training",
                    None,
                    corrected.dense_training_flops(GPT3_PARAMETERS, GPT3_TOKENS),
                    "FLOP",
                ),
            ),
            "W is ten times too large, the sum is rounded wrongly (1.750e9), and the figure read out is "
            "1e7 times the figure computed. Training took 3.14e23 FLOP, on V100 GPUs and not on TPUs (Brown et al. "
            "2020, table D.1 and section 2.3).",
        ),
        Example(
            "D2.7",
            "document-2",
            "5.2 and 5.3",
            "MLP 784-128-10 on MNIST, batch 32, 5 epochs, validation_split 0.1, and a “pruned” twin with Dropout(0.5)",
            (
                Statement("samples per epoch", 60_000, corrected.training_samples(MNIST_TRAINING, 0.1)),
                Statement("60,000 at 98 µs", 6, corrected.epoch_time(60_000, 98e-6), "s", rounding=0.5),
                Statement("parameters", None, mlp),
                Statement("parameters of the twin", None, mlp),
                Statement("parameters with 64 hidden features", None, mlp_parameters(64)),
            ),
            "The split leaves 54,000 samples to train on. Dropout removes no parameter, so the twin saves nothing at "
            "inference; halving the hidden layer would. Both test results repeat the last validation figures.",
        ),
        Example(
            "D2.8",
            "document-2",
            "1",
            "training GPT-3 cost tens of millions of yuan (1e7 to 1e8)",
            (
                Statement("V100 at 50 TFLOP/s and 1.00 USD/h", None, gpt3_training_yuan(50e12, "1.00 USD/h"), "yuan"),
                Statement("V100 at 25 TFLOP/s and 3.06 USD/h", None, gpt3_training_yuan(25e12, "3.06 USD/h"), "yuan"),
            ),
            "Fits: 20 to 40 % of a V100's 125 TFLOP/s, at long-term to on-demand prices of 2020 and 6.90 yuan per "
            "dollar, stays within tens of millions. Staff, failed runs and data come on top.",
        ),
        Example(
            "D3.7",
            "document-3",
            "2. Adam",
            "two steps of Adam: g₁ = −0.1, g₂ = −0.02, w₀ = 0.5, α = 0.01",
            (
                Statement("m₁", -0.01, adam["m1"]),
                Statement("v₁", 0.001, adam["v1"]),
                Statement("bias-corrected m₁ (the text takes m₁)", -0.01, adam["m_hat1"]),
                Statement("bias-corrected v₁ (the text takes v₁)", 0.001, adam["v_hat1"]),
                Statement("w₁", 0.4995, adam["w1"]),
                Statement("m₂", -0.012, adam["m2"]),
                Statement("v₂", 0.0012, adam["v2"]),
                Statement("w₂", 0.499, adam["w2"]),
            ),
            "v₁ is 100 times too large, the bias is never corrected, m₂ and v₂ are added up wrongly, and the step has "
            "the wrong sign: a negative gradient moves the weight up.",
        ),
        Example(
            "D3.8",
            "document-3",
            "SimpleCNN",
            "Conv(1→32, 3×3), Linear(32·26·26→128), Linear(128→10) on MNIST, batch 64, mixed precision, 10 epochs",
            (
                Statement("features after the convolution, a side", 26, corrected.convolution_output(28, 3)),
                Statement("parameters", None, cnn_parameters()),
                Statement("steps per epoch", None, corrected.steps_per_epoch(MNIST_TRAINING, 64)),
            ),
            "Right. A case for calibration; its accuracy is measured on the training set.",
        ),
        Example(
            "D4.3",
            "document-4",
            "4",
            "linear regression on 10,000 × 20, 20 % held out, SGD, batch 100, 10 epochs",
            (
                Statement("parameters", None, corrected.dense_parameters(20, 1)),
                Statement("training rows", None, corrected.training_samples(10_000, 0.2)),
                Statement(
                    "steps per epoch",
                    None,
                    corrected.steps_per_epoch(corrected.training_samples(10_000, 0.2), 100),
                ),
            ),
            "Prints no figures. A case for calibration.",
        ),
    )
