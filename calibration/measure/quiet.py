"""Is the machine ours? Two signs that something else runs: our threads wait for a core, a known call is slow."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

TASKS = Path("/proc/self/task")
TOLERANCE = 1.2  # slower than the best so far by more than this: busy
FORGET = 1.01  # the best fades by this with every reading: clocks that fell for good are no other user
TRIES = 5  # the best of so many calls is one reading


def waited_s() -> float:
    """Seconds that the threads of this process have waited for a core so far; 0 where the system does not say."""
    total = 0
    try:
        for task in TASKS.iterdir():
            total += int((task / "schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):  # no such file, or a thread that ends just now
        return 0.0
    return total * 1e-9


class Probe:
    """Compares a call with the best that it has been of late.

    This shows what no spread does: a neighbour outside this virtual machine slows every repeat alike.
    """

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
