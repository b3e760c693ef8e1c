"""Numbers as people write them: 21.3 days, 83 k USD, 1.2 GWh."""

from __future__ import annotations

from collections.abc import Sequence

from costmodel.job import Assumption
from costmodel.units import DAY, HOUR, YEAR, shortened

SCALES = {
    "s": (
        (1e-9, "ns"),
        (1e-6, "µs"),
        (1e-3, "ms"),
        (1.0, "s"),
        (60.0, "min"),
        (HOUR, "h"),
        (DAY, "days"),
        (YEAR, "years"),
    ),
    "J": tuple((HOUR * 1000.0**p, f"{prefix}Wh") for p, prefix in enumerate(("", "k", "M", "G", "T"))),
    "kg": ((1e-3, "g CO2e"), (1.0, "kg CO2e"), (1e3, "t CO2e"), (1e6, "kt CO2e")),
    "USD": ((1.0, "USD"), (1e3, "k USD"), (1e6, "M USD"), (1e9, "bn USD")),
    "B": tuple((1000.0**p, f"{prefix}B") for p, prefix in enumerate(("", "k", "M", "G", "T", "P", "E"))),
    "B/s": tuple((1000.0**p, f"{prefix}B/s") for p, prefix in enumerate(("", "k", "M", "G", "T", "P"))),
    "FLOP": tuple((1000.0**p, f"{prefix}FLOP") for p, prefix in enumerate(("", "k", "M", "G", "T", "P", "E"))),
    "FLOP/s": tuple((1000.0**p, f"{prefix}FLOP/s") for p, prefix in enumerate(("", "k", "M", "G", "T", "P", "E"))),
    "W": ((1.0, "W"), (1e3, "kW"), (1e6, "MW")),
    "B*month": tuple((1000.0**p, f"{prefix}B-months") for p, prefix in enumerate(("", "k", "M", "G", "T", "P"))),
    "person*h": ((1.0, "hours"), (1e3, "k hours"), (1e6, "M hours")),
    "USD/s": ((1 / HOUR, "USD/h"),),
    "USD/J": ((1 / (1000 * HOUR), "USD/kWh"),),
    "kg/J": ((1e-3 / (1000 * HOUR), "g/kWh"),),
    "USD/B": ((1e-9, "USD/GB"),),
    "Hz": ((1e6, "MHz"), (1e9, "GHz")),
    "USD/B/s": ((1 / (1e9 * YEAR / 12), "USD/GB-month"),),
    "USD/person/s": ((1 / YEAR, "USD/person-year"),),
    "1/s": ((1.0, "/s"), (1e3, "k/s"), (1e6, "M/s")),
    "1": ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T"), (1e15, "×10¹⁵"), (1e18, "×10¹⁸")),
    "person": ((1.0, "people"),),
    "fraction": ((1.0, ""),),
}
SMALL = 1e-5  # below which a number has an exponent
ONE = {"1 days": "1 day", "1 years": "1 year", "1 hours": "1 hour", "1 people": "1 person"}
ONE |= {f"1 {name}": f"1 {name.removesuffix('s')}" for _, name in SCALES["B*month"]}


def show(value: float, unit: str, digits: int = 3) -> str:
    """A number in SI with its unit, scaled for reading."""
    if unit == "1" and abs(value) < 100_000 and value == int(value):
        return f"{int(value):,}"
    size, name = scale(value, unit)
    text = f"{number(value / size, digits)} {name}".rstrip()
    return ONE.get(text, text)


def interval(low: float, high: float, unit: str, value: float | None = None) -> str:
    """A range, "17–27 days", in the unit of the value that stands beside it, or else of its middle.

    Two digits, or three where two would round an end past the value.
    """
    size, name = scale((abs(low * high) ** 0.5 or high) if value is None else value, unit)
    low, high = low / size, high / size
    past = value is not None and not float(f"{low:.2g}") <= float(f"{value / size:.3g}") <= float(f"{high:.2g}")
    digits = 3 if past else 2
    return f"{number(low, digits)}–{number(high, digits)} {name}".rstrip()


def with_range(value: float, low: float, high: float, unit: str) -> str:
    """A number and its range, both in one unit: "20.1 days (17–27 days)"."""
    return f"{show(value, unit)} ({interval(low, high, unit, value)})"


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits and no exponent where it is not needed."""
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    if "e" not in text or abs(value) < SMALL:
        return text
    if abs(value) < 1:
        return f"{float(text):.9f}".rstrip("0")
    return f"{float(text):,.0f}" if abs(value) < 1e6 else shortened(value, digits)


def scale(value: float, unit: str) -> tuple[float, str]:
    """The unit that a value is best read in: its size in SI, and its name."""
    magnitude, scales = abs(value) or 1.0, SCALES.get(unit, ((1.0, unit),))  # nothing is 0 s, not 0 ns
    fitting = [scale for scale in scales if magnitude >= 0.9995 * scale[0]]
    return fitting[-1] if fitting else scales[0]


def scaled(values: Sequence[float | None], unit: str) -> tuple[list[float | None], str]:
    """Numbers in the one unit that the largest of them is best read in, and its name; counts stay as they are."""
    size, name = (1.0, "") if unit == "1" else scale(max((abs(v) for v in values if v is not None), default=0.0), unit)
    return [None if value is None else value / size for value in values], name


def range_of(assumption: Assumption) -> str:
    """The 80 % range of an assumption; empty where it has none."""
    low, high = assumption.low, assumption.high
    return "" if low is None or high is None else interval(low, high, assumption.unit, assumption.value)
