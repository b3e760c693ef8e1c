"""Profiles: the constants of the laws for a device and its software, as data with ranges and sources."""

from __future__ import annotations

import json
import math
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from costmodel.job import Assumption, Laws, leaves
from costmodel.operators.memory_bound import CLASSES

FOLDER = Path(__file__).parent / "catalog" / "data" / "profiles"
SCHEMA = "costmodel/profile/1"
LOCAL = "local"  # the profile of the machine that this runs on
UNMEASURED = "prior"  # the profile of a device that has none
FAMILY = {
    **dict.fromkeys(("fp64", "fp32", "tf32"), "32bit"),
    **dict.fromkeys(("bf16", "fp16"), "16bit"),
    **dict.fromkeys(("fp8", "mxfp8", "int8"), "8bit"),
    **dict.fromkeys(("nvfp4", "mxfp4", "int4"), "4bit"),
}
FAMILIES = tuple(dict.fromkeys(FAMILY.values()))
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LARGEST = 1_000_000  # bytes of a profile file


class ProfileError(ValueError):
    """A profile that does not exist or cannot be read; the message names it."""


def user_folder() -> Path:
    """Where a user's own profiles are: $COSTMODEL_PROFILES, or costmodel/profiles in the user's configuration."""
    if stated := os.environ.get("COSTMODEL_PROFILES"):
        return Path(stated)
    configuration = os.environ.get("XDG_CONFIG_HOME")
    return Path(configuration or Path.home() / ".config") / "costmodel" / "profiles"


def names() -> list[str]:
    """The profiles that can be asked for by name: those that ship, and the user's own."""
    return sorted({path.stem for folder in (FOLDER, user_folder()) for path in folder.glob("*.json")})


def shipped(device: str | None) -> str:
    """The name of the profile for a device of the catalog: its own where one ships, else that of unmeasured devices."""
    return device if device and NAME.fullmatch(device) and (FOLDER / f"{device}.json").exists() else UNMEASURED


def machine(name: str) -> dict[str, Any] | None:
    """The profile of a machine that was measured as a whole, which then serves as hardware; None for another name."""
    if name == LOCAL and name not in names():
        raise ProfileError("this machine has no profile yet; run `costmodel calibrate` (or --quick) first")
    if not any((folder / f"{name}.json").is_file() for folder in (FOLDER, user_folder()) if NAME.fullmatch(name)):
        return None
    made = load(name)
    return made if isinstance(made.get("hardware"), dict) else None


def machines() -> list[str]:
    """The profiles of machines measured as a whole, this machine's first; a broken one says so when it is loaded."""
    found = []
    for name in names():
        try:
            measured = machine(name) is not None
        except ProfileError:
            measured = True
        found += [name] * measured
    return sorted(found, key=lambda name: (name != LOCAL, name))


def load(name: str) -> dict[str, Any]:
    """The profile called `name`, or in the file of that path when it ends with ".json".

    A name means a profile that ships before one of the user's own. Raises ProfileError with the names there are, or
    with what is wrong in the file.
    """
    if name.endswith(".json"):
        path = Path(name)
        if not path.is_file():
            raise ProfileError(f"no profile file {name[:200]!r}; write its path, or one of {', '.join(names())}")
        return _read(path, path.stat().st_mtime_ns)
    for folder in (FOLDER, user_folder()):
        path = folder / f"{name}.json"
        if NAME.fullmatch(name) and path.is_file():
            return _read(path, path.stat().st_mtime_ns)
    raise ProfileError(f"no profile is called {name[:60]!r}; there are: {', '.join(names())}")


def constants(name: str, compute: str) -> dict[str, Assumption]:
    """Every constant of a profile for layers that compute in format `compute`, by the path it has in a job."""
    laws = load(name)["laws"]
    found = {}
    for law in _sections():
        for constant, record in laws[_key(law, FAMILY[compute])].items():
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


def _key(law: str, family: str) -> str:
    """Where a profile keeps a job's law, when layers compute in formats of this family."""
    if law in CLASSES:
        return f"memory_bound:{law}"
    return {"matmul": f"matmul:{family}", "matmul_16bit": "matmul:16bit"}.get(law, law)


@cache
def _sections() -> dict[str, dict[str, str]]:
    """The constants that a job needs, with their units, by law."""
    needed: dict[str, dict[str, str]] = {}
    for path, unit in leaves(Laws).items():
        law, constant = path.split(".")
        needed.setdefault(law, {})[constant] = unit
    return needed


@cache
def _read(path: Path, changed: int) -> dict[str, Any]:
    """The checked content of a profile file (`changed`: its time of change, so that a new content is read anew)."""
    try:
        if path.stat().st_size > LARGEST:
            raise ProfileError(f"{path}: larger than {LARGEST // 1_000_000} MB; a profile is a small JSON file")
        profile = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ProfileError(f"{path}: cannot be read as JSON; make it anew with `costmodel calibrate`") from None
    found = profile.get("schema") if isinstance(profile, dict) else None
    if found != SCHEMA:
        family, _, version = str(found).rpartition("/")
        what = f"a profile of version {version[:20]}" if family == SCHEMA.rpartition("/")[0] else "no profile"
        raise ProfileError(f"{path}: {what} (schema {str(found)[:60]!r}); this program reads {SCHEMA!r}")
    laws = profile.get("laws")
    for law, needed in _sections().items():
        for key in dict.fromkeys(_key(law, family) for family in FAMILIES):
            for constant, unit in needed.items():
                _check(path, laws, key, constant, unit)
    return dict(profile)


def _check(path: Path, laws: Any, law: str, constant: str, unit: str) -> None:
    """A profile's entry for one constant must be a number in its unit, with a source and a range about it."""
    section = laws.get(law) if isinstance(laws, dict) else None
    record = section.get(constant) if isinstance(section, dict) else None
    where = f"{path}: laws.{law}.{constant}"
    if not isinstance(record, dict):
        raise ProfileError(f"{where} is missing; make the profile anew with `costmodel calibrate`")
    value, low, high = record.get("value"), record.get("low"), record.get("high")
    for name, number in (("value", value), ("low", low), ("high", high)):
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if not (is_number and 0 <= float(number or 0) < math.inf) and not (name != "value" and number is None):
            raise ProfileError(f"{where}.{name} must be a number of at least 0, not {str(number)[:20]!r}")
    ends = [end for end in (low, high) if end is not None]
    if len(ends) == 1 or sorted([*ends, value]) != [*ends[:1], value, *ends[1:]]:
        raise ProfileError(f"{where}: value {value:g} must lie between low and high")
    if record.get("unit") != unit or not isinstance(record.get("source"), str):
        raise ProfileError(f"{where} must have the unit {unit!r} and a source")
