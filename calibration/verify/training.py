"""The loops around a network that everybody writes: a training step, an inference call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from costmodel.calibration.measure.device import Device, torch_dtype
from costmodel.calibration.verify.case import Run

SAMPLES = 4096  # in memory, from which batches are taken
RATE = 1e-9  # the same step again and again must not converge: squares of vanishing gradients are slow to compute

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "momentum": lambda parameters, lr: torch.optim.SGD(parameters, lr=lr, momentum=0.9),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def mixed(device: Device, dtype: str) -> AbstractContextManager[object]:
    """Autocast to a narrow dtype, or nothing."""
    return nullcontext() if dtype == "fp32" else torch.autocast(device.name, torch_dtype(dtype))


def step_call(
    network: nn.Module, optimizer: str, batch: Callable[[], tuple[Any, Any]], loss: Loss, device: Device, dtype: str
) -> Run:
    """One training step: take a batch, forward, loss, backward, update."""
    network.to(device.name).train()
    update = OPTIMIZERS[optimizer](network.parameters(), lr=RATE)

    def step() -> None:
        x, y = batch()
        update.zero_grad()
        with mixed(device, dtype):
            value = loss(network(x), y)
        value.backward()
        update.step()

    return step


def forward_call(network: nn.Module, x: Any, device: Device, dtype: str) -> Run:
    """One inference call on a batch that is there."""
    network.to(device.name).eval()

    def forward() -> object:
        with torch.inference_mode(), mixed(device, dtype):
            return network(x)

    return forward


def sampler(device: Device, batch: int, *sizes: int, classes: int) -> Callable[[], tuple[Any, Any]]:
    """Takes random batches of so many samples with labels from an array in memory."""
    x, y, order = device.random(SAMPLES, *sizes), device.integers(classes, SAMPLES), device.integers(SAMPLES, batch)
    return lambda: (x[order], y[order])


def fixed(x: Any, y: Any) -> Callable[[], tuple[Any, Any]]:
    """The same batch each time."""
    return lambda: (x, y)
