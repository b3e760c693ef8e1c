"""Copies between host and accelerator, and a disk's sequential reads and writes past the page cache."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from .device import Device, Point
from .effort import Effort

CHUNK = 2**20

# level, operation, bytes
COPIES = (
    (0, "to_device_pinned", 2**28),
    (0, "to_device_pinned", 2**12),
    (1, "to_device_pageable", 2**26),
    (1, "to_host_pinned", 2**28),
    (2, "to_device_pinned", 2**20),
    (2, "to_device_pageable", 2**16),
    (2, "to_host_pinned", 2**12),
    (2, "to_host_pageable", 2**26),
)
FILES = (
    (0, "write", 2**26),
    (0, "read", 2**26),
    (2, "write", 2**20),
    (2, "read", 2**20),
    (3, "write", 2**29),
    (3, "read", 2**29),
)


def points(device: Device, effort: Effort) -> Iterator[Point]:
    """Host copies (GPU only), then files in the working directory."""
    if device.cuda:
        for operation, size in effort.rows(COPIES):
            shape = {"operation": operation, "bytes": size}
            yield Point("host_copy", shape, "int8", device, 0.0, float(size), float(size))
    else:
        yield device.skip("host_copy", "the device is the host")
    for operation, size in effort.rows(FILES):
        shape = {"operation": operation, "bytes": size}
        if operation == "read" and not hasattr(os, "posix_fadvise"):
            yield device.skip("disk", "this system cannot drop a file from its page cache", shape=shape)
        else:
            yield Point("disk", shape, "int8", device, 0.0, float(size), float(size))


def prepare(point: Point) -> Any:
    """A copy, or a file that is read or written once a sample."""
    operation, size = str(point.shape["operation"]), int(point.shape["bytes"])
    return File(operation, size) if point.kind == "disk" else _copy(operation, size)


def _copy(operation: str, size: int) -> Callable[[], object]:
    import torch

    pinned = operation.endswith("pinned")
    there = torch.empty(size, dtype=torch.uint8, device="cuda")
    here = (
        torch.randint(0, 256, (size,), dtype=torch.uint8).pin_memory()
        if pinned
        else torch.ones_like(there, device="cpu")
    )
    source, target = (here, there) if operation.startswith("to_device") else (there, here)
    return lambda: target.copy_(source, non_blocking=pinned)


class File:
    """A file without a name in the working directory (it vanishes whatever happens), timed by its own clock."""

    def __init__(self, operation: str, size: int) -> None:
        self.operation, self.size = operation, size
        self.chunk = os.urandom(min(CHUNK, size))
        try:
            self.file = tempfile.TemporaryFile(dir=".", buffering=0)  # noqa: SIM115 (lives as long as this object)
        except OSError:
            self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        if operation == "read":
            self._write()

    def _write(self) -> None:
        """The whole file, down to the device."""
        self.file.seek(0)
        for _ in range(0, self.size, len(self.chunk)):
            self.file.write(self.chunk)
        os.fsync(self.file.fileno())

    def _read(self) -> None:
        self.file.seek(0)
        while self.file.read(len(self.chunk)):
            pass

    def __del__(self) -> None:
        self.file.close()

    def sample(self, calls: int) -> float:
        """Seconds of so many passes; dropping the file from the page cache does not count."""
        spent = 0.0
        for _ in range(calls):
            if self.operation == "read":
                os.posix_fadvise(self.file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            began = time.perf_counter()
            self._read() if self.operation == "read" else self._write()
            spent += time.perf_counter() - began
        return spent
