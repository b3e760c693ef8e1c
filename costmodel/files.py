"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(path: Path, content: str | bytes) -> None:
    """Write `content` (text as UTF-8) beside `path`, then rename: nobody ever sees a part of it. Raises OSError."""
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
