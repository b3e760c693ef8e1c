"""The calibration that a visitor of this machine starts: a process of its own, which ends with the session."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from threading import Thread

import streamlit as st

COMMAND = (sys.executable, "-m", "costmodel", "calibrate", "--quick")
PATIENCE = 5  # seconds until a process that was asked to end is ended


class Calibration:
    """At most one process and what it said last; that no other calibration runs meanwhile is the command's own care."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.listener: Thread | None = None
        self.said = ""
        self.news = False  # whether its end has still to be told

    @property
    def running(self) -> bool:
        """Whether the process is at work."""
        return self.listener is not None and self.listener.is_alive()

    @property
    def failed(self) -> bool:
        """Whether the last process ended without a profile."""
        return not self.running and self.process is not None and self.process.returncode != 0

    def finished(self) -> bool:
        """Whether a new profile has come about since this was last asked."""
        came, self.news = self.news and not self.running and not self.failed, self.news and self.running
        return came

    def start(self) -> None:
        """Start, unless it runs already."""
        if self.running:
            return
        self.said, self.news, nothing = "starting", True, subprocess.DEVNULL
        self.process = subprocess.Popen(
            COMMAND, stdin=nothing, stdout=nothing, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.listener = Thread(target=self._listen, args=(self.process,), daemon=True)
        self.listener.start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        """Keep the last line of what the process says. Where nobody listens any more it ends by itself."""
        with process:
            for line in process.stderr or ():
                self.said = line.strip() or self.said

    def stop(self) -> None:
        """End the process with all that it started."""
        if self.process is None or self.listener is None or not self.running:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, how)
            self.listener.join(PATIENCE)
        self.said = "cancelled"


@st.cache_resource(scope="session", on_release=Calibration.stop, show_spinner=False)
def of_this_session() -> Calibration:
    """The session's calibration; stopped when the session ends."""
    return Calibration()
