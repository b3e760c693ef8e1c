"""Progress on standard error: one line rewritten on a terminal, one line a phenomenon elsewhere."""

from __future__ import annotations

import sys
from typing import TextIO

WIDTH = 78


class Progress:
    """Says what is measured and how much time is left."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.rewrites = self.stream.isatty()
        self.phenomenon = ""

    def show(self, phenomenon: str, detail: str, left_s: float) -> None:
        """On a terminal always; elsewhere only as a phenomenon begins."""
        text = f"{phenomenon}, {max(0.0, left_s):.0f} s left"
        if self.rewrites:
            self.stream.write("\r" + f"{text}: {detail}"[:WIDTH].ljust(WIDTH))
        elif phenomenon != self.phenomenon:
            self.stream.write(text + "\n")
        self.stream.flush()
        self.phenomenon = phenomenon

    def say(self, text: str) -> None:
        """A line that stays."""
        self.stream.write(("\r" + " " * WIDTH + "\r" if self.rewrites else "") + text + "\n")
        self.stream.flush()
