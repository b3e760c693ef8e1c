"""Convolution: 3 × 3, 1 × 1, 7 × 7 with stride, depthwise, patches; forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .device import Device, Point
from .effort import Effort
from .record import WIDTH

LARGE_BATCH = 8  # an accelerator takes this many times the batch

# level, batch, in_channels, size, out_channels, kernel, stride, groups, direction
SHAPES = (
    (0, 8, 64, 56, 64, 3, 1, 1, "forward"),
    (0, 8, 64, 56, 256, 1, 1, 1, "forward"),
    (0, 64, 32, 28, 64, 3, 1, 1, "forward"),
    (1, 64, 1, 28, 32, 3, 1, 1, "forward"),  # first layer on MNIST
    (1, 8, 3, 224, 64, 7, 2, 1, "forward"),  # first layer of ResNet
    (1, 8, 96, 56, 96, 3, 1, 96, "forward"),
    (1, 8, 64, 56, 64, 3, 1, 1, "backward"),
    (2, 8, 128, 28, 128, 3, 1, 1, "forward"),
    (2, 8, 256, 14, 256, 3, 1, 1, "forward"),
    (2, 8, 512, 7, 512, 3, 1, 1, "forward"),
    (2, 8, 64, 56, 128, 3, 2, 1, "forward"),
    (2, 8, 512, 14, 128, 1, 1, 1, "forward"),
    (2, 1, 64, 56, 64, 3, 1, 1, "forward"),
    (2, 32, 64, 16, 64, 3, 1, 1, "forward"),
    (2, 8, 3, 224, 192, 16, 16, 1, "forward"),  # patches of ViT-tiny
    (2, 64, 32, 28, 64, 3, 1, 1, "backward"),
    (2, 64, 1, 28, 32, 3, 1, 1, "backward"),
    (2, 8, 256, 14, 256, 3, 1, 1, "backward"),
    (2, 8, 64, 56, 256, 1, 1, 1, "backward"),
    (2, 8, 96, 56, 96, 3, 1, 96, "backward"),
    (2, 1, 3, 32, 16, 3, 1, 1, "forward"),
    (3, 128, 16, 32, 16, 3, 1, 1, "forward"),
    (3, 1, 512, 7, 512, 3, 1, 1, "forward"),
    (3, 8, 384, 14, 384, 3, 1, 384, "forward"),
    (3, 8, 96, 28, 96, 5, 1, 96, "forward"),
    (3, 8, 256, 28, 256, 3, 1, 32, "forward"),
    (3, 8, 1024, 14, 2048, 1, 2, 1, "forward"),
    (3, 16, 64, 56, 64, 5, 1, 1, "forward"),
    (3, 8, 512, 7, 512, 3, 1, 1, "backward"),
    (3, 8, 3, 224, 64, 7, 2, 1, "backward"),
    (3, 8, 64, 56, 128, 3, 2, 1, "backward"),
)
FIELDS = ("batch", "in_channels", "size", "out_channels", "kernel", "stride", "groups")


def points(device: Device, effort: Effort) -> Iterator[Point]:
    """Layers of known networks; NumPy has no convolution."""
    if device.backend == "numpy":
        yield device.skip("convolution", "numpy has no convolution operator")
        return
    for found in device.dtypes("convolution", *(("fp32", "tf32", "bf16", "fp16") if device.cuda else ("fp32", "bf16"))):
        if isinstance(found, Point):
            yield found
            continue
        dtype, secondary = found
        for *sizes, direction in effort.rows(SHAPES, secondary):
            shape = dict(zip(FIELDS, sizes, strict=True))
            shape["batch"] *= LARGE_BATCH if device.cuda else 1
            yield _point(device, dtype, shape, direction)


def padding(kernel: int, stride: int) -> int:
    """Half the kernel, none where the kernel's steps do not overlap."""
    return kernel // 2 if stride < kernel else 0


def _point(device: Device, dtype: str, shape: dict[str, int], direction: str) -> Point:
    batch, cin, size, cout, kernel, stride, groups = (shape[f] for f in FIELDS)
    out = (size + 2 * padding(kernel, stride) - kernel) // stride + 1
    flops = 2.0 * batch * out * out * cout * cin // groups * kernel * kernel
    values = batch * cin * size * size + batch * cout * out * out + cout * cin // groups * kernel * kernel
    moved = float(values * WIDTH[dtype])
    labelled: dict[str, int | str] = dict(shape)
    if direction == "backward":  # gradients of input and weights: each as many FLOPs as the output
        labelled["direction"] = direction
        flops, moved = 2.0 * flops, 2.0 * moved
    return Point("convolution", labelled, dtype, device, flops, moved, 4.0 * moved)


def prepare(point: Point) -> Callable[[], object]:
    """The convolution as torch picks its kernel, or the gradients of its input and weights."""
    import torch

    if point.device.cuda:
        torch.backends.cudnn.allow_tf32 = point.dtype == "tf32"
        torch.backends.cudnn.benchmark = True
    batch, cin, size, cout, kernel, stride, groups = (int(point.shape[f]) for f in FIELDS)
    x = point.device.random(batch, cin, size, size, dtype=point.dtype)
    w = point.device.random(cout, cin // groups, kernel, kernel, dtype=point.dtype)
    pad = padding(kernel, stride)

    def forward() -> torch.Tensor:
        return torch.nn.functional.conv2d(x, w, None, stride, pad, 1, groups)

    if point.shape.get("direction") != "backward":
        return forward
    output = (x.requires_grad_(), w.requires_grad_()) and forward()
    gradient = torch.ones_like(output)
    return lambda: torch.autograd.grad(output, (x, w), gradient, retain_graph=True)
