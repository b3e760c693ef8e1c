"""Networks so small that calls are all they cost: they say what a call takes among others."""

from __future__ import annotations

from costmodel.calibration.measure.device import Device
from costmodel.calibration.verify import layers as op
from costmodel.calibration.verify.case import Case, Run, Update, Work

SIZE = 8
FACTORS = {"inference": "forward_factor", "step": "training_factor"}  # of the collector's operations


def case(operation: str, layers: int) -> Case:
    """What the collector times under that name: so many layers of 8 × 8, each with ReLU."""
    stages = op.once(
        *(
            layer
            for number in range(layers)
            for layer in (op.linear("fc", SIZE, SIZE, SIZE, data=number == 0), op.relu("relu", SIZE, SIZE))
        )
    )
    if operation == "inference":
        work = Work(stages, modules=2.0 * layers + 1)
    else:
        update = Update("sgd", 2 * layers, op.parameters(stages))
        loss = op.once(op.elementwise("squared error", SIZE, SIZE, 2))
        work = Work((*stages, *loss), modules=2.0 * layers + 1, update=update)
    return Case(f"tiny-{operation}-{layers}", "step_time_s", work, _nothing)


def _nothing(device: Device) -> Run:
    raise NotImplementedError("the collector times these")
