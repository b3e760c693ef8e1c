"""What NumPy alone can run: linear regression and an MLP, forward and backward written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from costmodel.calibration.measure.device import Device
from costmodel.calibration.verify import layers as op
from costmodel.calibration.verify.case import Case, Run, Update, Work

ROWS, FEATURES, BATCH = 8000, 20, 100  # of linear regression
PIXELS, CLASSES, IMAGES, SAMPLES = 784, 10, 32, 4096
RATE = np.float32(1e-9)  # the same step again and again must not converge


def cases() -> Iterator[Case]:
    """Training by stochastic gradient descent, and inference."""
    linear = op.once(op.linear("linear", BATCH, FEATURES, 1, data=True), op.elementwise("error", BATCH, 1, 3))
    update = Update("sgd", 2, op.parameters(linear))
    work = Work(linear, views=2, update=update, times=ROWS / BATCH)
    yield Case("numpy-linear-regression-epoch", "wall_time_s", work, _regression, backend="numpy")
    for hidden, images, name in ((128, IMAGES, "mlp"), (64, IMAGES, "mlp-pruned"), (1024, 512, "wide-mlp")):
        stages = mlp(hidden, images)
        batch, loss = op.once(*op.samples(images, PIXELS)), op.once(op.softmax("softmax", images, CLASSES))
        work = Work((*batch, *stages, *loss), taken=2, update=Update("sgd", 4, op.parameters(stages)))
        call = lambda d, h=hidden, n=images: _train(d, h, n)  # noqa: E731
        yield Case(f"numpy-{name}-train-step", "step_time_s", work, call, backend="numpy")
        if name != "mlp-pruned":
            call = lambda d, h=hidden, n=images: _infer(d, h, n)  # noqa: E731
            yield Case(f"numpy-{name}-inference", "latency_s", Work(stages), call, backend="numpy")


def mlp(hidden: int, images: int) -> tuple[op.Stage, ...]:
    """784 - hidden - 10 with ReLU; each bias is a sum of its own, since NumPy does not fuse it."""
    return op.once(
        op.linear("fc 1", images, PIXELS, hidden, bias=False, data=True),
        op.elementwise("bias 1", images, hidden, 3, parameters=hidden),
        op.relu("relu", images, hidden),
        op.linear("fc 2", images, hidden, CLASSES, bias=False),
        op.elementwise("bias 2", images, CLASSES, 3, parameters=CLASSES),
    )


def _regression(device: Device) -> Run:
    x, y, w, b = device.random(ROWS, FEATURES), device.random(ROWS, 1), device.random(FEATURES, 1), np.zeros(1, "f4")

    def epoch() -> None:
        for at in range(0, ROWS, BATCH):
            part = x[at : at + BATCH]
            error = part @ w + b - y[at : at + BATCH]
            w[:] -= RATE * (part.T @ error)
            b[:] -= RATE * error.sum(axis=0)

    return epoch


def _network(device: Device, hidden: int) -> list[Any]:
    sizes = (PIXELS, hidden), (hidden,), (hidden, CLASSES), (CLASSES,)
    return [device.random(*size) for size in sizes]


def _train(device: Device, hidden: int, images: int) -> Run:
    x, y = device.random(SAMPLES, PIXELS), np.eye(CLASSES, dtype=np.float32)[device.integers(CLASSES, SAMPLES)]
    order, weights = device.integers(SAMPLES, images), _network(device, hidden)
    w1, b1, w2, b2 = weights

    def step() -> None:
        batch, labels = x[order], y[order]
        h = np.maximum(batch @ w1 + b1, 0)
        logits = h @ w2 + b2
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        g = e / e.sum(axis=1, keepdims=True) - labels
        gh = (g @ w2.T) * (h > 0)
        gradients = batch.T @ gh, gh.sum(axis=0), h.T @ g, g.sum(axis=0)
        for p, gradient in zip(weights, gradients, strict=True):
            p -= RATE * gradient

    return step


def _infer(device: Device, hidden: int, images: int) -> Run:
    x = device.random(images, PIXELS)
    w1, b1, w2, b2 = _network(device, hidden)
    return lambda: np.maximum(x @ w1 + b1, 0) @ w2 + b2
