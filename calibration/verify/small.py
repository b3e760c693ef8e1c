"""Small networks: linear regression, an MLP of MNIST's shape, its pruned twin, both quantised."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import cycle, pairwise

from torch import nn
from torch.nn import functional as f

from costmodel.calibration.measure.device import Device
from costmodel.calibration.verify import layers as op
from costmodel.calibration.verify.case import Case, Run, Update, Work
from costmodel.calibration.verify.training import forward_call, sampler, step_call

ROWS, FEATURES, BATCH = 8000, 20, 100  # of linear regression
PIXELS, HIDDEN, CLASSES, IMAGES = 784, 128, 10, 32  # of the MLP, and its batch
WIDE, MANY = (2048, 2048, 2048, 1000), 128  # a larger MLP's widths, and its batch


def cases() -> Iterator[Case]:
    """Training of the small ones; inference in fp32 and int8 of the MLP and a larger one."""
    linear = op.once(op.linear("linear", BATCH, FEATURES, 1, data=True), op.elementwise("squared error", BATCH, 1, 2))
    work = Work(linear, modules=1, views=2, update=_update("sgd", 2, linear), times=ROWS / BATCH)
    yield Case("linear-regression-epoch", "wall_time_s", work, _regression)
    for widths, images, optimizer, name in (
        ((PIXELS, HIDDEN, CLASSES), IMAGES, "adam", "mlp"),
        ((PIXELS, HIDDEN // 2, CLASSES), IMAGES, "adam", "mlp-pruned"),
        (WIDE, MANY, "momentum", "wide-mlp"),
    ):
        work = training(widths, images, optimizer)
        call = lambda d, w=widths, n=images, o=optimizer: _train_mlp(d, w, n, o)  # noqa: E731
        yield Case(f"{name}-train-step", "step_time_s", work, call)
    for widths, images, name in (((PIXELS, HIDDEN, CLASSES), IMAGES, "mlp"), (WIDE, MANY, "wide-mlp")):
        for dtype in ("fp32", "int8"):
            quantised = (len(widths) - 1.0) * (dtype == "int8")
            work = Work(mlp(widths, images, dtype), modules=2 * len(widths) - 2, quantised=quantised)
            call = lambda d, w=widths, n=images, t=dtype: _infer_mlp(d, w, n, t)  # noqa: E731
            yield Case(f"{name}-inference-{dtype}", "latency_s", work, call, dtype)


def training(widths: tuple[int, ...], images: int, optimizer: str, take: bool = True, processes: int = 0) -> Work:
    """A training step of an MLP, its batch taken from an array in memory unless it is there."""
    layers = mlp(widths, images)
    taken = op.once(*op.samples(images, widths[0])) if take else ()
    return Work(
        (*taken, *layers, *op.once(op.softmax("softmax and loss", images, widths[-1]))),
        modules=2 * len(widths) - 2,
        taken=2.0 * take,
        update=_update(optimizer, 2 * len(widths) - 2, layers),
        processes=processes,
    )


def _update(optimizer: str, tensors: int, layers: tuple[op.Stage, ...]) -> Update:
    return Update(optimizer, tensors, op.parameters(layers))


def mlp(widths: tuple[int, ...], images: int, dtype: str = "fp32") -> tuple[op.Stage, ...]:
    """Linear layers with ReLU between them."""
    layers = list[op.Layer]()
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        layers += [op.relu(f"relu {number}", images, inputs)] if number else []
        layers.append(op.linear(f"fc {number + 1}", images, inputs, outputs, dtype=dtype, data=number == 0))
    return op.once(*layers)


def network(widths: tuple[int, ...]) -> nn.Sequential:
    """What `mlp` counts."""
    layers = list[nn.Module]()
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _regression(device: Device) -> Run:
    x, y = device.random(ROWS, FEATURES), device.random(ROWS, 1)
    at = cycle(range(0, ROWS, BATCH))

    def batch() -> tuple[object, object]:
        first = next(at)
        return x[first : first + BATCH], y[first : first + BATCH]

    step = step_call(nn.Linear(FEATURES, 1), "sgd", batch, f.mse_loss, device, "fp32")
    return lambda: [step() for _ in range(ROWS // BATCH)]


def _train_mlp(device: Device, widths: tuple[int, ...], images: int, optimizer: str) -> Run:
    batches = sampler(device, images, widths[0], classes=widths[-1])
    return step_call(network(widths), optimizer, batches, f.cross_entropy, device, "fp32")


def _infer_mlp(device: Device, widths: tuple[int, ...], images: int, dtype: str) -> Run:
    made: nn.Module = network(widths)
    if dtype == "int8":
        from torch.ao.quantization import quantize_dynamic

        with warnings.catch_warnings():  # torch announces a successor that does not yet have these CPU kernels
            warnings.simplefilter("ignore")
            made = quantize_dynamic(made, {nn.Linear})
    return forward_call(made, device.random(images, widths[0]), device, "fp32")
