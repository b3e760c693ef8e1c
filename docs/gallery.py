"""Ask the commands of docs/gallery.md again, and write their answers into it: python docs/gallery.py."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from costmodel.cli.main import run

PAGE = Path(__file__).with_name("gallery.md")
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def answer(command: str) -> str:
    """What a command prints; `| head -N` after it keeps the first lines."""
    words, _, lines = command.partition(" | head -")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        run(shlex.split(words)[1:])
    kept = out.getvalue().rstrip().splitlines()
    return "\n".join(kept[: int(lines)] if lines else kept)


def commands(page: str) -> Iterator[tuple[str, str]]:
    """Every command of the page with the answer printed below it."""
    for block in BLOCK.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield command, printed.strip("\n")


def refreshed(page: str) -> str:
    """The page with every answer as it is now."""

    def block(found: re.Match[str]) -> str:
        asked = re.findall(r"^\$ (.*)$", found[1], re.MULTILINE)
        return "```console\n" + "\n".join(f"$ {command}\n{answer(command)}\n" for command in asked) + "```"

    return BLOCK.sub(block, page)


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
