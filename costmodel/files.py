"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class FileError(ValueError):
    """A file that cannot be written; the message is one line with the file and the reason."""


def unwritable(path: Path, error: OSError, instead: str = "name a file in a folder that you can write") -> FileError:
    """The error that says which file cannot be written, why, and what to do instead."""
    return FileError(f"{path}: cannot be written ({(error.strerror or 'unknown reason').lower()}); {instead}")


def write(path: Path, content: str | bytes) -> None:
    """Write `content` (text as UTF-8) beside `path`, then rename: nobody ever sees a part of it. Raises FileError."""
    with whole(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def whole(path: Path, keep: bool = False) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its place once it is written; with `keep` also as far as it was when stopped.

    A link stays one, and the file that it names is written; so is a device or a pipe, which nothing may replace.
    Raises FileError.
    """
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        temporary, good = Path(name), False
        try:
            with os.fdopen(handle, "wb") as file:
                try:
                    yield file
                    good = True
                except BaseException as error:  # how far a file goes on a full disk nobody knows
                    good = keep and not isinstance(error, OSError) and file.tell() > 0
                    raise
        finally:
            if good:
                temporary.chmod(0o644)  # as other files, not for its owner alone as temporary ones
                temporary.replace(path)
            else:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None
