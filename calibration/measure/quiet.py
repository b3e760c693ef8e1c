"""Is the machine ours? A small product, timed before and after each point, tells when something else runs.

Spread alone does not: another process that takes half of the cores for seconds slows every repeat alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable

TOLERANCE = 1.2  # slower than the best so far by more than this: busy
FORGET = 1.01  # the best fades by this with every reading: clocks that fell for good are no other process
TRIES = 3  # the best of so many calls is one reading
PAUSE_S = 0.05


class Probe:
    """Compares a call with the best that it has been of late."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.best = float("inf")
        call()  # code paths, threads
        self.busy()

    def busy(self) -> bool:
        """Whether the call is clearly slower now than it has been."""
        times = []
        for _ in range(TRIES):
            began = time.perf_counter()
            self.call()
            times.append(time.perf_counter() - began)
        self.best = min(FORGET * self.best, *times)
        return min(times) > TOLERANCE * self.best

    def wait(self, limit_s: float) -> bool:
        """Wait until the machine is quiet; False if it was not within the limit."""
        until = time.perf_counter() + limit_s
        while self.busy():
            if time.perf_counter() > until:
                return False
            time.sleep(PAUSE_S)
        return True
