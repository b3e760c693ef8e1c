"""The optimizer's step: by parameters (memory traffic) and by tensors (calls)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .device import Device, Point
from .effort import Effort

# values read and written per parameter: weight, gradient, states
PASSES = {"sgd": 3, "momentum": 5, "adam": 7, "adamw": 7}

# level, algorithm, implementation, tensors, parameters
TORCH = (
    (0, "sgd", "loop", 4, 101_770),  # MLP 784-128-10
    (0, "adam", "loop", 4, 101_770),
    (0, "adam", "loop", 64, 64_000),
    (0, "adam", "loop", 64, 16_000_000),
    (0, "sgd", "loop", 64, 16_000_000),
    (1, "sgd", "loop", 64, 64_000),
    (1, "adamw", "fused", 64, 16_000_000),
    (1, "adamw", "foreach", 64, 16_000_000),
    (2, "sgd", "loop", 1, 21),  # linear regression
    (2, "adam", "loop", 4, 1_000),
    (2, "adam", "fused", 4, 101_770),
    (2, "adam", "foreach", 4, 101_770),
    (2, "adam", "foreach", 64, 64_000),
    (2, "adamw", "loop", 16, 1_600_000),
    (2, "momentum", "loop", 64, 64_000),
    (2, "momentum", "loop", 64, 16_000_000),
    (2, "momentum", "foreach", 64, 16_000_000),
    (3, "adam", "loop", 16, 64_000_000),
    (3, "adamw", "fused", 64, 64_000),
    (3, "adamw", "fused", 16, 64_000_000),
    (3, "sgd", "foreach", 64, 64_000),
    (3, "sgd", "fused", 64, 16_000_000),
)
NUMPY = (
    (0, "sgd", "numpy", 4, 101_770),
    (0, "adam", "numpy", 4, 101_770),
    (1, "sgd", "numpy", 1, 21),
    (1, "adam", "numpy", 4, 1_000),
    (2, "sgd", "numpy", 16, 16_000_000),
    (2, "adam", "numpy", 16, 1_600_000),
    (2, "adam", "numpy", 16, 16_000_000),
)


def points(device: Device, effort: Effort) -> Iterator[Point]:
    """Steps over equal tensors, in fp32 (master weights)."""
    for algorithm, how, tensors, parameters in effort.rows(NUMPY if device.backend == "numpy" else TORCH):
        shape = {"operation": algorithm, "implementation": how, "tensors": tensors, "parameters": parameters}
        moved = 4.0 * PASSES[algorithm] * parameters
        yield Point("optimizer", shape, "fp32", device, 0.0, moved, 24.0 * parameters)


def prepare(point: Point) -> Callable[[], object]:
    """A step with gradients in place, states already made by the first, untimed one."""
    algorithm, tensors = str(point.shape["operation"]), int(point.shape["tensors"])
    size = int(point.shape["parameters"]) // tensors
    if point.device.backend == "numpy":
        arrays = [tuple(point.device.random(size) for _ in range(4)) for _ in range(tensors)]
        for *_, v in arrays:
            v += 0.5  # a mean of squares is not negative
        step = _numpy_sgd if algorithm == "sgd" else _numpy_adam
        return lambda: [step(*a) for a in arrays]
    import torch

    parameters = [torch.nn.Parameter(point.device.random(size)) for _ in range(tensors)]
    for p in parameters:
        p.grad = point.device.random(size)
    how = point.shape["implementation"]
    make: Any
    make, options = {
        "sgd": (torch.optim.SGD, {}),
        "momentum": (torch.optim.SGD, {"momentum": 0.9}),
        "adam": (torch.optim.Adam, {}),
        "adamw": (torch.optim.AdamW, {}),
    }[algorithm]
    optimizer = make(parameters, lr=1e-4, foreach=how == "foreach", fused=how == "fused", **options)
    return lambda: optimizer.step()


def _numpy_sgd(p: Any, g: Any, m: Any, v: Any) -> None:
    p -= 1e-4 * g


def _numpy_adam(p: Any, g: Any, m: Any, v: Any) -> None:
    m *= 0.9
    m += 0.1 * g
    v *= 0.999
    v += 0.001 * (g * g)
    p -= 1e-4 * m / (v**0.5 + 1e-8)
