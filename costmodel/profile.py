"""Profiles: the constants of the laws for a device and its software, as data with ranges and sources."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from costmodel.job import Assumption

FOLDER = Path(__file__).parent / "catalog" / "data" / "profiles"
FAMILY = {
    **dict.fromkeys(("fp64", "fp32", "tf32"), "32bit"),
    **dict.fromkeys(("bf16", "fp16"), "16bit"),
    **dict.fromkeys(("fp8", "mxfp8", "int8"), "8bit"),
    **dict.fromkeys(("nvfp4", "mxfp4", "int4"), "4bit"),
}


class ProfileError(ValueError):
    """A profile that does not exist or cannot be read; the message names it."""


@cache
def load(name: str) -> dict[str, Any]:
    """The profile called `name`. Raises ProfileError with the names there are."""
    path = FOLDER / f"{name}.json"
    known = sorted(p.stem for p in FOLDER.glob("*.json"))
    if name not in known:
        raise ProfileError(f"no profile is called {name[:60]!r}; there are: {', '.join(known)}")
    profile: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return profile


def constants(name: str, compute: str) -> dict[str, Assumption]:
    """Every constant of a profile for layers that compute in format `compute`, by the path it has in a job."""
    laws = load(name)["laws"]
    chosen = {law: law for law in ("attention", "memory_bound", "link", "network", "framework", "power")}
    chosen |= {"matmul": f"matmul:{FAMILY[compute]}", "matmul_16bit": "matmul:16bit"}
    found = {}
    for law, key in chosen.items():
        for constant, record in laws[key].items():
            path = f"profile.{law}.{constant}"
            status = "default" if record["source"] == "costmodel-prior" else "fitted"
            found[path] = Assumption(
                path,
                record["value"],
                record["unit"],
                status,
                record["source"],
                record.get("low"),
                record.get("high"),
                record.get("note", ""),
            )
    return found
