"""Kinds of fields: how a number, a name or a section is written, read, bounded and written back.

Counts and ratios are bare numbers (64, 1e12, "2 T"); whatever has a dimension is text with a unit ("80 GB").
Values are held in SI.
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeAlias, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    GetCoreSchemaHandler,
    StrictStr,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from costmodel.units import UnitError, count, parse

LONGEST_NUMBER, LONGEST_TEXT = 60, 200


@dataclass(frozen=True, slots=True)
class Figure:
    """How a number is written and between which bounds: bare, or with `unit` as text that has a unit.

    `example`, `low` and `high` are in the user's notation; the bounds are included. Attach it with Annotated.
    """

    example: str
    low: str
    high: str
    unit: str = ""
    whole: bool = False

    def read(self, value: Any) -> Any:
        """The SI value of what a user wrote. Raises UnitError that says what to write instead."""
        if isinstance(value, numbers.Integral) and not isinstance(value, bool):
            value = int(value)  # NumPy integers too
        if isinstance(value, str) and len(value) > LONGEST_NUMBER:
            raise UnitError(f"is too long for a number; write for example {self.example}")
        try:
            number = self._parse(value)
        except UnitError as error:
            advice = "" if "write" in str(error) or "such as" in str(error) else f"; write for example {self.example}"
            raise UnitError(f"{error}{advice}".replace("?; w", "? W")) from None
        for bound, wrong, side in (
            (self.low, number < self._parse(self.low), "at least"),
            (self.high, number > self._parse(self.high), "at most"),
        ):
            if wrong:
                raise UnitError(
                    f"must be {side} {bound}, not {_number(value, number)}; write for example {self.example}"
                )
        if self.whole and number != math.floor(number):
            raise UnitError(f"must be a whole number, not {_number(value, number)}; write for example {self.example}")
        return int(number) if self.whole else number

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value, in SI."""
        return self._parse(self.low), self._parse(self.high)

    def _parse(self, value: Any) -> float:
        if not self.unit:
            return count(value)
        if isinstance(value, str) and self.unit == "1/s":
            value = re.sub(r"^([^\s/]+?)\s*(requests?)?/", r"\1 1/", value.strip())  # "5 requests/s", "5 /s"
        return parse(value, self.unit, self.example)

    def write(self, value: Any) -> Any:
        """The value in the user's notation: `read` gives back exactly `value`."""
        if not self.unit or isinstance(value, str):
            return value
        for unit in (self.example.partition(" ")[2], self.unit):
            for digits in (6, 12, 15, 16, 17):
                text = f"{value / self._parse(f'1 {unit}'):.{digits}g} {unit}"
                if self._parse(text) == value:
                    return text
        return f"{value!r} {self.unit}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(self.write)
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        if self.unit:
            return {"type": "string", "examples": [self.example], "$comment": f"{self.low} to {self.high}"}
        number = {
            "type": "integer" if self.whole else "number",
            "minimum": count(self.low),
            "maximum": count(self.high),
        }
        return {"anyOf": [number, {"type": "string", "pattern": "^[0-9]"}], "examples": [self.read(self.example)]}


@dataclass(frozen=True, slots=True)
class GridFigure(Figure):
    """A grid's carbon intensity, or the code of a grid in the catalog."""

    def read(self, value: Any) -> Any:
        """A code as it is, anything else as a quantity."""
        if isinstance(value, str) and value.strip()[:1].isalpha():
            return _text(value)
        return Figure.read(self, value)


def _number(value: Any, number: float) -> str:
    return repr(value.strip()) if isinstance(value, str) else f"{number:g}"


def _text(value: str) -> str:
    value = value.strip()
    if not value or len(value) > LONGEST_TEXT or not value.isprintable():
        raise ValueError(f"needs 1 to {LONGEST_TEXT} printable characters; write a name")
    return value


def section(key: str) -> BeforeValidator:
    """A section may be left empty, and may be one word that stands for {key: word}."""
    return BeforeValidator(lambda v: {} if v is None else {key: v} if key and isinstance(v, str) else v)


