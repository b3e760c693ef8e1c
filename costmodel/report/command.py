"""A scenario as the command line that asks for it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any


def command_line(tree: Mapping[str, Any], command: str = "estimate", *more: str) -> str:
    """The same scenario as a command, with `more` after it."""
    work = tree["workload"] if isinstance(tree["workload"], Mapping) else {"kind": tree["workload"]}
    flags = {name: tree[name] for name in ("model", "hardware", "devices")} | {"workload": work["kind"]}
    changes = {f"workload.{name}": value for name, value in work.items() if name != "kind"}
    changes |= {name: value for name, value in tree.items() if name not in flags}
    words = [word for name, value in flags.items() for word in (f"--{name}", argument(value))]
    words += [word for name, value in changes.items() for word in ("--set", f"{name}={argument(value)}")]
    return shlex.join(["costmodel", *command.split(), *words, *more])


def argument(value: Any) -> str:
    """A value as it is typed: text as it is, all else as JSON, which is YAML on one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
