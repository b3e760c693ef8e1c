"""Matrix products (m × k) · (k × n): single ones as a linear layer makes them, batched ones, and groups of experts.

The design spans what tells the parts of a law apart: squares (compute), one to a few rows against large weights
(memory: decoding), long k against few outputs (the serial walk along k), layers of small networks (launch).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle

from .device import Device, Point
from .effort import Effort
from .product import multiply
from .record import WIDTH

DTYPES = ("fp32", "tf32", "bf16", "fp16", "int8", "fp8")
STREAMED = 2.0  # caches' worth of weights visited in turn, so that none is found in the cache
COPIES = 100  # most copies of weights

# level, m, k, n
SHAPES = (
    (0, 1024, 1024, 1024),
    (0, 1, 4096, 4096),
    (0, 32, 784, 128),  # MLP on MNIST
    (0, 256, 768, 3072),
    (0, 32, 2048, 2048),
    (0, 64, 16384, 64),
    (1, 128, 128, 128),
    (1, 8, 1024, 1024),
    (1, 1, 512, 512),
    (1, 512, 512, 512),
    (1, 2048, 32, 2048),
    (1, 32, 128, 10),
    (2, 2048, 2048, 2048),
    (2, 784, 32, 128),  # gradient of the MLP's weights
    (2, 100, 20, 1),  # linear regression, forward and backward
    (2, 20, 100, 1),
    (2, 32, 32, 32),
    (2, 64, 64, 64),
    (2, 256, 256, 256),
    (2, 1, 256, 1024),
    (2, 1, 512, 2048),
    (2, 1, 1024, 1024),
    (2, 1, 768, 3072),
    (2, 8, 768, 768),
    (2, 16, 768, 768),
    (2, 8, 4096, 4096),
    (2, 32, 768, 3072),
    (2, 32, 4096, 4096),
    (2, 128, 768, 768),
    (2, 1024, 384, 1536),
    (2, 1576, 192, 576),  # ViT-tiny, eight images
    (2, 2048, 768, 768),
    (2, 768, 2048, 768),
    (2, 16, 8192, 16),
    (2, 1, 768, 50257),  # head of GPT-2
    (2, 256, 768, 50257),
    (3, 4096, 4096, 4096),
    (3, 1, 4096, 11008),
    (3, 16, 4096, 11008),
    (3, 128, 4096, 4096),
    (3, 4, 1024, 4096),
    (3, 64, 1024, 4096),
    (3, 64, 64, 4096),
    (3, 256, 1024, 1024),
    (3, 512, 3072, 768),
    (3, 1000, 1000, 1000),
    (3, 333, 777, 555),
    (3, 17, 384, 384),
    (3, 4096, 256, 1024),
    (3, 4096, 16, 4096),
    (3, 32, 65536, 32),
)
LARGE = (  # for accelerators
    (0, 4096, 4096, 4096),
    (0, 8192, 8192, 8192),
    (1, 1, 8192, 8192),
    (1, 64, 8192, 8192),
    (1, 512, 4096, 14336),
    (1, 8192, 128, 8192),
    (2, 16384, 8192, 8192),
    (2, 16, 8192, 8192),
    (2, 256, 8192, 8192),
    (2, 2048, 8192, 8192),
    (2, 4096, 4096, 14336),
    (2, 128, 16384, 128),
    (2, 128, 4096, 4096),
    (3, 8, 8192, 28672),
    (3, 1024, 8192, 28672),
    (3, 4096, 14336, 4096),
    (3, 300, 5000, 7000),
)
# level, how, groups, m, k, n; "batched": one call; "loop": one call a group, as eager mixtures of experts do
GROUPS = (
    (0, "batched", 96, 128, 64, 128),
    (0, "loop", 8, 32, 512, 1024),
    (1, "batched", 64, 1, 64, 512),
    (1, "batched", 32, 32, 32, 32),
    (2, "batched", 8, 512, 64, 512),
    (2, "batched", 16, 256, 256, 256),
    (2, "batched", 8, 4, 768, 768),
    (2, "loop", 8, 4, 512, 1024),
    (2, "loop", 32, 16, 256, 512),
    (2, "loop", 8, 128, 768, 768),
    (3, "batched", 384, 64, 32, 64),
    (3, "batched", 4, 1024, 128, 1024),
    (3, "loop", 64, 1, 512, 512),
    (3, "loop", 4, 512, 768, 3072),
)
LARGE_GROUPS = (
    (1, "batched", 256, 512, 128, 512),
    (1, "grouped", 8, 256, 4096, 14336),
    (2, "batched", 64, 2048, 128, 2048),
    (2, "grouped", 8, 8, 4096, 14336),
    (2, "grouped", 64, 32, 2048, 1408),
    (2, "loop", 8, 256, 4096, 14336),
    (3, "grouped", 128, 128, 4096, 1536),
)


def points(device: Device, effort: Effort) -> Iterator[Point]:
    """Single products in every native dtype, then groups in the main one."""
    for found in device.dtypes("matmul", *DTYPES):
        if isinstance(found, Point):
            yield found
            continue
        dtype, secondary = found
        for m, k, n in effort.rows((*SHAPES, *LARGE) if device.cuda else SHAPES, secondary):
            if _allowed(device, dtype, m, k, n):
                yield single(device, dtype, m, k, n)
                copies = _copies(device, dtype, m, k, n)
                if copies > 1:
                    yield single(device, dtype, m, k, n, copies)
    if device.backend == "torch" and not device.cuda and not device.lacks("int8"):
        for m, k, n in ((32, 784, 128), (32, 768, 3072), (512, 768, 768)):
            yield single(device, "int8", m, k, n, quantize="dynamic")
    for how, groups, m, k, n in effort.rows((*GROUPS, *LARGE_GROUPS) if device.cuda else GROUPS):
        if how == "grouped" and not _has_grouped(device):
            continue
        width = WIDTH[device.primary]
        moved = float(groups * width * (m * k + k * n + m * n))
        shape = {"operation": how, "groups": groups, "m": m, "k": k, "n": n}
        yield Point("grouped_matmul", shape, device.primary, device, 2.0 * groups * m * k * n, moved, moved)


def single(device: Device, dtype: str, m: int, k: int, n: int, copies: int = 1, quantize: str = "") -> Point:
    """One product; `copies` weights are visited in turn, `quantize` says how the input becomes int8."""
    width = 4 if quantize else WIDTH[dtype]
    output = {"int8": 4, "fp8": 2}.get(dtype, width)
    moved = float(m * k * width + k * n * WIDTH[dtype] + m * n * output)
    shape: dict[str, int | str] = {"m": m, "k": k, "n": n}
    shape |= {"copies": copies} if copies > 1 else {}
    shape |= {"quantize": quantize} if quantize else {}
    held = moved + copies * k * n * WIDTH[dtype]
    return Point("matmul", shape, dtype, device, 2.0 * m * k * n, moved, held)


def _allowed(device: Device, dtype: str, m: int, k: int, n: int) -> bool:
    """Matrix units take narrow dtypes only in whole tiles."""
    if dtype not in ("int8", "fp8"):
        return True
    return m > 16 and k % 16 == 0 and n % 16 == 0


def _copies(device: Device, dtype: str, m: int, k: int, n: int) -> int:
    """How many weights to visit in turn for a decode-shaped product, so that they come from memory."""
    weights = k * n * WIDTH[dtype]
    copies = -(-int(STREAMED * device.cache_bytes) // weights)
    return copies if m <= 32 and 1 < copies <= COPIES else 1


def _has_grouped(device: Device) -> bool:
    import torch

    new = hasattr(torch.nn.functional, "grouped_mm")
    return new and device.primary == "bf16" and torch.cuda.get_device_capability() >= (9, 0)


def prepare(point: Point) -> Callable[[], object]:
    """The product on random operands; the output is allocated anew each time, as in a network."""
    shape, device = point.shape, point.device
    m, k, n = (int(shape[name]) for name in "mkn")
    if point.kind == "grouped_matmul":
        return _prepare_groups(device, str(shape["operation"]), int(shape["groups"]), m, k, n)
    if shape.get("quantize"):
        return _prepare_dynamic(device, m, k, n)
    if device.backend == "torch":
        import torch

        torch.set_float32_matmul_precision("high" if point.dtype == "tf32" else "highest")
    x = device.random(m, k, dtype=point.dtype)
    weights = [device.random(n, k, dtype=point.dtype) for _ in range(int(shape.get("copies", 1)))]
    if len(weights) == 1:
        return lambda: multiply(x, weights[0], point.dtype)
    turn = cycle(weights)
    return lambda: multiply(x, next(turn), point.dtype)


def _prepare_dynamic(device: Device, m: int, k: int, n: int) -> Callable[[], object]:
    """int8 weights and fp32 activations that are quantised on the way in."""
    import warnings

    import torch

    with warnings.catch_warnings():  # torch announces a successor that does not yet have these CPU kernels
        warnings.simplefilter("ignore")
        scales, zeros = torch.full((n,), 0.5 / 127), torch.zeros(n, dtype=torch.int64)
        weights = torch.quantize_per_channel(torch.rand(n, k) - 0.5, scales, zeros, 0, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(weights, None)
    x = device.random(m, k)
    return lambda: torch.ops.quantized.linear_dynamic(x, packed)


def _prepare_groups(device: Device, how: str, groups: int, m: int, k: int, n: int) -> Callable[[], object]:
    dtype = device.primary
    x, w = device.random(groups, m, k, dtype=dtype), device.random(groups, k, n, dtype=dtype)
    if how == "loop":
        pairs = [(x[g], w[g]) for g in range(groups)]
        return lambda: [a @ b for a, b in pairs]
    if how == "grouped":
        import torch

        rows = x.reshape(groups * m, k)
        ends = torch.arange(1, groups + 1, dtype=torch.int32, device=device.name) * m
        return lambda: torch.nn.functional.grouped_mm(rows, w, offs=ends)
    return lambda: x @ w
