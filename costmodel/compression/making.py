"""What it takes to make a compressed model: passes over calibration data, or training from the larger model."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.compression.schema import Distil, Prune, Quantise, Sparsify, Step
from costmodel.quality import distillation

# Utilisations of dense 16-bit peak: value, low, high, source; they count model passes alone.
# GPTQ takes 4 hours on one A100 for 175 billion parameters and 128 samples of 2,048 tokens: 0.02 of its peak.
CALIBRATION = (0.02, 0.01, 0.1, "frantar-2023")
CALIBRATION_TOKENS = 128 * 2048
# Codebooks are trained layer by layer: a day (7 B) to two weeks (70 B) on one A100, on 1,024 samples of 4,096 tokens.
CODEBOOK = (0.002, 0.001, 0.004, "egiazarian-2024")
CODEBOOK_TOKENS = 1024 * 4096
TRAINING = (
    distillation.UTILISATION[1],
    distillation.UTILISATION[0],
    distillation.UTILISATION[2],
    distillation.UTILISATION_SOURCE,
)
# What formats are known for when nothing is said: block formats are rounded, with scales searched for at most.
ROUNDED = ("fp8", "fp8-block", "mxfp8", "nf4", "nf4-dq", "q8-0", "q4-0", "mxfp4", "nvfp4")


@dataclass(frozen=True, slots=True)
class Work:
    """Tokens that go through a student (forward and backward) and a teacher (forward), and at which utilisation.

    `student` and `teacher` are parameters; `utilisation` is (value, low, high, source).
    """

    tokens: float
    student: float
    teacher: float
    utilisation: tuple[float, float, float, str]


def recipe_of(step: Quantise) -> str:
    """How the rounding of a step is chosen, when nothing is said: what its format is known for."""
    if step.recipe:
        return step.recipe
    if step.weights in ROUNDED:
        return "rtn"
    return "k-quant" if (step.weights or "").startswith("q") else "calibrated"


def work(step: Step, before: float, after: float) -> Work:
    """What a step takes, given the parameters before and after it.

    Quantising and sparsifying run the model forward over a few samples, 2 operations a parameter and token; rounding
    and k-quants need none. Pruned and distilled models learn from the larger one, which runs beside them.
    """
    if isinstance(step, Distil):
        return Work(step.tokens, after, 0.0 if step.stored_logits else before, TRAINING)
    if isinstance(step, Prune):
        return Work(step.tokens or 0.0, after, before, TRAINING)
    if isinstance(step, Sparsify):
        return Work(step.tokens, after, before, TRAINING) if step.tokens else _forward(before)
    recipe = recipe_of(step)
    if recipe == "codebook":
        return Work(CODEBOOK_TOKENS, 0.0, before, CODEBOOK)
    return Work(0.0, 0.0, before, CALIBRATION) if recipe in ("rtn", "k-quant") else _forward(before)


def _forward(parameters: float) -> Work:
    return Work(CALIBRATION_TOKENS, 0.0, parameters, CALIBRATION)
