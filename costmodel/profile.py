"""Profiles: the constants of the laws for a device and its software, as data with ranges and sources."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from costmodel import files
from costmodel.catalog import CatalogError, hardware
from costmodel.job import Assumption, Laws, leaves
from costmodel.operators.memory_bound import CLASSES

FOLDER = Path(__file__).parent / "catalog" / "data" / "profiles"
SCHEMA = "costmodel/profile/1"
LOCAL = "local"  # the profile of the machine that this runs on
MEASURED = "measured-here"  # source of a constant that was measured by its user
UNMEASURED = "prior"  # the profile of a device that has none
FAMILY = {
    **dict.fromkeys(("fp64", "fp32", "tf32"), "32bit"),
    **dict.fromkeys(("bf16", "fp16"), "16bit"),
    **dict.fromkeys(("fp8", "mxfp8", "int8"), "8bit"),
    "fp8-block": "8bit-block",
    **dict.fromkeys(("nvfp4", "mxfp4", "int4"), "4bit"),
}
# What constants are where a profile does not state them.
UNSTATED = {"packing_rows": {"value": 0.0, "unit": "1", "source": "definition", "note": "not of this device"}}
WEIGHT_ONLY = "weight-only"  # products in 16 bits that unpack their weights on the way
PRODUCTS = (*dict.fromkeys(FAMILY.values()), WEIGHT_ONLY)  # kinds of products with constants of their own
# Constants that formulas divide by, and the least that they may be.
LEAST = {"bandwidth_efficiency": 1e-6, "compute_efficiency": 1e-6, "time_factor": 1e-6, "overlap_power": 0.01}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LARGEST = 1_000_000  # bytes of a profile file


class ProfileError(ValueError):
    """A profile that does not exist, cannot be read or cannot be kept; the message names it."""


Amount = Annotated[float, Field(ge=0, le=1e21)]
Name = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]


class Part(BaseModel):
    """A part of a profile file: numbers are finite, nothing is converted, what is not known is left out."""

    model_config = ConfigDict(defer_build=True, strict=True, allow_inf_nan=False)


class Constant(Part):
    """One constant of a law in SI, its 80 % range, and where it comes from."""

    value: Amount
    low: Amount | None = None
    high: Amount | None = None
    unit: str
    source: str
    note: str = ""
    se: Amount = 0.0

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        ends = [end for end in (self.low, self.high) if end is not None]
        if len(ends) == 1 or sorted([*ends, self.value]) != [*ends[:1], self.value, *ends[1:]]:
            raise ValueError(f"value {self.value:g} must lie between low and high")
        return self


class Facts(Part):
    """What a machine measured as a whole can do [SI]: beside these its memory, link, and peak:FORMAT."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Amount]
    cores: Annotated[float, Field(ge=1)]
    memory_bandwidth: Annotated[float, Field(gt=0)]
    cache: Amount
    cache_speedup: Annotated[float, Field(ge=1)]


