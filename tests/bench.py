"""Speed as ratios within one run: `make bench`. Prints; judges nothing, since machines differ and are noisy."""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
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


PAGES = ("", "compare", "compress", "documents", "evidence", "explore", "machine", "sensitivity", "size")
DEVICES = "[...document.querySelectorAll('input')].findLast(each => each.ariaLabel === 'Devices')"
# Until there is an answer, a run has begun and is over, and nothing is left of the run before it.
WATCH = """{
    window.took = 0;
    let ran = BEGUN;
    const waiting = '[data-test-script-state=running], [data-stale=true], [data-testid=stSkeleton]';
    const look = () => {
        const busy = document.querySelector(waiting);
        ran ||= !!busy;
        if (ran && !busy && document.querySelector('[data-testid=stAlert]')?.innerText)
            window.took = performance.now() - window.start;
        else requestAnimationFrame(look);
    };
    document.addEventListener('keydown', event => event.key === 'Enter' && (window.start = performance.now()), true);
    look();
}"""


def pages() -> None:
    """Each page of the app in a real browser: its first paint once another visitor was there, and changes."""
    from test_browser import browsing, serving, until

    with serving(tempfile.mkdtemp()) as app, browsing(Path(tempfile.mkdtemp())) as page:

        def seconds() -> float:
            return float(until(lambda: page.value("window.took"), "the answer")) / 1e3

        for name in PAGES:
            for _ in range(2):
                page.value("window.took = 'before'")
                page.open(f"{app}{name}", 1440)
                until(lambda: page.value("!window.took && !!document.body"), "the page")
                page.value(WATCH.replace("BEGUN", "(window.start = 0, true)"))
                first = seconds()
            page.value(f"{DEVICES}?.closest('details:not([open])')?.querySelector('summary').click()")
            changes = []
            for count in (16, 32, 48, 96, 128) if page.value(f"!!{DEVICES}") else ():
                page.value(f"{DEVICES}.focus(); {DEVICES}.select()")
                page.do("Input.insertText", text=str(count))
                page.value(WATCH.replace("BEGUN", "false"))
                page.press("Enter")
                changes.append(seconds())
            change = f", a change {1e3 * statistics.median(changes):.0f} ms (below 300)" if changes else ""
            print(f"page {(name or 'estimate') + ':':26}first {1e3 * first:.0f} ms (below 2,000){change}")


if __name__ == "__main__":
    main()
    if find_spec("streamlit") and find_spec("websockets") and shutil.which("chromium"):
        pages()
