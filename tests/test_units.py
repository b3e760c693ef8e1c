"""Units, dimensions, and the operations that take every kind of number."""

import math

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from costmodel import ops
from costmodel.units import NONE, UNITS, Dim, UnitError, count, dimension, parse, shortened, unit


def dim(text):
    return unit(text)[1]


# Units.


@pytest.mark.parametrize(
    ("text", "size", "base"),
    [
        ("GB", 1e9, "B"),  # decimal: GB = 1e9
        ("GiB", 2**30, "B"),
        ("KiB", 1024, "B"),
        ("Gbit", 1.25e8, "B"),
        ("TB/s", 1e12, "B/s"),
        ("TFLOP/s", 1e12, "FLOP/s"),
        ("PFLOPs", 1e15, "FLOP"),
        ("kWh", 3.6e6, "J"),
        ("kW", 1e3, "J/s"),
        ("W", 1, "J/s"),
        ("gCO2e/kWh", 1e-3 / 3.6e6, "kg/J"),
        ("tCO2e", 1e3, "kg"),
        ("USD/h", 1 / 3600, "USD/s"),
        ("$/h", 1 / 3600, "USD/s"),
        ("USD/GB/month", 1e-9 / (365.25 * 86400 / 12), "USD/B/s"),
        ("USD/GB-month", 1e-9 / (365.25 * 86400 / 12), "USD/B/s"),  # a hyphen joins what is divided by
        ("person*h", 3600, "person*s"),
        ("people*h", 3600, "person*s"),
        ("1/s", 1, "1/s"),
        ("min", 60, "s"),
        ("%", 0.01, "1"),
        ("fraction", 1, "1"),
        (" TB / s ", 1e12, "B/s"),
    ],
)
def test_size_and_dimension(text, size, base):
    found, dimensions = unit(text)
    assert found == pytest.approx(size, rel=1e-15, abs=0)
    assert dimensions.powers == dim(base).powers


def test_every_unit_of_the_table_is_usable():
    for name in UNITS:
        assert unit(name)[0] > 0


@pytest.mark.parametrize("text", ["", "TB//s", "/s", "B/", "s*", "GB-", "USD/GB--month", "parsec", "kwh", "ZB"])
def test_malformed_and_unknown_units_are_refused(text):
    with pytest.raises(UnitError, match="unknown unit"):
        unit(text)


def test_an_unknown_unit_names_the_nearest():
    with pytest.raises(UnitError, match="unknown unit 'kwh'; did you mean 'kWh'"):
        unit("kwh")


# Quantities with a unit.


@pytest.mark.parametrize(
    ("text", "expected", "value"),
    [
        ("80 GB", "B", 80e9),
        ("80GB", "B", 80e9),
        ("  80 GB ", "B", 80e9),
        ("80 GiB", "B", 80 * 2**30),
        ("3.35 TB/s", "B/s", 3.35e12),
        ("1e3 GB", "B", 1e12),
        ("1_000 GB", "B", 1e12),
        (".5 GB", "B", 5e8),
        ("-5 GB", "B", -5e9),  # whether a negative one makes sense is for the field to say
        ("700 W", "J/s", 700),
        ("2.5 USD/h", "USD/s", 2.5 / 3600),
        ("90 min", "s", 5400),
        ("12 %", "1", 0.12),
    ],
)
def test_quantities(text, expected, value):
    assert parse(text, expected, "an example") == pytest.approx(value, rel=1e-15, abs=0)


@pytest.mark.parametrize("bare", [80, 80.0, None, True, [], {}, "80"])
def test_a_bare_number_is_told_how_to_write_it(bare):
    with pytest.raises(UnitError, match="needs a unit; write for example '80 GB'"):
        parse(bare, "B", "80 GB")


@pytest.mark.parametrize(
    ("text", "plain"), [("200,000 USD", "200000 USD"), ("-1,234,567 USD", "-1234567 USD"), ("20 000 USD", "20000 USD")]
)
def test_thousands_are_not_set_apart(text, plain):
    with pytest.raises(UnitError, match=f"sets thousands apart; write '{plain}'"):
        parse(text, "USD", "1 M USD")


HOSTILE_QUANTITIES = """GB|nan GB|inf GB|80 s|80 USD/h|80 GB/|80 G//B|1.2.3 GB|1,000 GB|0x10 GB|1e GB|1e400 GB
1e308 GB|1e999999 GB|80 GB GB|80; GB|80 GB\x00""".replace("\n", "|").split("|")


