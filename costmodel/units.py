"""Units: what a quantity is measured in, "80 GB" → 80e9, and dimension checks.

Everything inside the product is in SI (seconds, bytes, FLOP, joules, kilograms, USD); units appear
only at the edges. A byte, a floating-point operation, a dollar and a person are base units here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, TypeAlias

BASE = ("s", "B", "FLOP", "J", "USD", "kg", "person")

# A formula takes any of these: float, NumPy array, SymPy symbol, Dim, Node. No static type covers them.
Number: TypeAlias = Any

Count = Annotated[Number, "1"]
Fraction = Annotated[Number, "fraction"]
Seconds = Annotated[Number, "s"]
Bytes = Annotated[Number, "B"]
Flop = Annotated[Number, "FLOP"]
FlopPerSecond = Annotated[Number, "FLOP/s"]
FlopPerByte = Annotated[Number, "FLOP/B"]
BytesPerSecond = Annotated[Number, "B/s"]
Joules = Annotated[Number, "J"]
Watts = Annotated[Number, "W"]
Usd = Annotated[Number, "USD"]
UsdPerSecond = Annotated[Number, "USD/s"]
UsdPerJoule = Annotated[Number, "USD/J"]
UsdPerByteSecond = Annotated[Number, "USD/B/s"]
UsdPerPersonSecond = Annotated[Number, "USD/person/s"]
Kilograms = Annotated[Number, "kg"]
KilogramsPerJoule = Annotated[Number, "kg/J"]
People = Annotated[Number, "person"]
PerSecond = Annotated[Number, "1/s"]

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
YEAR = 365.25 * DAY
MONTH = YEAR / 12


class UnitError(ValueError):
    """Text that is no quantity, or a quantity of another dimension. The message says what to write."""


def _table() -> dict[str, tuple[float, str]]:
    """Every accepted unit: its size in SI and its base dimension."""
    units: dict[str, tuple[float, str]] = {"1": (1.0, ""), "fraction": (1.0, ""), "%": (0.01, "")}
    units |= {"s": (1.0, "s"), "ms": (1e-3, "s"), "us": (1e-6, "s"), "ns": (1e-9, "s")}
    for names, seconds in (
        (("min", "minute", "minutes"), MINUTE),
        (("h", "hour", "hours"), HOUR),
        (("day", "days", "d"), DAY),
        (("week", "weeks"), 7 * DAY),
        (("month", "months"), MONTH),
        (("year", "years"), YEAR),
    ):
        units |= dict.fromkeys(names, (seconds, "s"))
    for power, prefix in enumerate(("", "k", "M", "G", "T", "P", "E")):
        size = 1000.0**power
        units[f"{prefix}B"] = (size, "B")
        units[f"{prefix}bit"] = (size / 8, "B")
        units[f"{prefix}FLOP"] = (size, "FLOP")
        units[f"{prefix}FLOPs"] = (size, "FLOP")
        if prefix:
            units[f"{prefix.upper()}iB"] = (1024.0**power, "B")
        if prefix in ("", "k", "M", "G", "T"):
            units[f"{prefix}J"] = (size, "J")
            units[f"{prefix}W"] = (size, "W")
            units[f"{prefix}Wh"] = (size * HOUR, "J")
    units |= {"KB": (1e3, "B"), "mW": (1e-3, "W"), "kg": (1.0, "kg"), "g": (1e-3, "kg"), "t": (1e3, "kg")}
    units |= {"kgCO2e": (1.0, "kg"), "gCO2e": (1e-3, "kg"), "tCO2e": (1e3, "kg")}
    units |= {"USD": (1.0, "USD"), "$": (1.0, "USD"), "person": (1.0, "person"), "people": (1.0, "person")}
    return units


UNITS = _table()
COUNT_SUFFIXES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12, "P": 1e15, "%": 0.01}
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[, ']\d{3})+(?!\d)")  # as answers print numbers, and none is read
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?")


@dataclass(frozen=True, slots=True, eq=False)
class Dim:
    """A number of which only the dimension is known: the unit-check reading of a formula.

    `powers` are the exponents of `BASE`. Adding or comparing unlike dimensions raises UnitError;
    a literal zero fits any dimension, since nothing of anything is nothing.
    """

    powers: tuple[float, ...]

    def __mul__(self, other: Number) -> Dim:
        return Dim(tuple(a + b for a, b in zip(self.powers, dimension(other).powers, strict=True)))

    def __truediv__(self, other: Number) -> Dim:
        return Dim(tuple(a - b for a, b in zip(self.powers, dimension(other).powers, strict=True)))

    def __rtruediv__(self, other: Number) -> Dim:
        return dimension(other) / self

    def __pow__(self, exponent: Number) -> Dim:
        if isinstance(exponent, Dim):
            exponent.plain("use as an exponent")
            return self.plain("raise to a variable power")
        return Dim(tuple(a * exponent for a in self.powers))

    def __rpow__(self, base: Number) -> Dim:
        return self.plain("use as an exponent")

    def plain(self, verb: str) -> Dim:
        """This dimension, after checking that it is none."""
        if any(self.powers):
            raise UnitError(f"cannot {verb} [{self}]")
        return self

    def same(self, other: Number, verb: str = "add") -> Dim:
        """This dimension, after checking that `other` has it too."""
        if isinstance(other, Dim):
            if self.powers != other.powers:
                raise UnitError(f"cannot {verb} [{self}] and [{other}]")
        elif other != 0 and any(self.powers):
            raise UnitError(f"cannot {verb} [{self}] and a plain number")
        return self

    def __neg__(self) -> Dim:
        return self

    def _compare(self, other: Number) -> Dim:
        self.same(other, "compare")
        return NONE

    __rmul__ = __mul__
    __add__ = __radd__ = __sub__ = __rsub__ = same
    __gt__ = __ge__ = __lt__ = __le__ = _compare

    def __bool__(self) -> bool:
        raise UnitError("a formula must not branch on a quantity; use ops.where")

    def __str__(self) -> str:
        named = [(name, p) for name, p in zip(BASE, self.powers, strict=True) if p]
        return " ".join(name if p == 1 else f"{name}^{p:g}" for name, p in named) or "1"


NONE = Dim((0.0,) * len(BASE))


def dimension(value: Number) -> Dim:
    """The dimension of `value`: its own for a Dim, none for a plain number."""
    return value if isinstance(value, Dim) else NONE


@lru_cache(maxsize=512)
def unit(text: str) -> tuple[float, Dim]:
    """Size in SI and dimension of a unit such as "TB/s", "USD/GB/month" or "person*h".

    Raises UnitError with the nearest known names.
    """
    size, dim = 1.0, NONE
    for sign, product in re.findall(r"([*/])([^*/]*)", "*" + text.replace(" ", "")):
        for name in product.split("-"):  # "USD/GB-month" divides by the whole product
            scale, factor = _simple(name)
            size = size / scale if sign == "/" else size * scale
            dim = dim / factor if sign == "/" else dim * factor
    return size, dim


def _simple(name: str) -> tuple[float, Dim]:
    if name not in UNITS:
        raise UnitError(f"unknown unit {_short(name)}{_nearest(name)}")
    scale, base = UNITS[name]
    powers = {"J": 1.0, "s": -1.0} if base == "W" else {base: 1.0}
    return scale, Dim(tuple(powers.get(b, 0.0) for b in BASE))


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, UNITS, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(c) for c in close)}?" if close else ""


def shortened(value: float, digits: int = 3) -> str:
    """A count as people write it, so that `count` reads it: "589 B"."""
    for suffix in ("T", "B", "M", "k"):
        if abs(value) >= 0.9995 * COUNT_SUFFIXES[suffix]:
            return f"{float(f'{value / COUNT_SUFFIXES[suffix]:.{digits}g}'):g} {suffix}"  # 320, not 3.2e+02
    return f"{float(f'{value:.{digits}g}'):g}"


def counted(number: int | str, noun: str) -> str:
    """A count, or one as it is shown, with its noun: "1 point", "1,024 points"."""
    shown = number if isinstance(number, str) else f"{number:,}"
    return f"{shown} {noun}" if shown == "1" else f"{shown} {noun}s"


def count(text: object) -> float:
    """A dimensionless number: 1000000, "1e12", "2 T", "70 B", "12%".

    Raises UnitError if it is no finite number.
    """
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        raise UnitError("needs a number such as 64, 1e12 or '2 T'")
    if isinstance(text, str):
        _ungrouped(text.strip())
        match = _NUMBER.match(text.strip())
        suffix = text.strip()[match.end() :].strip() if match else ""
        if not match or suffix not in COUNT_SUFFIXES:
            raise UnitError(f"{_short(text)} is not a number; write for example 64, 1e12 or '2 T'")
        text = float(match.group().replace("_", "")) * COUNT_SUFFIXES[suffix]
    try:
        value = float(text)
    except OverflowError:
        value = float("inf")
    if value != value or value in (float("inf"), float("-inf")):
        raise UnitError("is not a finite number")
    return value


def parse(text: object, expected: str, example: str) -> float:
    """The SI value of a quantity with a unit, such as parse("80 GB", "B", "80 GB") = 80e9; "5 M USD" too.

    Raises UnitError for a bare number, an unknown unit or another dimension; the message shows `example`.
    """
    if not isinstance(text, str):
        raise UnitError(f"needs a unit; write for example '{example}'")
    text = text.strip()
    _ungrouped(text)
    match = _NUMBER.match(text)
    if not match:
        raise UnitError(f"{_short(text)} is not a quantity; write for example '{example}'")
    name = text[match.end() :].strip()
    if not name:
        raise UnitError(f"needs a unit; write for example '{example}'")
    suffix, _, rest = name.partition(" ")
    times, name = (COUNT_SUFFIXES[suffix], rest) if suffix in COUNT_SUFFIXES and rest[:1].isalpha() else (1.0, name)
    size, dim = unit(name)
    if dim.powers != unit(expected)[1].powers:
        raise UnitError(f"{_short(name)} has the wrong dimension; write for example '{example}'")
    return count(float(match.group().replace("_", "")) * times * size)


def _ungrouped(text: str) -> None:
    """Raises UnitError where thousands are set apart, such as "200,000 USD"."""
    if found := _GROUPED.match(text):
        plain = re.sub("[, ']", "", found.group()) + text[found.end() :]
        raise UnitError(f"{_short(text)} sets thousands apart; write {_short(plain)}")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")