class Calls(Part):
    """What the host pays for each kind of call [s], and factors of calls among others."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Amount]
    module: Amount
    view: Amount
    take: Amount


class Environment(Part):
    """The machine and the software that were measured."""

    id: str = ""
    date: str = ""
    cpu: str = ""
    cores: Amount = 0.0
    threads: Amount = 0.0
    versions: dict[str, str | None] = {}


class Quality(Part):
    """How a law meets its records: how many, median and p90 of the error, bias, constants that they do not tell."""

    n: int
    median: Amount
    p90: Amount
    bias: float = 0.0
    warnings: list[str] = []
    devices: list[str] = []


class Profile(Part):
    """A profile file. `hardware`: the device of the catalog that it is of, or the facts of a machine.

    `warnings` go with every estimate that uses the machine.
    """

    schema_: Literal["costmodel/profile/1"] = Field(alias="schema")
    name: Name
    meaning: str = ""
    hardware: Annotated[
        Annotated[Facts, Tag("machine")] | Annotated[str | None, Tag("device")],
        Discriminator(lambda said: "machine" if isinstance(said, dict | Facts) else "device"),
    ] = None
    date: str | None = None
    environment: Environment = Field(default_factory=Environment)
    backend: Literal["torch", "numpy"] | None = None
    laws: dict[str, dict[str, Constant]]
    calls: Calls | None = None
    scatter: dict[str, Amount] = {}
    fit: dict[str, Quality] = {}
    records: dict[str, dict[str, int]] = {}
    runs: dict[str, Quality | None] = {}
    warnings: list[str] = []

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if isinstance(self.hardware, Facts) and (self.backend is None or self.calls is None):
            raise ValueError("a machine's profile needs backend and calls")
        return self


def user_folder() -> Path:
    """Where a user's own profiles are: $COSTMODEL_PROFILES, or costmodel/profiles in the user's configuration."""
    if stated := os.environ.get("COSTMODEL_PROFILES"):
        return Path(stated)
    try:
        configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    except RuntimeError:  # a user without a home has no profiles
        configuration = Path(os.devnull)
    return configuration / "costmodel" / "profiles"


def own_folder() -> Path:
    """The user's folder, made if needed. Raises ProfileError where nothing can be kept."""
    folder = user_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
        reason = "not writable"
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
    raise ProfileError(f"{folder}: no folder to keep profiles in ({reason}); set COSTMODEL_PROFILES to one")


def own_name(name: str) -> str:
    """`name` if a user's profile may have it. Raises ProfileError if it ships, names a device, or is not plain."""
    try:
        taken = (FOLDER / f"{name}.json").exists() or bool(hardware.device(name, representative=True))
    except (CatalogError, OSError, ValueError):
        taken = False
    if taken or not NAME.fullmatch(name) or name.endswith(".json"):
        why = "is taken" if taken else "cannot name a profile"
        raise ProfileError(f"{name[:60]!r} {why}; write a new name of letters, digits, dots, - and _, such as site")
    return name


def keep(name: str, content: dict[str, Any]) -> Path:
    """Write a user's own profile, whole or not at all, and only one that can be read; returns its file.

    Raises ProfileError.
    """
    path, text = own_folder() / f"{own_name(name)}.json", json.dumps(content, indent=1) + "\n"
    _checked(path, text.encode())
    files.write(path, text)
    return path


def _path(name: str) -> Path | None:
    """The file of a profile; one that ships comes before a user's own."""
    if not NAME.fullmatch(name):
        return None
    paths = (folder / f"{name}.json" for folder in (FOLDER, user_folder()))
    return next((path for path in paths if path.is_file()), None)


def names() -> list[str]:
    """The profiles that can be asked for by name: those that ship, and the user's own."""
    found = {path.stem for folder in (user_folder(), FOLDER) for path in folder.glob("*.json") if path.is_file()}
    return sorted(filter(NAME.fullmatch, found))


def broken() -> dict[str, str]:
    """What is wrong with each profile that cannot be read, by name."""
    found = {}
    for name in names():
        try:
            load(name)
        except ProfileError as error:
            found[name] = str(error)
    return found


def shipped(device: str | None) -> str:
    """The name of the profile for a device of the catalog: its own where one ships, else that of unmeasured devices."""
    return device if device and NAME.fullmatch(device) and (FOLDER / f"{device}.json").exists() else UNMEASURED


def machine(name: str) -> dict[str, Any] | None:
    """The profile of a machine that was measured as a whole, which then serves as hardware; None for another name."""
    known = _path(name) is not None
    if name == LOCAL and not known:
        raise ProfileError("this machine has no profile yet; run `costmodel calibrate` (or --quick) first")
    made = load(name) if known else {}
    return made if isinstance(made.get("hardware"), dict) else None


def machines() -> list[str]:
    """The profiles of machines measured as a whole, this machine's first; a broken one says so when it is loaded."""
    unread = broken()
    found = [name for name in names() if name in unread or machine(name) is not None]
    return sorted(found, key=lambda name: (name != LOCAL, name))