@pytest.mark.parametrize(
    "text", ["", "8" * 10_000 + " GB", "8 " + "GB" * 5_000, *HOSTILE_QUANTITIES], ids=lambda text: repr(text)[:20]
)
def test_hostile_quantities_are_refused(text):
    with pytest.raises(UnitError) as caught:
        parse(text, "B", "80 GB")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_the_wrong_dimension_shows_what_to_write():
    with pytest.raises(UnitError, match="'s' has the wrong dimension; write for example '80 GB'"):
        parse("80 s", "B", "80 GB")


@given(st.floats(1e-12, 1e15), st.sampled_from(sorted(UNITS)))
def test_quantities_round_trip(value, name):
    size, _ = unit(name)
    assert parse(f"{value!r} {name}", name, "") == pytest.approx(value * size, rel=1e-12, abs=0)


# Counts.


COUNTS = {64: 64, 1.5: 1.5, "1e12": 1e12, "2 T": 2e12, "2T": 2e12, "70 B": 70e9, "8k": 8e3, "12%": 0.12, "1_000": 1e3}


@pytest.mark.parametrize(("text", "value"), [*COUNTS.items(), (" 4 ", 4), ("-3", -3), ("2 P", 2e15)])
def test_counts(text, value):
    assert count(text) == pytest.approx(value, rel=1e-15, abs=0)
    assert isinstance(count(text), float)


NO_NUMBERS = (True, None, [], {}, b"1", 1j, math.nan, math.inf, -math.inf, 10**400)
HOSTILE_COUNTS = [" ", "nan", "inf", "4 x", "2 t", "1,000", "²", "0x10", "1e400", "--1", "1e", "__import__('os')"]


@pytest.mark.parametrize("text", [*NO_NUMBERS, "", "9" * 10_000, *HOSTILE_COUNTS], ids=lambda text: repr(text)[:20])
def test_hostile_counts_are_refused(text):
    with pytest.raises(UnitError) as caught:
        count(text)
    assert len(str(caught.value)) < 200


def test_a_count_as_answers_show_it_is_told_how_to_write_it():
    with pytest.raises(UnitError, match="'2,048' sets thousands apart; write '2048'"):
        count("2,048")


# Dimensions.

B, S = dim("B"), dim("s")


def test_dimensions_multiply_and_divide():
    assert (B / S).powers == dim("B/s").powers
    assert (B / S * S).powers == B.powers
    assert (2 * B).powers == (B * 2).powers == (B / 2).powers == (-B).powers == B.powers
    assert (1 / S).powers == dim("1/s").powers
    assert (B**2 / B).powers == B.powers
    assert (2 ** (S / S)).powers == NONE.powers
    assert dimension(3.0) is NONE


def test_like_dimensions_add_and_compare():
    for result in (B + B, B - B, B + 0, 0 + B, 0 - B, sum([B, B])):
        assert result.powers == B.powers
    for result in (B > B, B >= B, B < 0, B <= B):
        assert result is NONE
    assert (NONE + 1).powers == (1 - NONE).powers == NONE.powers


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: B + S, r"cannot add \[B\] and \[s\]"),
        (lambda: B - S, r"cannot add \[B\] and \[s\]"),
        (lambda: B + 1, r"cannot add \[B\] and a plain number"),
        (lambda: 1 + B, r"cannot add \[B\] and a plain number"),
        (lambda: B > S, r"cannot compare \[B\] and \[s\]"),
        (lambda: B > 1, r"cannot compare \[B\] and a plain number"),
        (lambda: 2**B, r"cannot use as an exponent \[B\]"),
        (lambda: NONE**B, r"cannot use as an exponent \[B\]"),
        (lambda: B**NONE, r"cannot raise to a variable power \[B\]"),
        (lambda: bool(B > B), r"must not branch on a quantity; use ops\.where"),
        (lambda: ops.log2(B), r"cannot take the log2 of \[B\]"),
        (lambda: ops.exp(B), r"cannot take the exp of \[B\]"),
        (lambda: ops.ceil(B), r"cannot take the ceiling of \[B\]"),
        (lambda: ops.maximum(B, S), r"cannot compare \[B\] and \[s\]"),
        (lambda: ops.minimum(1.0, B), r"cannot compare \[B\] and a plain number"),
        (lambda: ops.where(B > B, B, S), r"cannot compare \[B\] and \[s\]"),
        (lambda: ops.soft_maximum(2, B, S), r"cannot compare \[B\] and \[s\]"),
        (lambda: ops.soft_maximum(S, B, B), r"cannot use as an exponent \[s\]"),
        (lambda: ops.total({"a": B, "b": S}), r"cannot add \[B\] and \[s\]"),
    ],
)
def test_unlike_dimensions_are_refused(wrong, message):
    with pytest.raises(UnitError, match=message):
        wrong()


