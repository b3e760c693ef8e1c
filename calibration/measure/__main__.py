"""The command line of the collector: `python -m measure > records.jsonl`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import nullcontext
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

if TYPE_CHECKING:
    from .device import Device
    from .record import Record

# Libraries read these once, as they are loaded
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        self.exit(2, f"measure: {message}\n")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line, checked as far as it can be without touching the device."""
    from .effort import SHARES
    from .host import cores

    parser = Parser(prog="measure", description="Time what the efficiency laws need; records go to standard output.")
    effort = parser.add_mutually_exclusive_group()
    for name, about in (("quick", "about 20 s (default: 2 minutes)"), ("thorough", "about 8 minutes")):
        effort.add_argument(f"--{name}", dest="effort", action="store_const", const=name, default="default", help=about)
    parser.add_argument("--only", metavar="NAME,…", help=f"phenomena to measure, of {', '.join(SHARES)}")
    parser.add_argument("--backend", choices=("numpy", "torch"), help="default: torch where it is installed")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where torch has it")
    parser.add_argument("--threads", type=int, default=cores(), help="default: the physical cores (%(default)s here)")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="append to FILE the points that it lacks")
    chosen = parser.parse_args(arguments)
    if not 1 <= chosen.threads <= max(cores(), os.cpu_count() or 1):
        parser.error(f"--threads {chosen.threads}: give a number from 1 to {os.cpu_count()}")
    chosen.only = chosen.only.split(",") if chosen.only is not None else list(SHARES)
    for name in chosen.only:
        if name not in SHARES:
            near = get_close_matches(name, SHARES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(SHARES)}"
            parser.error(f"--only: no phenomenon is called {name!r}; {hint}")
    return chosen


def pinned(threads: int, device: Device) -> Any:
    """A context in which numerical libraries use so many threads."""
    if device.backend == "torch":
        import torch

        torch.set_num_threads(threads)
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # the environment variables have to do
        return nullcontext()
    return threadpool_limits(threads)


def opened(resume: Path | None, environment: Record) -> tuple[BinaryIO, list[Record]]:
    """Where records go, and those that are there already.

    A file that is resumed loses a last line that was cut short. Raises BadFile if it is none of the collector's
    or was measured on another machine or with other versions.
    """
    from .environment import differences
    from .record import BadFile, read

    if resume is None:
        return sys.stdout.buffer, []
    try:
        there = read(resume)
        text = resume.read_bytes()
    except OSError as problem:
        raise BadFile(f"{resume}: {problem.strerror}; leave out --resume to begin a file") from None
    except BadFile as problem:
        raise BadFile(f"{problem}; or leave out --resume to begin a file") from None
    for record in there:
        if record["kind"] == "environment" and record["id"] != environment["id"]:
            changed = ", ".join(differences(record, environment)) or "id"
            raise BadFile(f"{resume}: measured under another environment ({changed}); begin a new file")
    target = resume.open("r+b")
    target.truncate(text.rfind(b"\n") + 1)
    target.seek(0, os.SEEK_END)
    return target, there


def run(chosen: argparse.Namespace) -> int:
    """Collect what was chosen; 0 done, 2 refused, 130 interrupted."""
    began = time.perf_counter()
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(chosen.threads)))
    from .collect import Run
    from .device import Unavailable, find
    from .effort import EFFORTS
    from .environment import describe
    from .record import BadFile, line

    effort = EFFORTS[chosen.effort]
    try:
        device = find(chosen.backend, chosen.device)
        environment = describe(device, chosen.threads, effort)
        target, there = opened(chosen.resume, environment)
    except (Unavailable, BadFile) as problem:
        print(f"measure: {problem}", file=sys.stderr)
        return 2

    def write(record: Record) -> None:
        target.write(line(record).encode())
        target.flush()

    collection = Run(device, effort, environment["id"], write, there, began)
    try:
        with pinned(chosen.threads, device):
            if not there:
                write(environment)
            collection.collect(chosen.only)
    except KeyboardInterrupt:
        collection.progress.say(f"interrupted; {len(collection.new)} points are kept")
        return 130
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Collect; 0 done, 1 the records cannot be written, 2 wrong arguments, 130 interrupted (with what was kept)."""
    chosen = parse(arguments)
    try:
        return run(chosen)
    except KeyboardInterrupt:  # before anything was measured
        return 130
    except BrokenPipeError:  # the reader has gone; nothing more can be said to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as problem:
        print(f"measure: cannot write records: {problem.strerror}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
