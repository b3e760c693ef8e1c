"""One matrix product, by the call that a framework uses."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


def multiply(x: Any, w: Any, dtype: str) -> Any:
    """Inputs x (m × k) times the transpose of w (n × k), by the call that a framework uses for that dtype."""
    if not hasattr(x, "is_cuda"):
        return x @ w.T
    import torch

    if dtype == "int8":
        return torch._int_mm(x, w.t())
    if dtype == "fp8":
        one = _one(x.device)
        return torch._scaled_mm(x, w.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
    return torch.nn.functional.linear(x, w)


@lru_cache(maxsize=1)
def _one(device: Any) -> Any:
    """The scale of fp8 operands: made once, since making it takes longer than a small product."""
    import torch

    return torch.ones((), device=device)
