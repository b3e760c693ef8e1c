"""What the host pays per call: operators on a few values, autograd around them, small services of a training loop.

Tiny networks are made of these costs. On a GPU the same loops show the launch rate, unless the kernel is slower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .device import Device, Point
from .effort import Effort

ROWS, COLUMNS, SAMPLES = 32, 784, 10_000  # a batch of MNIST, taken from an array in memory

# level, operation, count (of operators in a chain, of tensors, of rows)
TORCH = (
    (0, "call", 1),  # an operator without autograd
    (0, "call_grad", 1),  # recorded for the backward pass
    (0, "forward_backward", 1),
    (0, "forward_backward", 32),
    (1, "linear", 1),  # a linear layer's operator
    (1, "module", 1),  # the same through nn.Module
    (1, "index", ROWS),
    (1, "zero_grad", 4),
    (1, "inference", 2),  # of a network of so many tiny layers
    (1, "step", 2),  # of its training: what a call costs among others, not in a loop of its own
    (2, "quantized_module", 1),  # a linear layer with int8 weights that quantises its input
    (2, "inference", 8),
    (2, "step", 8),
    (2, "linear_forward_backward", 1),
    (2, "linear_forward_backward", 8),
    (2, "forward", 32),
    (2, "forward_backward", 8),
    (2, "slice", ROWS),
    (2, "item", 1),
    (2, "zero_grad", 64),
    (2, "synchronize", 1),
)
NUMPY = (
    (0, "call", 1),
    (0, "linear", 1),
    (1, "call_out", 1),  # into an array that is there
    (1, "index", ROWS),
    (2, "slice", ROWS),
    (2, "item", 1),
)


def points(device: Device, effort: Effort) -> Iterator[Point]:
    """Host costs, in fp32: the values do not matter."""
    for operation, count in effort.rows(NUMPY if device.backend == "numpy" else TORCH):
        wanted = device.cuda if operation == "synchronize" else operation != "quantized_module" or _quantizes(device)
        if wanted:
            yield Point("launch", {"operation": operation, "count": count}, "fp32", device)


def prepare(point: Point) -> Callable[[], object]:
    """One such call."""
    operation, count, device = str(point.shape["operation"]), int(point.shape["count"]), point.device
    if operation in ("index", "slice"):
        data, order = device.random(SAMPLES, COLUMNS), device.integers(SAMPLES, count)
        return (lambda: data[order]) if operation == "index" else (lambda: data[:count])
    if device.backend == "numpy":
        return _prepare_numpy(operation, device)
    return _prepare_torch(operation, count, device)


def _prepare_numpy(operation: str, device: Device) -> Callable[[], object]:
    import numpy as np

    x, w, y = device.random(8, 8), device.random(8, 8), device.random(8, 8)
    return {
        "call": lambda: x + y,
        "call_out": lambda: np.add(x, y, out=y),
        "linear": lambda: x @ w.T,
        "item": lambda: float(x[0, 0]),
    }[operation]


def _prepare_torch(operation: str, count: int, device: Device) -> Callable[[], object]:
    import torch

    x, w = device.random(8, 8), device.random(8, 8)
    parameter = torch.nn.Parameter(device.random(8, 8))
    linear = torch.nn.functional.linear

    def chain(step: Callable[[Any], Any], backward: bool) -> Callable[[], object]:
        def run() -> object:
            y = parameter
            for _ in range(count):
                y = step(y)
            if backward:
                y.sum().backward()
                parameter.grad = None
            return y

        return run

    if operation == "zero_grad":
        parameters = [torch.nn.Parameter(device.random(8)) for _ in range(count)]
        gradients, optimizer = [device.random(8) for _ in parameters], torch.optim.SGD(parameters, lr=0.1)

        def zero_grad() -> None:
            for p, g in zip(parameters, gradients, strict=True):  # as a backward pass leaves them
                p.grad = g
            optimizer.zero_grad()

        return zero_grad

    if operation in ("inference", "step"):
        return _prepare_network(count, device, training=operation == "step")

    def synchronize() -> None:
        x.add(w)
        device.synchronize()

    if operation == "quantized_module":
        return _prepare_quantized(x)
    if operation == "module":
        layer = torch.nn.Linear(8, 8, bias=False, device=device.name).requires_grad_(False)
        return lambda: layer(x)
    runs: dict[str, Callable[[], object]] = {
        "call": lambda: x + w,
        "call_grad": lambda: x + parameter,
        "linear": lambda: linear(x, w),
        "item": lambda: x[0, 0].item(),
        "synchronize": synchronize,
        "forward": chain(lambda y: y + x, backward=False),
        "forward_backward": chain(lambda y: y + x, backward=True),
        "linear_forward_backward": chain(lambda y: linear(x, y), backward=True),
    }
    return runs[operation]


def _prepare_network(count: int, device: Device, training: bool) -> Callable[[], object]:
    """So many layers of 8 × 8 with ReLU behind each: an inference call, or a step of gradient descent."""
    import torch

    layers = [layer for _ in range(count) for layer in (torch.nn.Linear(8, 8), torch.nn.ReLU())]
    network, x, y = torch.nn.Sequential(*layers).to(device.name), device.random(8, 8), device.random(8, 8)
    if not training:
        run: Callable[[], object] = torch.inference_mode()(lambda: network(x))
        return run
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(network(x), y).backward()
        optimizer.step()

    return step


def _quantizes(device: Device) -> bool:
    return device.backend == "torch" and not device.cuda and not device.lacks("int8")


def _prepare_quantized(x: Any) -> Callable[[], object]:
    import warnings

    import torch

    with warnings.catch_warnings():  # torch announces a successor that does not yet have these CPU kernels
        warnings.simplefilter("ignore")
        layer = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(8, 8)), {torch.nn.Linear})[0]
    run: Callable[[], object] = torch.inference_mode()(lambda: layer(x))
    return run
