"""What distillation costs: the student trains, the teacher runs forward."""

from __future__ import annotations

from typing import Annotated

from costmodel.formula import formula
from costmodel.units import Count, Flop, FlopPerSecond, Fraction, Number, Seconds

# Share of dense peak that published runs reached by the count below: 0.08, 0.08, 0.15; without a teacher, 0.26.
UTILISATION = (0.05, 0.12, 0.25)
UTILISATION_SOURCE = "modelopt-pruning-2026; xia-2023"


@formula(r"F_{tok}", source="busbridge-2025")
def distillation_flop_per_token(
    student: Count,
    teacher: Count,
    flop_per_weight: Annotated[Number, "FLOP"] = 2.0,
) -> Flop:
    """Operations per token: forward and backward of the student, forward of the teacher.

    `student` and `teacher` are active parameters; `teacher` is 0 where its logits were stored. Attention comes on top.
    """
    return flop_per_weight * (3 * student + teacher)


@formula(r"t_{dis}", source="definition")
def distillation_device_time(tokens: Count, per_token: Flop, peak: FlopPerSecond, utilisation: Fraction) -> Seconds:
    """Device-seconds of a distillation at a share of dense peak."""
    return tokens * per_token / (peak * utilisation)