def test_operations_keep_dimensions():
    for result in (ops.maximum(B, B), ops.minimum(B, 0), ops.maximum(0, B), ops.where(B > 0, 0, B)):
        assert result.powers == B.powers
    assert ops.soft_maximum(NONE, B, B).powers == B.powers
    assert ops.total({"a": B, "b": B}).powers == B.powers
    assert ops.sqrt(dim("B*B")).powers == B.powers
    assert ops.ceil(B / B).powers == ops.where(B > B, 1, 2).powers == NONE.powers


def test_dimensions_can_be_read():
    assert str(dim("FLOP")) == "FLOP"
    assert str(NONE) == "1"
    assert str(Dim(tuple(2 * p for p in S.powers))) == "s^2"
    assert "B^-1" in str(dim("USD/B"))


# Operations on every kind of number.

x, y = sympy.symbols("x y", positive=True)
PAIRS = [(1.0, 2.0), (2.0, 1.0), (3.0, 3.0), (0.25, 7.5)]
OF_TWO = {
    "maximum": ops.maximum,
    "minimum": ops.minimum,
    "where": lambda a, b: ops.where(a > b, a, 10 * b),
    "soft maximum 1": lambda a, b: ops.soft_maximum(1, a, b),
    "soft maximum 2": lambda a, b: ops.soft_maximum(2, a, b),
    "soft maximum 1/2": lambda a, b: ops.soft_maximum(0.5, a, b),
    "soft maximum 3": lambda a, b: ops.soft_maximum(3, a, b),
    "soft maximum of a power": lambda a, b: ops.soft_maximum(a, a, b),
    "ceil": lambda a, b: ops.ceil(a / b),
    "floor": lambda a, b: ops.floor(a / b),
    "log2": lambda a, b: ops.log2(a * b),
    "exp": lambda a, b: ops.exp(a - b),
    "sqrt": lambda a, b: ops.sqrt(a * b),
}


@pytest.mark.parametrize("function", OF_TWO.values(), ids=OF_TWO.keys())
def test_floats_arrays_and_symbols_agree(function):
    floats = [function(a, b) for a, b in PAIRS]
    assert all(type(value) in (int, float) for value in floats)
    a, b = np.array(PAIRS).T
    assert function(a, b) == pytest.approx(floats, rel=1e-14)
    assert function(a[:, None], b).shape == (4, 4)
    assert function(a[:1], b[:1]).shape == (1,)
    symbolic = [function(x, y).subs({x: a, y: b}) for a, b in PAIRS]
    assert [float(value) for value in symbolic] == pytest.approx(floats, rel=1e-12)


def test_known_values():
    assert (ops.maximum(1, 2), ops.minimum(1, 2)) == (2, 1)
    assert (ops.ceil(2.1), ops.ceil(-2.1), ops.floor(2.9), ops.floor(-2.1)) == (3, -2, 2, -3)
    assert ops.log2(8) == 3
    assert ops.sqrt(9) == 3
    assert ops.exp(0) == 1
    assert ops.where(True, 1, 2) == 1
    assert ops.where(False, 1, 2) == 2
    assert ops.soft_maximum(2, 3.0, 4.0) == 5
    assert ops.soft_maximum(1, 3.0, 4.0) == 7
    assert ops.soft_maximum(0.5, 4.0, 9.0) == 25
    assert ops.soft_maximum(3, 3.0, 4.0, 5.0) == pytest.approx(6)  # 27 + 64 + 125 = 216
    assert ops.total({"a": 1.5, "b": 2}) == 3.5


def test_rounding_forgives_the_last_digits():
    above, below = 0.1 * 3 / 0.1, 0.3 / 0.1  # three, and float noise
    assert below < 3 < above
    assert (ops.ceil(above), ops.floor(below)) == (3, 3)
    assert list(ops.ceil(np.array([above, 3.001]))) == [3, 4]
    assert list(ops.floor(np.array([below, 2.999]))) == [3, 2]


def test_numpy_scalars_stay_scalars():
    for value in (
        ops.where(np.float64(1) > 0, 1.0, 2.0),
        ops.maximum(np.float64(1), 2.0),
        ops.ceil(np.float64(1.5)),
        ops.soft_maximum(2, np.float64(3), 4.0),
    ):
        assert np.ndim(value) == 0
        assert isinstance(value, float)


@given(st.floats(1.0, 20.0), st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=5))
def test_soft_maximum_lies_between_the_maximum_and_the_sum(power, terms):
    joined = ops.soft_maximum(power, *terms)
    assert max(terms) * (1 - 1e-9) <= joined <= sum(terms) * (1 + 1e-9)


def test_counts_are_shortened_without_exponents():
    assert [shortened(x, 2) for x in (8e8, 3.2e11, 1234.0, 123.0)] == ["800 M", "320 B", "1.2 k", "120"]
