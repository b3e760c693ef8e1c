"""Attention: prefill (all queries at once; also training, forward and backward) and decode (one query a sequence)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .device import Device, Point
from .effort import Effort
from .record import WIDTH

BACKWARD_FLOPS = 2.5  # five products against two: the scores are computed again

# level, batch, heads, kv_heads, head_dim, length, causal, direction
PREFILL = (
    (0, 1, 8, 8, 64, 512, 1, "forward"),
    (0, 8, 12, 12, 64, 128, 0, "forward"),  # BERT-base
    (1, 1, 8, 8, 64, 64, 1, "forward"),
    (1, 1, 8, 2, 64, 1024, 1, "forward"),
    (1, 8, 6, 6, 64, 256, 1, "backward"),
    (2, 1, 8, 8, 128, 512, 1, "forward"),
    (2, 8, 3, 3, 64, 197, 0, "forward"),  # ViT-tiny
    (2, 8, 6, 6, 64, 256, 1, "forward"),
    (2, 32, 4, 4, 32, 64, 1, "forward"),
    (2, 1, 8, 8, 64, 2048, 1, "forward"),
    (2, 1, 8, 8, 64, 512, 1, "backward"),
    (2, 1, 4, 4, 64, 128, 1, "forward"),
    (2, 16, 2, 2, 32, 128, 0, "forward"),
    (2, 64, 4, 4, 16, 32, 1, "forward"),
    (2, 1, 1, 1, 64, 2048, 0, "forward"),
    (2, 2, 8, 8, 64, 1024, 0, "forward"),
    (2, 1, 16, 4, 128, 1024, 1, "forward"),
    (2, 8, 12, 12, 64, 128, 0, "backward"),
    (2, 8, 3, 3, 64, 197, 0, "backward"),
    (3, 1, 8, 8, 64, 4096, 1, "forward"),
    (3, 32, 4, 4, 32, 64, 1, "backward"),
    (3, 1, 8, 8, 64, 2048, 1, "backward"),
)
LARGE_PREFILL = (
    (0, 1, 32, 8, 128, 4096, 1, "forward"),
    (1, 8, 32, 8, 128, 1024, 1, "forward"),
    (1, 1, 32, 8, 128, 16384, 1, "forward"),
    (2, 1, 32, 8, 128, 256, 1, "forward"),
    (2, 16, 16, 16, 64, 512, 0, "forward"),
    (2, 1, 64, 8, 128, 8192, 1, "forward"),
    (2, 4, 32, 8, 128, 4096, 1, "backward"),
    (2, 16, 16, 16, 64, 512, 0, "backward"),
    (3, 1, 32, 8, 128, 65536, 1, "forward"),
    (3, 64, 32, 8, 128, 512, 1, "forward"),
    (3, 1, 16, 16, 256, 4096, 1, "forward"),
    (3, 1, 32, 8, 128, 16384, 1, "backward"),
)
# level, batch, heads, kv_heads, head_dim, context
DECODE = (
    (0, 1, 8, 8, 64, 256),
    (0, 8, 8, 8, 64, 1024),
    (1, 1, 6, 6, 64, 64),
    (1, 1, 8, 8, 64, 4096),
    (1, 8, 16, 4, 64, 2048),
    (2, 1, 12, 12, 64, 1024),
    (2, 32, 8, 8, 64, 512),
    (2, 4, 32, 8, 128, 1024),
    (2, 32, 8, 8, 64, 16),
    (2, 4, 8, 8, 64, 64),
    (2, 16, 4, 4, 64, 256),
    (2, 64, 4, 4, 32, 128),
    (2, 2, 16, 16, 64, 2048),
    (2, 16, 12, 12, 64, 1024),
    (2, 1, 8, 1, 64, 2048),
    (2, 8, 32, 4, 64, 256),
    (2, 1, 4, 4, 128, 128),
    (2, 2, 16, 4, 128, 256),
    (2, 1, 16, 16, 128, 1024),
    (3, 1, 32, 8, 128, 4096),
    (3, 16, 16, 2, 128, 1024),
    (3, 1, 32, 8, 128, 8192),
)
LARGE_DECODE = (
    (0, 16, 32, 8, 128, 4096),
    (1, 1, 32, 8, 128, 32768),
    (1, 64, 32, 8, 128, 2048),
    (2, 256, 32, 8, 128, 512),
    (2, 64, 64, 8, 128, 8192),
    (2, 256, 32, 8, 128, 16),
    (3, 32, 32, 32, 128, 4096),
    (3, 1024, 32, 8, 128, 128),
    (3, 8, 16, 1, 256, 16384),
)


def points(device: Device, effort: Effort) -> Iterator[Point]:
    """Prefill and decode by heads and length; NumPy has no attention."""
    if device.backend == "numpy":
        for kind in ("attention_prefill", "attention_decode"):
            yield device.skip(kind, "numpy has no attention operator")
        return
    for found in device.dtypes("attention_prefill", *(("bf16", "fp16") if device.cuda else ("fp32", "bf16"))):
        if isinstance(found, Point):
            yield found
            continue
        dtype, secondary = found
        for batch, heads, kv, dim, length, causal, direction in effort.rows(
            (*PREFILL, *LARGE_PREFILL) if device.cuda else PREFILL, secondary
        ):
            pairs = length * (length + 1) / 2 if causal else float(length * length)
            shape = _shape(batch, heads, kv, dim, length, length) | {"causal": causal}
            shape |= {"direction": direction} if direction == "backward" else {}
            yield _point("attention_prefill", shape, dtype, device, pairs)
        for batch, heads, kv, dim, context in effort.rows(
            (*DECODE, *LARGE_DECODE) if device.cuda else DECODE, secondary
        ):
            shape = _shape(batch, heads, kv, dim, 1, context) | {"causal": 0}
            yield _point("attention_decode", shape, dtype, device, float(context))


def _shape(batch: int, heads: int, kv_heads: int, head_dim: int, length: int, context: int) -> dict[str, int | str]:
    """`length` queries and `context` keys a sequence."""
    head: dict[str, int | str] = {"batch": batch, "heads": heads, "kv_heads": kv_heads, "head_dim": head_dim}
    return head | {"length": length, "context": context}


def _point(kind: str, shape: dict[str, int | str], dtype: str, device: Device, pairs: float) -> Point:
    batch, heads, kv, dim, length, context = (int(v) for v in list(shape.values())[:6])
    flops = 4.0 * batch * heads * pairs * dim
    moved = 2.0 * WIDTH[dtype] * batch * dim * (heads * length + kv * context)
    if shape.get("direction") == "backward":
        flops, moved = BACKWARD_FLOPS * flops, 2.0 * moved
    return Point(kind, shape, dtype, device, flops, moved, 4.0 * moved)


def prepare(point: Point) -> Callable[[], object]:
    """Scaled dot-product attention as torch picks its kernel, or its gradient."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    batch, heads, kv, dim, length, context = (int(v) for v in list(point.shape.values())[:6])
    q = point.device.random(batch, heads, length, dim, dtype=point.dtype)
    k, v = (point.device.random(batch, kv, context, dim, dtype=point.dtype) for _ in range(2))
    causal, grouped = bool(point.shape["causal"]), heads != kv

    def forward() -> torch.Tensor:
        return scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=grouped)

    if point.shape.get("direction") != "backward":
        return forward
    inputs = [t.requires_grad_() for t in (q, k, v)]
    output = forward()
    gradient = torch.ones_like(output)
    return lambda: torch.autograd.grad(output, inputs, gradient, retain_graph=True)
