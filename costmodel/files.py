"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


class FileError(ValueError):
    """A file that cannot be written; the message is one line with the file and the reason."""


def write(path: Path, content: str | bytes) -> None:
    """Write `content` (text as UTF-8) beside `path`, then rename: nobody ever sees a part of it. Raises FileError."""
    try:
        _write(path, content)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise FileError(f"{path}: cannot be written ({reason}); name a file in a folder that you can write") from None


def _write(path: Path, content: str | bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        temporary.chmod(0o644)  # as other files, not for its owner alone as temporary ones
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
