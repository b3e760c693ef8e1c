"""Is the machine ours? A small product, timed before and after each point, tells when something else runs.

Spread alone does not: another process that takes half of the cores for seconds slows every repeat alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable

TOLERANCE = 1.35  # slower than the best so far by more than this: busy
TRIES = 3  # the best of so many calls is one reading
PAUSE_S = 0.05


class Probe:
    """Compares a call with the best it has been; after waiting in vain the present becomes the best."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        call()  # code paths, threads
        self.best = self._read()

    def _read(self) -> float:
        times = []
        for _ in range(TRIES):
            began = time.perf_counter()
            self.call()
            times.append(time.perf_counter() - began)
        return min(times)

    def busy(self) -> bool:
        """Whether the call is clearly slower now than it has been."""
        now = self._read()
        self.best = min(self.best, now)
        return now > TOLERANCE * self.best

    def wait(self, limit_s: float) -> bool:
        """Wait until the machine is quiet; False if it was not within the limit: clocks may have fallen for good."""
        until = time.perf_counter() + limit_s
        while self.busy():
            if time.perf_counter() > until:
                self.best = self._read()
                return False
            time.sleep(PAUSE_S)
        return True