def either(tag: str, message: str, **keys: str) -> Discriminator:
    """Text is a name; a mapping is the thing itself, of another kind (tag) if it has one of `keys`."""

    def form(value: Any) -> str | None:
        if isinstance(value, dict | BaseModel):
            said = value if isinstance(value, dict) else type(value).model_fields
            return next((other for name, other in keys.items() if name in said), tag)
        return "text" if isinstance(value, str) else None

    return Discriminator(form, custom_error_type="form", custom_error_message=message)


Trained: TypeAlias = Literal["train", "finetune"]
TRAINING = get_args(Trained)  # of the kinds of work; all others answer requests
Text: TypeAlias = Annotated[StrictStr, AfterValidator(_text)]
Format: TypeAlias = Literal[
    "fp32", "tf32", "bf16", "fp16", "fp8", "fp8-block", "mxfp8", "nvfp4", "mxfp4", "int8", "int4"
]
Tokens: TypeAlias = Annotated[int, Figure("1e12", "1", "1e18", whole=True)]
Samples: TypeAlias = Annotated[int, Figure("1.28e6", "1", "1e15", whole=True)]
Length: TypeAlias = Annotated[int, Figure("8192", "1", "1e9", whole=True)]
Width: TypeAlias = Annotated[int, Figure("4096", "1", "1e7", whole=True)]
Heads: TypeAlias = Annotated[int, Figure("32", "1", "1e5", whole=True)]
_DEVICES = Figure("64", "1", "1e7", whole=True)
Devices: TypeAlias = Annotated[int, _DEVICES]
MOST_DEVICES = int(_DEVICES.bounds[1])
Degree: TypeAlias = Annotated[int, Figure("8", "1", "1e7", whole=True)]
Batch: TypeAlias = Annotated[int, Figure("1024", "1", "1e9", whole=True)]
Requests: TypeAlias = Annotated[int, Figure("1000", "1", "1e15", whole=True)]
Bandwidth: TypeAlias = Annotated[float, Figure("450 GB/s", "1 kB/s", "100 PB/s", "B/s")]
Power: TypeAlias = Annotated[float, Figure("700 W", "1 mW", "10 MW", "W")]


def figure(info: FieldInfo) -> Figure | None:
    """How the number in a field is written; None for a field that holds no number."""
    inner = (note for arm in get_args(info.annotation) for note in getattr(arm, "__metadata__", ()))
    return next((note for note in (*info.metadata, *inner) if isinstance(note, Figure)), None)


def choices(info: FieldInfo) -> tuple[str, ...]:
    """The names that a field may hold; none for one that holds a number or a section."""
    inner = get_args(info.annotation)
    if any(isinstance(arm, type) and issubclass(arm, Base) for arm in inner):
        return ()
    words = [word for arm in inner for word in ((arm,) if isinstance(arm, str) else get_args(arm))]
    return tuple(word for word in words if isinstance(word, str))


class Clash(ValueError):
    """Fields that each are fine and do not fit together: `found` holds (path below the section, message) pairs."""

    def __init__(self, found: list[tuple[str, str]]) -> None:
        self.found = found
        super().__init__("; ".join(message for _, message in found))


class Base(BaseModel):
    """What all sections share: unknown keys are errors, values do not change."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)

    def _clashes(self) -> Iterator[tuple[str, str]]:
        """Fields that do not fit together, with both names in the message."""
        yield from ()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if found := list(self._clashes()):
            raise Clash(found)
        return self


def flat(tree: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """What stands in mappings of mappings, by path."""
    for name, inner in tree.items():
        if isinstance(inner, dict):
            yield from flat(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", inner


def _by_path(value: Any) -> Any:
    """Numbers by path, from mappings of mappings or from paths: {costs: {rate: …}} and {costs.rate: …} are alike."""
    if not isinstance(value, dict | None):
        raise ValueError("needs a mapping, such as {costs: {rate: 150000 USD/person-year}}")
    found: dict[str, Any] = {}
    wrong = []
    for path, number in flat(value or {}):
        if path in found:
            wrong.append((path, "is given twice; remove one of them"))
        elif isinstance(number, bool) or not isinstance(number, str | numbers.Real | None):
            wrong.append((path, "needs a number, such as 1.2 or 10 minutes"))
        elif number is not None:
            found[path] = number
    if wrong:
        raise Clash(wrong)
    return found


Stated: TypeAlias = Annotated[dict[str, str | float], BeforeValidator(_by_path)]
