"""Speed as ratios within one run: `make bench`. Prints; judges nothing, since machines differ and are noisy."""

from __future__ import annotations

import resource
import runpy
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from costmodel import engine
from costmodel.job import numbers
from costmodel.loading import load
from costmodel.resolve import resolve
from costmodel.sweeping import sweep

BARE = "import click, pydantic, numpy, yaml\nclass M(pydantic.BaseModel):\n  x: int"
CLICK = "import click\n@click.command()\ndef f(): pass\nf.main(['--help'])"
SHAPE = {"layers": 32, "hidden": 4096, "heads": 32, "kv_heads": 8, "head_dim": 128, "ffn": 14336, "vocab": 128256}
BASE = {"model": SHAPE, "hardware": "h100-sxm", "devices": 64, "workload": {"kind": "train", "tokens": 1e12}}


def pair(ours: list[str], theirs: list[str], rounds: int = 9) -> float:
    """Median ratio of two commands' wall times, taken in turn."""

    def once(command: list[str]) -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start

    once(ours), once(theirs)
    return statistics.median(once(ours) / once(theirs) for _ in range(rounds))


def main() -> None:
    """Cold start, one scalar estimate, a million in a sweep."""
    cli = [sys.executable, "-m", "costmodel"]
    estimate = pair([*cli, "estimate", "examples/llama-3.1-8b.yaml"], [sys.executable, "-c", BARE])
    print(f"cold estimate / bare imports:  {estimate:.2f} (at most 1.6)")
    print(f"--help / bare click --help:    {pair([*cli, '--help'], [sys.executable, '-c', CLICK]):.2f} (at most 2)")
    job = numbers(resolve(load("examples/llama-3.1-8b.yaml")).assumptions)
    engine.complete(job, "train")
    start = time.perf_counter()
    for _ in range(50):
        engine.complete(job, "train")
    print(f"scalar estimate:               {(time.perf_counter() - start) / 50 * 1e3:.2f} ms (below 5)")
    over = {
        "workload.tokens": np.geomspace(1e11, 1e13, 50).round().tolist(),
        "workload.global_batch": [64.0 * i for i in range(1, 51)],
        "model.hidden": [1024.0 + 128 * i for i in range(100)],
        "parallelism.tp": [1.0, 2.0, 4.0, 8.0],
    }
    start = time.perf_counter()
    points = len(sweep(BASE, over)["feasible"])
    rate = points / (time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"sweep of {points:,}:            {rate:,.0f} per second (at least 300,000), peak {peak:.0f} MB (below 500)")


def pages(rounds: int = 5) -> None:
    """Each page of the app without a browser: a visitor's first run once others were there, and a change."""
    opened = runpy.run_path(str(Path(__file__).with_name("visiting.py")))["opened"]
    for page in ("estimate", "compare", "explore", "sensitivity", "evidence"):
        opened(page)
        start = time.perf_counter()
        app = opened(page)
        first, changes = time.perf_counter() - start, []
        for number in range(rounds if page != "evidence" else 0):
            app.text_input(key="devices").set_value(str(8 << number))
            start = time.perf_counter()
            app.run()
            changes.append(time.perf_counter() - start)
        change = f", a change {1e3 * statistics.median(changes):.0f} ms (below 300)" if changes else ""
        print(f"page {page + ':':26}first {1e3 * first:.0f} ms (below 2,000){change}")


if __name__ == "__main__":
    main()
    if find_spec("streamlit"):
        pages()
