"""Memory-bound operators of networks: sums, activations, norms, softmax and loss, embedding, pooling, casts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

from .device import Device, Point, torch_dtype
from .effort import Effort
from .record import WIDTH

VOCABULARY = 50257

# passes over the array that the operator cannot do without
PASSES = {
    "add": 3,
    "relu": 2,
    "gelu": 2,
    "silu_mul": 3,
    "layer_norm": 2,
    "rms_norm": 2,
    "softmax": 2,
    "cross_entropy": 1,
    "embedding": 2,
    "dropout": 2,
    "batch_norm": 2,
    "max_pool": 1.25,
    "cast": 1.5,
}
NUMPY = ("add", "relu", "gelu", "layer_norm", "softmax", "embedding")
DIFFERENTIATED = ("relu", "gelu", "layer_norm", "softmax", "cross_entropy", "embedding", "batch_norm", "max_pool")

# level, rows, columns
VECTORS = ((1, 64, 768), (1, 4096, 1024), (2, 8, 256), (2, 256, 768), (2, 1024, 768), (2, 2048, 1024), (3, 16384, 1024))
LARGE_VECTORS = ((1, 8192, 8192), (3, 32768, 8192))
# level, images, channels × height × width
IMAGES = ((1, 64, 32, 28), (2, 8, 64, 112), (3, 8, 256, 28))
IMAGE_OPERATIONS = ("batch_norm", "max_pool")


def points(device: Device, effort: Effort) -> Iterator[Point]:
    """Every operator by size, forward and (torch, beyond quick) backward."""
    vectors = effort.rows((*VECTORS, *LARGE_VECTORS) if device.cuda else VECTORS)
    for operation in NUMPY if device.backend == "numpy" else PASSES:
        shapes: list[dict[str, int]] = []
        if operation in IMAGE_OPERATIONS:
            for images, channels, size in effort.rows(IMAGES):
                shapes.append({"images": images, "channels": channels, "height": size, "width": size})
        else:
            shapes += [{"rows": rows, "columns": columns} for rows, columns in vectors]
        if operation == "cross_entropy":
            shapes.append({"rows": 256, "columns": VOCABULARY})
        for shape in shapes:
            yield _point(device, operation, shape)
            if device.backend == "torch" and operation in DIFFERENTIATED and effort.level > 1:
                yield _point(device, operation, shape, "backward")


def _point(device: Device, operation: str, sizes: dict[str, int], direction: str = "") -> Point:
    shape: dict[str, int | str] = {"operation": operation} | sizes
    one_pass = float(prod(sizes.values()) * WIDTH[device.primary])
    moved, table = PASSES[operation] * one_pass, 0.0
    if operation == "embedding":
        shape["table"] = VOCABULARY
        table = float(VOCABULARY * sizes["columns"] * WIDTH[device.primary])
    if direction:  # one pass more: the gradient of the output comes in; a dense gradient of the table goes out
        shape["direction"] = direction
        moved += one_pass + table
    return Point("memory_bound", shape, device.primary, device, 0.0, moved, 3.0 * moved + 2.0 * table)


def prepare(point: Point) -> Callable[[], object]:
    """The operator as its library has it, or its gradient."""
    if point.device.backend == "numpy":
        return _prepare_numpy(point)
    import torch

    forward, inputs = _torch_operator(point)
    if point.shape.get("direction") != "backward":
        return lambda: forward(*inputs)
    inputs = [t.requires_grad_() if t.is_floating_point() else t for t in inputs]
    output = forward(*inputs)
    gradient, leaves = torch.ones_like(output), [t for t in inputs if t.requires_grad]
    return lambda: torch.autograd.grad(output, leaves, gradient, retain_graph=True)


def _torch_operator(point: Point) -> tuple[Callable[..., Any], list[Any]]:
    import torch
    from torch.nn import functional as f

    def array(*shape: int) -> Any:
        return point.device.random(*shape, dtype=point.dtype)

    sizes = [v for v in point.shape.values() if isinstance(v, int)]
    rows, columns = sizes[:2]  # of images: how many, channels
    x = array(*sizes) if len(sizes) == 4 else array(rows, columns)
    match point.shape["operation"]:
        case "add":
            return torch.add, [x, array(rows, columns)]
        case "relu":
            return f.relu, [x]
        case "gelu":
            return f.gelu, [x]
        case "silu_mul":
            return lambda a, b: f.silu(a) * b, [x, array(rows, columns)]
        case "layer_norm":
            return lambda a, w, b: f.layer_norm(a, (columns,), w, b), [x, array(columns), array(columns)]
        case "rms_norm":
            return lambda a, w: f.rms_norm(a, (columns,), w), [x, array(columns)]
        case "softmax":
            return lambda a: f.softmax(a, dim=-1), [x]
        case "cross_entropy":
            return f.cross_entropy, [x, point.device.integers(columns, rows)]
        case "embedding":
            return f.embedding, [point.device.integers(VOCABULARY, rows), array(VOCABULARY, columns)]
        case "dropout":
            return lambda a: f.dropout(a, 0.1, training=True), [x]
        case "batch_norm":
            return lambda a, w, b: f.batch_norm(a, None, None, w, b, training=True), [x, array(columns), array(columns)]
        case "max_pool":
            return lambda a: f.max_pool2d(a, 2), [x]
        case "cast":
            return lambda a: a.to(torch_dtype("bf16" if point.dtype == "fp32" else "fp32")), [x]
    raise ValueError(point.shape["operation"])


def _prepare_numpy(point: Point) -> Callable[[], object]:
    import numpy as np

    rows, columns = int(point.shape["rows"]), int(point.shape["columns"])
    x = point.device.random(rows, columns)
    match point.shape["operation"]:
        case "add":
            y = point.device.random(rows, columns)
            return lambda: x + y
        case "relu":
            return lambda: np.maximum(x, 0)
        case "gelu":
            return lambda: 0.5 * x * (1 + np.tanh(0.79788456 * (x + 0.044715 * x * x * x)))
        case "softmax":

            def softmax() -> Any:
                e = np.exp(x - x.max(axis=1, keepdims=True))
                return e / e.sum(axis=1, keepdims=True)

            return softmax
        case "layer_norm":

            def layer_norm() -> Any:
                d = x - x.mean(axis=1, keepdims=True)
                return d / np.sqrt((d * d).mean(axis=1, keepdims=True) + 1e-5)

            return layer_norm
        case "embedding":
            table, index = point.device.random(VOCABULARY, columns), point.device.integers(VOCABULARY, rows)
            return lambda: table[index]
    raise ValueError(point.shape["operation"])
