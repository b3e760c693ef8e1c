"""The host as its operating system describes it; on systems without /proc and /sys less is known."""

from __future__ import annotations

import os
import platform
import re
from functools import lru_cache
from pathlib import Path

CPU = Path("/sys/devices/system/cpu")


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError):
        return ""


@lru_cache(maxsize=1)
def _cpuinfo() -> dict[str, str]:
    """The first processor of /proc/cpuinfo."""
    first = _text("/proc/cpuinfo").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def model() -> str:
    """The CPU's own name."""
    info = _cpuinfo()
    return info.get("model name") or info.get("CPU part") or platform.processor() or platform.machine()


def flags() -> set[str]:
    """Instruction-set flags; empty where they cannot be read."""
    info = _cpuinfo()
    return set((info.get("flags") or info.get("Features") or "").split())


def cores() -> int:
    """Physical cores that this process may use, no more than its control group grants."""
    logical = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    siblings = {_text(CPU / f"cpu{n}/topology/thread_siblings_list") or str(n) for n in logical}
    quota, _, period = _text("/sys/fs/cgroup/cpu.max").partition(" ")
    granted = float(quota) / float(period) if quota.isdigit() else len(siblings)
    return max(1, min(len(siblings), round(granted)))


def memory_bytes() -> float | None:
    """Total memory to a tenth of a gigabyte: what the kernel keeps for itself varies."""
    total = _meminfo("MemTotal")
    return None if total is None else round(total, -8)


def available_bytes() -> float:
    """Memory that can be had without swapping; 2 GB where nobody says."""
    free = _meminfo("MemAvailable") or 2e9
    limit, used = _text("/sys/fs/cgroup/memory.max").strip(), _text("/sys/fs/cgroup/memory.current").strip()
    return min(free, float(limit) - float(used)) if limit.isdigit() and used.isdigit() else free


def _meminfo(name: str) -> float | None:
    found = re.search(rf"^{name}:\s+(\d+) kB", _text("/proc/meminfo"), re.MULTILINE)
    return float(found.group(1)) * 1024 if found else None


def caches() -> dict[str, int]:
    """Size of each data cache that the first CPU sees [B], such as {"L1": 32768, "L2": 1048576}."""
    sizes = {}
    for index in sorted((CPU / "cpu0/cache").glob("index*")):
        size = re.match(r"(\d+)K", _text(index / "size"))
        if size and _text(index / "type").strip() != "Instruction":
            sizes[f"L{_text(index / 'level').strip()}"] = int(size.group(1)) * 1024
    return sizes


def clock_hz() -> float | None:
    """The clock of the first CPU now."""
    khz = _text(CPU / "cpu0/cpufreq/scaling_cur_freq").strip()
    mhz = _cpuinfo().get("cpu MHz", "")
    return float(khz) * 1e3 if khz.isdigit() else float(mhz) * 1e6 if mhz else None


def maximum_clock_hz() -> float | None:
    """The highest clock of the first CPU."""
    khz = _text(CPU / "cpu0/cpufreq/cpuinfo_max_freq").strip()
    return float(khz) * 1e3 if khz.isdigit() else None
