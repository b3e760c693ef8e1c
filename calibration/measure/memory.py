"""Memory bandwidth by size: copying and reading arrays that fit into each cache and into none, and making new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .device import Device, Point
from .effort import Effort

# level, operation, bytes of one array
SIZES = (
    (0, "copy", 2**14),
    (0, "copy", 2**18),
    (0, "copy", 2**22),
    (0, "copy", 2**27),
    (0, "read", 2**27),
    (1, "copy", 2**25),
    (1, "fresh", 2**26),
    (1, "read", 2**18),
    (1, "read", 2**22),
    (2, "fresh", 2**23),
    (2, "fresh", 2**27),
    (2, "copy", 2**16),
    (2, "copy", 2**20),
    (2, "copy", 2**21),
    (2, "copy", 2**23),
    (2, "copy", 2**24),
    (2, "copy", 2**26),
    (2, "read", 2**14),
    (2, "read", 2**20),
    (2, "read", 2**24),
    (2, "read", 2**25),
    (3, "copy", 2**12),
    (3, "copy", 2**28),
    (3, "copy", 2**29),
    (3, "read", 2**29),
)
LARGE = ((1, "copy", 2**30), (1, "read", 2**30), (2, "copy", 2**32))


def points(device: Device, effort: Effort) -> Iterator[Point]:
    """Copies (read and written), dot products (two arrays read), new arrays (written); the bytes asked for counted."""
    for operation, size in effort.rows((*SIZES, *LARGE) if device.cuda else SIZES):
        moved = size * (1.0 if operation == "fresh" else 2.0)
        yield Point("bandwidth", {"operation": operation, "bytes": size}, "fp32", device, 0.0, moved, moved)


def prepare(point: Point) -> Callable[[], object]:
    """Copy or dot product of arrays that stay where they are, or filling an array that is made for it."""
    if point.shape["operation"] == "fresh":
        return _prepare_fresh(point)
    a, b = (point.device.random(int(point.shape["bytes"]) // 4) for _ in range(2))
    if point.device.backend == "numpy":
        import numpy as np

        return (lambda: np.copyto(b, a)) if point.shape["operation"] == "copy" else (lambda: np.dot(a, b))
    import torch

    return (lambda: b.copy_(a)) if point.shape["operation"] == "copy" else (lambda: torch.dot(a, b))


def _prepare_fresh(point: Point) -> Callable[[], object]:
    """Large arrays are asked of the system each time, which clears them page by page."""
    count = int(point.shape["bytes"]) // 4
    if point.device.backend == "numpy":
        import numpy as np

        return lambda: np.full(count, 0.5, np.float32)
    import torch

    return lambda: torch.full((count,), 0.5, device=point.device.name)
