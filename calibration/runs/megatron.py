"""Megatron-LM's log: one line per logged iteration, in the forms that its versions and descendants print."""

from __future__ import annotations

import re
from collections.abc import Iterable
from statistics import median

from costmodel.calibration.runs.run import NUMBER, Beside, Run, beside, steady, with_batch

# " iteration 43/ 100 | consumed samples: 5504 | elapsed time per iteration (ms): 5444.9 | … | global batch size: 128 |"
# Early versions print no batch, Megatron-DeepSpeed prints seconds, forks for ROCm "5444.9/5400.1" (now and on average),
# recent versions with --log-energy "power per GPU (W/GPU): 612.3".
ITERATION = re.compile(r"\biteration\s+(\d+)/")
ELAPSED = re.compile(r"elapsed time per iteration \((ms|s)\):\s*" + NUMBER)
BATCH = re.compile(r"global batch size:\s*(\d+)")
POWER = re.compile(r"power per GPU \(W/GPU\):\s*" + NUMBER)
SECONDS = {"ms": 1e-3, "s": 1.0}

Step = tuple[float, float | None, float | None]  # elapsed [s], global batch, power [W]


def steps(lines: Iterable[str]) -> list[Step]:
    """The logged iterations in order; of an iteration that was logged twice, after a restart, the later one."""
    found: dict[int, Step] = {}
    for line in lines:
        iteration, elapsed = ITERATION.search(line), ELAPSED.search(line)
        if iteration and elapsed and float(elapsed[2]) > 0:
            batch, power = (float(m[1]) if (m := p.search(line)) else None for p in (BATCH, POWER))
            found[int(iteration[1])] = SECONDS[elapsed[1]] * float(elapsed[2]), batch, power
    return [found[number] for number in sorted(found)]


def run(file: str, logged: list[Step], scenario: Beside | None) -> Run:
    """The run of a log whose lines were found; where the batch was ramped up, its last part. Raises RunError."""
    said, work = beside(scenario, file)
    batch = logged[-1][1]
    full = [step for step in logged if step[1] == batch]
    time, spread = steady([step[0] for step in full], file)
    measured = {"step_time_s": time}
    if watts := [step[2] for step in full if step[2]]:
        measured["power_w"] = median(watts)
    return Run(file, with_batch(said, work, batch, file), measured, spread)
