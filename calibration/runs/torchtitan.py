"""torchtitan's log: step, loss, memory, tokens per second of one device."""

from __future__ import annotations

import re
from collections.abc import Iterable

from costmodel.calibration.runs.run import NUMBER, Beside, Run, beside, steady, time_at_rate, with_batch

# "step: 10  loss:  8.1  grad_norm:  2.1  memory: 41.2GiB(43.3%)  tps: 7,282  tflops: 421.0  mfu: 42.6%", in colour or
# not, from one rank or from each; before October 2024 "wps:" without tflops.
STEP = re.compile(r"\bstep:\s*(\d+)\s")
RATE = re.compile(r"\b(?:tps|wps):\s*" + NUMBER)
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def rates(lines: Iterable[str]) -> list[float]:
    """Tokens per second of one device by logged step; of a step that was logged again, the later one."""
    found: dict[int, float] = {}
    for line in lines:
        plain = COLOUR.sub("", line)
        step, rate = STEP.search(plain), RATE.search(plain)
        if step and rate and (value := float(rate[1].replace(",", ""))) > 0:
            found[int(step[1])] = value
    return [found[number] for number in sorted(found)]


def run(file: str, logged: list[float], scenario: Beside | None) -> Run:
    """The run of a log whose lines were found. Raises RunError."""
    said, work = beside(scenario, file)
    said = with_batch(said, work, None, file)
    rate, spread = steady(logged, file)
    # The log divides by tensor, pipeline and context parallel degrees: the rate of all devices is that times them all.
    return Run(file, said, {"step_time_s": time_at_rate(said, rate * said.devices)}, spread)
