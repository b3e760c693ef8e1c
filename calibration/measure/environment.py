"""The first line of a file of records: on what, with what, when. No host name, no path, no user."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from typing import Any

import numpy as np

from . import host
from .device import FLAGS, Device
from .effort import Effort
from .nvml import Nvml
from .record import SCHEMA, Record, rounded

INSTRUCTION_SETS = {"avx2", "avx512f", "neon", "asimd", "sve", *(f for names in FLAGS.values() for f in names)}
VOLATILE = ("id", "date", "effort", "clock_hz")  # change from run to run on one machine


def describe(device: Device, threads: int, effort: Effort) -> Record:
    """The environment record. Its id is a hash of everything that stays the same from run to run."""
    record: Record = {
        "schema": SCHEMA,
        "kind": "environment",
        "id": "",
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "effort": effort.name,
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": host.model(),
        "cores": host.cores(),
        "threads": threads,
        "memory_bytes": host.memory_bytes(),
        "caches": host.caches(),
        "flags": sorted(host.flags() & INSTRUCTION_SETS),
        "virtual": "hypervisor" in host.flags(),
        "maximum_clock_hz": host.maximum_clock_hz(),
        "clock_hz": clock_hz(device),
        "accelerator": _accelerator() if device.cuda else None,
        "versions": _versions(device),
    }
    record = rounded(record)
    return record | {"id": identity(record)}


def identity(record: Record) -> str:
    """The hash over the fields that stay the same."""
    stable = {k: v for k, v in record.items() if k not in VOLATILE}
    return hashlib.sha256(json.dumps(stable, sort_keys=True).encode()).hexdigest()[:12]


def differences(a: Record, b: Record) -> list[str]:
    """Names of the stable fields in which two environments differ."""
    return [k for k in a if k not in VOLATILE and a[k] != b.get(k)]


def _versions(device: Device) -> dict[str, str | None]:
    blas = np.__config__.CONFIG.get("Build Dependencies", {}).get("blas", {})
    versions: dict[str, str | None] = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "torch": None,
    }
    with contextlib.suppress(metadata.PackageNotFoundError):
        versions["torch"] = metadata.version("torch")
    if device.cuda:
        import torch

        versions |= {"cuda": torch.version.cuda, "cudnn": str(torch.backends.cudnn.version())}
    return versions


def _accelerator() -> dict[str, Any]:
    import torch

    properties = torch.cuda.get_device_properties(0)
    found: dict[str, Any] = {
        "name": properties.name,
        "count": torch.cuda.device_count(),
        "memory_bytes": properties.total_memory,
        "multiprocessors": properties.multi_processor_count,
        "cache_bytes": properties.L2_cache_size,
        "capability": f"{properties.major}.{properties.minor}",
    }
    nvml = gpu()
    if nvml:
        found |= {"driver": nvml.driver(), "maximum_clock_hz": nvml.maximum_clock_hz()}
        found |= {"power_limit_w": nvml.power_limit_w()}
    return found


def clock_hz(device: Device) -> float | None:
    """The clock of the device now, where it can be read."""
    if not device.cuda:
        return host.clock_hz()
    nvml = gpu()
    return nvml.clock_hz() if nvml else None


@lru_cache(maxsize=1)
def gpu() -> Nvml | None:
    """The driver's view of the first CUDA device, or None."""
    import torch

    uuid = getattr(torch.cuda.get_device_properties(0), "uuid", None)
    try:
        return Nvml(f"GPU-{uuid}" if uuid else "")
    except OSError:
        return None