def load(name: str) -> dict[str, Any]:
    """The profile called `name`, or in the file of that path when it ends with ".json"; of its fields those that
    `Profile` knows.

    A name means a profile that ships before one of the user's own. Raises ProfileError with the names there are, or
    with what is wrong in the file.
    """
    path = Path(name) if name.endswith(".json") else _path(name)
    if path is None:
        raise ProfileError(f"no profile is called {name[:60]!r}; there are: {', '.join(names())}")
    try:
        if not path.is_file():  # a pipe would keep its reader waiting
            raise OSError
        changed = path.stat().st_mtime_ns
    except (OSError, ValueError):
        said = f"no profile file {name[:200]!r}; write its path, or one of {', '.join(names())}"
        raise ProfileError(said) from None
    return _read(path, changed)


def constants(name: str, compute: str, unpacked: bool = False) -> dict[str, Assumption]:
    """The constants that a job needs of a profile, by path in the job.

    Layers compute in format `compute`, with weights `unpacked` on the way where those are narrower.
    """
    laws, family = load(name)["laws"], FAMILY[compute]
    products = WEIGHT_ONLY if unpacked and family == "16bit" else family
    found = {}
    for law, needed in _sections().items():
        stated = UNSTATED | laws[_key(law, products)]
        for constant in needed:
            record = stated[constant]
            path = f"profile.{law}.{constant}"
            status = "default" if record["source"] in ("costmodel-prior", "definition") else "fitted"
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


def _key(law: str, products: str) -> str:
    """Where a profile keeps a job's law, for layers with products of this kind."""
    if law in CLASSES:
        return f"memory_bound:{law}"
    wide = products if products == "32bit" else "16bit"
    return {"matmul": f"matmul:{products}", "matmul_16bit": f"matmul:{wide}"}.get(law, law)


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
        return _checked(path, path.read_bytes())
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise ProfileError(f"{path}: cannot be read ({reason}); name a file that you can read") from None


def _checked(path: Path, data: bytes) -> dict[str, Any]:
    """The content of a profile file, with the constants of all laws in their units."""
    try:
        profile = Profile.model_validate_json(data)
    except ValidationError as invalid:
        said = " ".join(_wrong(invalid).split())
        raise ProfileError(f"{path}: {said}; make it anew with `costmodel calibrate`") from None
    for law, needed in _sections().items():
        for key in dict.fromkeys(_key(law, products) for products in PRODUCTS):
            for constant, unit in needed.items():
                record = profile.laws.get(key, {}).get(constant)
                if record is None and constant in UNSTATED:
                    continue
                if record is None:
                    wrong = "is missing"
                elif record.unit != unit:
                    wrong = f"must have the unit {unit!r}, not {record.unit[:20]!r}"
                elif record.value < LEAST.get(constant, 0.0):
                    wrong = f"must be at least {LEAST[constant]:g}, not {record.value:g}"
                else:
                    continue
                raise ProfileError(f"{path}: laws.{key}.{constant} {wrong}; make it anew with `costmodel calibrate`")
    return profile.model_dump(by_alias=True, exclude_unset=True)


def _wrong(invalid: ValidationError) -> str:
    """The first thing that is wrong, and where."""
    error = invalid.errors(include_url=False)[0]
    where = ".".join(str(part) for part in error["loc"] if part not in ("machine", "device"))[:80]
    found, said = error["input"], error["msg"].replace("Input should be", "must be").removeprefix("Value error, ")
    if error["type"] == "json_invalid":
        return "is not JSON"
    if where == "schema" or (not where and error["type"] != "value_error"):
        schema = found[:40] if isinstance(found, str) else None
        return f"is no profile of this program (schema {schema!r}); it reads {SCHEMA!r}"
    if error["type"] == "missing":
        return f"{where} is missing"
    place = f"{where}: " if where else ""
    return f"{place}{said}" + ("" if isinstance(found, dict | list) else f", not {str(found)[:20]!r}")
