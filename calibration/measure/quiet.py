"""Was the machine ours? Our threads wait for a core when others run here; a known call is slow when others run beside.

The second shows what no spread does: a neighbour outside this virtual machine slows every repeat alike, for minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .record import Record, key
from .timing import quantile

TASKS = Path("/proc/self/task")
USUAL = 0.25  # quantile of the probe's readings that counts as undisturbed: a quarter of the run must have been quiet
TOLERANCE = 1.2  # slower than usual by more than this: not quiet
BUSY = 0.1  # share of disturbed points from which the machine is called busy
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


def probe(call: Callable[[], object]) -> float:
    """Seconds of a known call at its best of a few."""
    times = []
    for _ in range(TRIES):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


def is_quiet(record: Record, readings: Sequence[float]) -> bool:
    """Whether a point was measured undisturbed, given the sorted readings of the probe over the run."""
    slow = "probe_s" in record and record["probe_s"] > TOLERANCE * quantile(readings, USUAL)
    return not record.get("noisy") and not slow


def settled(records: Iterable[Record]) -> dict[str, tuple[Record, bool]]:
    """For each measured point the record that counts, by key, and whether the machine was quiet for it.

    That is the last quiet one, or the last one where none is.
    """
    measured = [r for r in records if "time_s" in r]
    readings = sorted(r["probe_s"] for r in measured if "probe_s" in r)
    chosen: dict[str, tuple[Record, bool]] = {}
    for record in measured:
        quiet = is_quiet(record, readings)
        if not record.get("reference") and (quiet or not chosen.get(key(record), (record, False))[1]):
            chosen[key(record)] = record, quiet
    return chosen
