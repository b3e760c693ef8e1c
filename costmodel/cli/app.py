"""costmodel app."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import click


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port on this machine.")
@click.option("--headless", is_flag=True, help="Do not open a browser.")
def command(port: int, headless: bool) -> None:
    """Start the web app on this machine; it ends with the terminal.

    \b
    Example:
      costmodel app --port 8600
    """
    if find_spec("streamlit") is None:
        raise click.UsageError("the app needs streamlit; run: pip install 'costmodel[app]'")
    from pathlib import Path

    main = find_spec("costmodel.app")
    folder = Path(next(iter(main.submodule_search_locations or []))) if main else None
    if folder is None:
        raise click.UsageError("the app is not installed; install costmodel with pip")
    arguments = ["--server.address=127.0.0.1", f"--server.port={port}", "--browser.gatherUsageStats=false"]
    arguments += ["--server.headless=true"] if headless else []
    # Streamlit takes this process's place, so that whatever ends the one ends the other.
    os.execv(sys.executable, [sys.executable, "-m", "costmodel.app.serve", "run", str(folder / "main.py"), *arguments])
