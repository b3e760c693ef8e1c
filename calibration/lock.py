"""One calibration at a time: two would measure each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from costmodel import files


class Busy(ValueError):
    """Another calibration is running; the message says in which process."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`, which names this process, for the length of a block.

    The system itself lets go of it when the process ends, however it ends: a file that is left behind locks nothing.
    Raises Busy, and FileError on a full disk. Where the system knows no such locks (Windows) nothing is held.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            who = file.read(20).strip() or "unknown"
            raise Busy(f"another calibration is running (process {who}); wait until it ends, or end it") from None
        try:
            path.write_text(f"{os.getpid()}\n", encoding="ascii")
        except OSError as error:
            raise files.unwritable(path, error, "make room, or set COSTMODEL_PROFILES to another folder") from None
        yield
