"""Progress of a command that takes long: one line on standard error, on a terminal only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

CLEAR = "\r\x1b[K"


@contextmanager
def progress(after_s: float = 1.0) -> Iterator[Callable[[str], None]]:
    """A function that shows a text in place of the one before, after `after_s` seconds; cleared at the end."""
    began, shown = time.monotonic(), False

    def tell(text: str) -> None:
        nonlocal shown
        if sys.stderr.isatty() and time.monotonic() - began >= after_s:
            shown = True
            click.echo(CLEAR + text, nl=False, err=True)

    try:
        yield tell
    finally:
        if shown:
            click.echo(CLEAR, nl=False, err=True)
