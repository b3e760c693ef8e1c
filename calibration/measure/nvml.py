"""The NVIDIA management library through ctypes: energy counter, clocks, driver; no package needed."""

from __future__ import annotations

import ctypes
from typing import Any


class Nvml:
    """One GPU as its driver sees it. Every reading is None where the driver does not give it.

    Raises OSError if there is no such library or no such GPU.
    """

    def __init__(self, uuid: str = "") -> None:
        self.library = ctypes.CDLL("libnvidia-ml.so.1")
        self.handle = ctypes.c_void_p()
        found = self.library.nvmlInit_v2()
        if uuid:  # CUDA may number devices otherwise than the driver does
            found = found or self.library.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(self.handle))
        else:
            found = found or self.library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(self.handle))
        if found:
            raise OSError(f"NVML error {found}")

    def _read(self, function: str, kind: Any, *arguments: int) -> int | None:
        value = kind()
        call = getattr(self.library, function, None)
        failed = call is None or call(self.handle, *arguments, ctypes.byref(value))
        return None if failed else int(value.value)

    def energy_j(self) -> float | None:
        """Joules since the driver was loaded."""
        value = self._read("nvmlDeviceGetTotalEnergyConsumption", ctypes.c_ulonglong)
        return None if value is None else value * 1e-3

    def clock_hz(self) -> float | None:
        """The clock of the multiprocessors now."""
        value = self._read("nvmlDeviceGetClockInfo", ctypes.c_uint, 1)
        return None if value is None else value * 1e6

    def maximum_clock_hz(self) -> float | None:
        """The highest clock of the multiprocessors."""
        value = self._read("nvmlDeviceGetMaxClockInfo", ctypes.c_uint, 1)
        return None if value is None else value * 1e6

    def power_limit_w(self) -> float | None:
        """The power limit that is enforced."""
        value = self._read("nvmlDeviceGetEnforcedPowerLimit", ctypes.c_uint)
        return None if value is None else value * 1e-3

    def driver(self) -> str | None:
        """The version of the driver."""
        text = ctypes.create_string_buffer(80)
        return None if self.library.nvmlSystemGetDriverVersion(text, 80) else text.value.decode()
