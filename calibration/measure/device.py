"""The device under test: where arrays live, which dtypes it computes natively, how much it may hold."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from . import host
from .product import multiply
from .record import SCHEMA, Record

EMULATED = 0.7  # a dtype slower than this fraction of fp32 has no unit of its own

# CPU flags (x86 and Arm) of which one must be there for a dtype to be computed natively
FLAGS = {
    "bf16": ("amx_bf16", "avx512_bf16", "bf16"),
    "fp16": ("amx_fp16", "avx512_fp16", "fphp"),
    "int8": ("amx_int8", "avx512_vnni", "avx_vnni", "i8mm", "asimddp"),
}
# Compute capability from which NVIDIA GPUs have a dtype in their matrix units (fp32 always)
CAPABILITY = {"tf32": (8, 0), "bf16": (8, 0), "fp16": (7, 0), "int8": (7, 5), "fp8": (8, 9)}


class Unavailable(Exception):
    """A backend or device that is not here. The message says what to use instead."""


@dataclass(frozen=True)
class Device:
    """A backend (numpy or torch) on a device (cpu or cuda)."""

    backend: str
    name: str

    @property
    def cuda(self) -> bool:
        """Whether this is a CUDA device."""
        return self.name == "cuda"

    @property
    def primary(self) -> str:
        """The dtype that is measured most closely: what models are mostly run in here."""
        return next(d for d in (("bf16", "fp16", "fp32") if self.cuda else ("fp32",)) if not self.lacks(d))

    @cached_property
    def memory_bytes(self) -> float:
        """How much a point may hold: half of what is free on the host, four fifths on a GPU."""
        if self.cuda:
            import torch

            return 0.8 * float(torch.cuda.mem_get_info()[0])
        return 0.5 * host.available_bytes()

    @cached_property
    def cache_bytes(self) -> float:
        """The last-level cache."""
        if self.cuda:
            import torch

            return float(torch.cuda.get_device_properties(0).L2_cache_size)
        return float(max(host.caches().values(), default=32 * 2**20))

    def synchronize(self) -> None:
        """Wait until everything that was asked for is done."""
        if self.cuda:
            import torch

            torch.cuda.synchronize()

    def release(self) -> None:
        """Give memory that no array uses any more back to the device."""
        if self.cuda:
            import torch

            torch.cuda.empty_cache()

    def random(self, *shape: int, dtype: str = "fp32") -> Any:
        """Random values: constant data draw less power and run faster than real ones."""
        if self.backend == "numpy":
            return np.random.default_rng(0).random(shape, dtype=np.float32) - np.float32(0.5)
        import torch

        if dtype == "int8":
            return torch.randint(-128, 128, shape, dtype=torch.int8, device=self.name)
        values = torch.rand(shape, device=self.name) - 0.5
        return values.to(torch_dtype(dtype))

    def integers(self, high: int, *shape: int) -> Any:
        """Random whole numbers below `high`."""
        values = np.random.default_rng(0).integers(high, size=shape)
        if self.backend == "numpy":
            return values
        import torch

        return torch.from_numpy(values).to(self.name)

    def lacks(self, dtype: str) -> str:
        """Why `dtype` is not computed natively here, or nothing if it is."""
        return _lacks(self, dtype)

    def dtypes(self, kind: str, *wanted: str) -> Iterator[tuple[str, bool] | Point]:
        """For each dtype that is native (dtype, whether it is a secondary one); for others a point skipped."""
        for dtype in wanted:
            reason = self.lacks(dtype)
            yield self.skip(kind, reason, dtype) if reason else (dtype, dtype != self.primary)

    def skip(self, kind: str, reason: str, dtype: str = "", shape: Mapping[str, int | str] | None = None) -> Point:
        """A point that says why nothing is measured."""
        return Point(kind, shape or {}, dtype or self.primary, self, skip=reason)


@dataclass(frozen=True)
class Point:
    """One call to be timed.

    `flops` and `bytes` are what the algorithm needs, each operand moved once; `memory` [B] is what the call holds
    at once; `at_least_s` keeps it running that long; `skip` is the reason why it cannot be timed at all.
    """

    kind: str
    shape: Mapping[str, int | str]
    dtype: str
    device: Device
    flops: float = 0.0
    bytes: float = 0.0
    memory: float = 0.0
    at_least_s: float = 0.0
    skip: str = ""

    def record(self, environment: str, **measured: object) -> Record:
        """The record of this point with what was measured, or with the reason why nothing was."""
        head: Record = {"schema": SCHEMA, "kind": self.kind, "shape": dict(self.shape), "dtype": self.dtype}
        head |= {"backend": self.device.backend, "device": self.device.name}
        if "skipped" not in measured:
            head |= {"flops": self.flops, "bytes": self.bytes}
        return head | measured | {"environment": environment}

    def __str__(self) -> str:
        sizes = " ".join(v if isinstance(v, str) else f"{k}={v}" for k, v in self.shape.items())
        return f"{self.kind} {sizes} {self.dtype}"


def find(backend: str | None, name: str | None) -> Device:
    """The device asked for, or the best there is: torch before NumPy, CUDA before CPU.

    Raises Unavailable if what was asked for is not here.
    """
    from importlib.util import find_spec

    installed = find_spec("torch") is not None
    if backend == "torch" and not installed:
        raise Unavailable("torch is not installed; install it or use --backend numpy")
    backend = backend or ("torch" if installed else "numpy")
    if name == "cuda" and backend == "numpy":
        raise Unavailable("the numpy backend runs on the CPU only; use --backend torch or --device cpu")
    if backend == "torch":
        import torch

        there = torch.cuda.is_available()
        if name == "cuda" and not there:
            raise Unavailable("torch finds no CUDA device; use --device cpu or install a CUDA build of torch")
        name = name or ("cuda" if there else "cpu")
    return Device(backend, name or "cpu")


def torch_dtype(dtype: str) -> Any:
    """The torch dtype of that name."""
    import torch

    names = {"bf16": "bfloat16", "fp16": "float16", "int8": "int8", "fp8": "float8_e4m3fn"}
    return getattr(torch, names.get(dtype, "float32"))


@lru_cache(maxsize=64)
def _lacks(device: Device, dtype: str) -> str:
    if dtype == "fp32":
        return ""
    if device.backend == "numpy":
        return f"numpy has no {dtype} kernels of its own"
    if device.cuda:
        import torch

        capability = torch.cuda.get_device_capability()
        least = CAPABILITY[dtype]
        return "" if capability >= least else f"compute capability {capability} is below {least}"
    if dtype not in FLAGS:
        return f"a CPU has no {dtype} unit"
    flags = host.flags()
    if flags and not flags & set(FLAGS[dtype]):
        return f"emulated: the CPU has none of {', '.join(FLAGS[dtype])}"
    ratio = _matmul_time(device, "fp32") / _matmul_time(device, dtype)
    return "" if ratio >= EMULATED else f"emulated: {ratio:.2f} times the rate of fp32"


def _matmul_time(device: Device, dtype: str) -> float:
    """The best of a few small matmuls: enough to tell a native dtype from an emulated one."""
    x, w = device.random(512, 512, dtype=dtype), device.random(512, 512, dtype=dtype)
    times = []
    for _ in range(7):
        began = time.perf_counter()
        multiply(x, w, dtype)
        times.append(time.perf_counter() - began)
    return min(times)
