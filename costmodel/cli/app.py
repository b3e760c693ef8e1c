"""costmodel app."""

from __future__ import annotations

import os
import socket
import sys
from importlib.util import find_spec

import click

from costmodel.cli.options import require

HERE, FIRST, TRIED = "127.0.0.1", 8501, 20


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), help=f"Port on this machine; the first free one from {FIRST} if unsaid."
)
@click.option("--headless", is_flag=True, help="Do not open a browser.")
def command(port: int | None, headless: bool) -> None:
    """Start the web app on this machine; it ends with the terminal.

    \b
    Example:
      costmodel app --port 8600
    """
    require("streamlit", "the app", "app")
    main = find_spec("costmodel.app.main")
    if main is None or main.origin is None:
        raise click.UsageError("the app is not installed; install costmodel with pip")
    arguments = [f"--server.address={HERE}", f"--server.port={_free(port)}", "--browser.gatherUsageStats=false"]
    arguments += ["--server.maxUploadSize=1"]  # MB: a scenario is small, and what is sent lies in memory
    arguments += ["--server.headless=true"] if headless else []
    # Streamlit takes this process's place, so that whatever ends the one ends the other.
    os.execv(sys.executable, [sys.executable, "-m", "costmodel.app.serve", "run", main.origin, *arguments])


def _free(port: int | None) -> int:
    """The port asked for, or the first free one. Raises UsageError when there is none."""
    asked = range(FIRST, FIRST + TRIED) if port is None else [port]
    for each in asked:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((HERE, each))
            except OSError as error:
                refused = (error.strerror or "unknown reason").lower()
            else:
                return each
    named = f"port {port}" if port else f"every port from {FIRST} to {FIRST + TRIED - 1}"
    raise click.UsageError(f"{named} cannot be used ({refused}); write another one, for example --port 8600")
