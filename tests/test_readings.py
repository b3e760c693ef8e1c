"""The readings and the trace, on small formulas that stay out of the registry."""

import math
import subprocess
import sys

import numpy as np
import pytest
import sympy

from costmodel import ops, readings, trace
from costmodel.formula import Formula, load_all, registry
from costmodel.formula import formula as register
from costmodel.units import Bytes, BytesPerSecond, Count, Fraction, Number, Seconds, UnitError


def made(function):
    return Formula(function, "x", "definition", ())


@made
def ring(payload: Bytes, ranks: Count, bandwidth: BytesPerSecond, latency: Seconds = 5e-6) -> Seconds:
    """Time of a ring."""
    hops = 2 * (ranks - 1)
    return hops * (payload / ranks / bandwidth + latency)


@made
def step(payload: Bytes, ranks: Count, compute: Seconds, bandwidth: BytesPerSecond, alpha: Fraction) -> Seconds:
    """Time of a step."""
    transfer = ring(payload, ranks, bandwidth=bandwidth)
    joined = ops.soft_maximum(2, compute, transfer)
    return ops.where(ranks > 1, joined, compute) * (1 - alpha) ** -2 - ops.ceil(alpha) * compute


RING = {"payload": 2e9, "ranks": 8, "bandwidth": 4.5e11}
STEP = {"payload": 2e9, "ranks": 8, "compute": 0.01, "bandwidth": 4.5e11, "alpha": 0.5}


def test_text_with_names():
    assert readings.text(ring) == [
        "hops = 2 × (ranks - 1)",
        "ring = hops × (payload / ranks / bandwidth + latency)",
    ]


def test_text_with_numbers_can_be_followed_by_hand():
    # 2 · 7 = 14; 14 · (2e9 / 8 / 4.5e11 + 5e-6) = 14 · (5.5556e-4 + 5e-6) = 7.848e-3
    assert readings.text(ring, RING) == [
        "hops = 2 × (8 - 1) = 14",
        "ring = 14 × (2e9 / 8 / 450e9 + 5e-6) = 0.007848 s",
    ]


def test_a_called_formula_gets_its_own_line():
    assert readings.text(step)[0] == "transfer = ring(payload, ranks, bandwidth = bandwidth)"
    assert readings.text(step, STEP) == [
        "ring(2e9, 8, bandwidth = 450e9) = 0.007848 s",
        "transfer = 0.007848",
        "joined = (0.01^2 + 0.007848^2)^(1 / 2) = 0.01271",
        "step = (if 8 > 1 then 0.01271 else 0.01) × (1 - 0.5)^(-2) - ceil(0.5) × 0.01 = 0.04085 s",
    ]


def test_latex():
    assert readings.latex(ring) == (
        "\\begin{aligned}\n"
        "\\mathrm{hops} &= 2 \\cdot \\left(\\mathrm{ranks} - 1\\right) \\\\\n"
        "x &= \\mathrm{hops} \\cdot \\left(\\frac{\\mathrm{payload}}{\\mathrm{ranks} \\cdot "
        "\\mathrm{bandwidth}} + \\mathrm{latency}\\right)\n"
        "\\end{aligned}"
    )
    shown = readings.latex(step, STEP)
    for piece in (r"\begin{cases}", r"\left\lceil 0.5 \right\rceil", r"{0.007848}^{2}", r"450 \times 10^{9}"):
        assert piece in shown
    assert r"\alpha" in readings.latex(step)


def test_precedence_survives_the_writing():
    @made
    def nested(a: Count, b: Count, c: Count) -> Count:
        """All that needs parentheses."""
        return a - (b - c) + a / (b * c) + (a + b) * c + (a * b) ** c + -(a + b) + a / (b / c) + (-a) ** 2

    assert readings.text(nested) == [
        "nested = a - (b - c) + a / (b × c) + (a + b) × c + (a × b)^c + -(a + b) + a / (b / c) + (-a)^2"
    ]
    (shown,) = readings.text(nested, {"a": -2.0, "b": 3.0, "c": 2.0})
    assert shown == (
        "nested = -2 - (3 - 2) + (-2) / (3 × 2) + (-2 + 3) × 2 + ((-2) × 3)^2 + -(-2 + 3) + (-2) / (3 / 2) + (-(-2))^2"
        " = 36.33"  # -2 - 1 - 1/3 + 2 + 36 - 1 - 4/3 + 4
    )


def test_divisions_in_a_row_are_one_fraction():
    @made
    def share(a: Count, b: Count, c: Count) -> Count:
        """A share of a share."""
        return a / (b + c) / b

    assert r"x &= \frac{a}{\left(b + c\right) \cdot b}" in readings.latex(share)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, ("0", 0)),
        (-3, ("-3", 0)),
        (101770, ("101770", 0)),  # whole numbers below a million in full
        (2770634, ("2.771", 6)),
        (999_999.6, ("1", 6)),
        (123_456.7, ("123500", 0)),
        (0.1 + 0.2, ("0.3", 0)),
        (0.000999, ("999", -6)),
        (4.5e11, ("450", 9)),
        (-2.5e-7, ("-250", -9)),
        (1e300, ("1", 300)),
        (math.inf, ("inf", 0)),
    ],
)
def test_numbers(value, shown):
    assert readings.number(value) == shown


def test_text_refuses_missing_and_unknown_arguments():
    with pytest.raises(ValueError, match="check bandwidth"):
        readings.text(ring, {"payload": 1.0, "ranks": 2.0})
    with pytest.raises(ValueError, match="check speed"):
        readings.text(ring, RING | {"speed": 1.0})


def test_solve_returns_the_argument():
    time = ring(**RING)
    (found,) = readings.solve(ring, "bandwidth", time)
    point = {sympy.Symbol(name, positive=True): value for name, value in (RING | ring.defaults).items()}
    assert float(found.subs(point)) == pytest.approx(4.5e11, rel=1e-6)


def test_solve_says_when_it_cannot():
    @made
    def transcendental(a: Count) -> Count:
        """No closed form."""
        return ops.exp(a) + a**3

    @made
    def above_one(a: Count) -> Count:
        """More than one."""
        return a + 1

    for formula, value in ((transcendental, 5), (above_one, 0)):
        with pytest.raises(ValueError, match="cannot be solved for a in closed form"):
            readings.solve(formula, "a", value)


def test_derivative_refuses_an_unknown_argument():
    with pytest.raises(ValueError, match="has no argument 'speed'; it has payload, ranks"):
        readings.derivative(ring, "speed")


def test_sample_stays_plausible():
    rng = np.random.default_rng(1)
    for _ in range(200):
        values = readings.sample(step, rng)
        assert 0.05 <= values["alpha"] <= 0.95
        assert all(2 <= v <= 50 for name, v in values.items() if name != "alpha")
    assert readings.sample(ring, rng)["latency"] == 5e-6


def test_units_of_sound_formulas_hold():
    readings.check_units(ring)
    readings.check_units(step)


def test_unlike_units_are_refused():
    @made
    def wrong(a: Bytes, b: Seconds) -> Seconds:
        """Bytes and seconds."""
        return a + b

    with pytest.raises(UnitError, match=r"wrong: cannot add \[B\] and \[s\]"):
        readings.check_units(wrong)


def test_a_wrong_annotation_is_refused():
    @made
    def wrong(a: Bytes, b: BytesPerSecond) -> Bytes:
        """A time, not bytes."""
        return a / b

    with pytest.raises(UnitError, match=r"wrong: the body gives \[s\], the annotation says \[B\]"):
        readings.check_units(wrong)


def test_a_plain_constant_with_a_dimension_is_refused():
    @made
    def wrong(a: Seconds) -> Seconds:
        """A hidden constant."""
        return a + 5e-6

    with pytest.raises(UnitError, match="plain number"):
        readings.check_units(wrong)


def test_a_call_with_the_wrong_unit_is_refused_even_if_the_result_fits():
    @made
    def wrong(a: Seconds, ranks: Count, rate: BytesPerSecond) -> Seconds:
        """A call whose two faults would cancel."""
        return ring(a, ranks, a / a)

    with pytest.raises(UnitError, match=r"takes payload in \[B\], not \[s\]"):
        readings.check_units(wrong)


def test_branches_are_refused():
    @made
    def branch(a: Count, b: Count) -> Count:
        """A branch."""
        if a > b:
            return a
        return b

    with pytest.raises(UnitError, match=r"must not branch on a quantity; use ops\.where"):
        readings.check_units(branch)
    with pytest.raises(ValueError, match="assignments of one name and, last, one return"):
        readings.check_body(branch)


LIMIT = 3.0
REFUSED = []


@REFUSED.append
def global_constant(a: Count) -> Count:
    return a + LIMIT


@REFUSED.append
def attribute(a: Count) -> Count:
    return a.real


@REFUSED.append
def other_function(a: Count) -> Count:
    return math.sqrt(a)


@REFUSED.append
def builtin(a: Count, b: Count) -> Count:
    return max(a, b)


@REFUSED.append
def conditional(a: Count, b: Count) -> Count:
    return a if b else b


@REFUSED.append
def chained(a: Count, b: Count) -> Count:
    return ops.where(1 < a < b, a, b)


@REFUSED.append
def equality(a: Count, b: Count) -> Count:
    return ops.where(a == b, a, b)


@REFUSED.append
def condition_as_number(a: Count, b: Count) -> Count:
    return (a > b) * a


@REFUSED.append
def named_ops_argument(a: Count) -> Count:
    return ops.ceil(x=a)


@REFUSED.append
def remainder(a: Count, b: Count) -> Count:
    return a % b


@REFUSED.append
def text(a: Count) -> Count:
    return a * "2"


@REFUSED.append
def boolean(a: Count) -> Count:
    return a * True


@REFUSED.append
def two_targets(a: Count) -> Count:
    b = c = a
    return b + c


@REFUSED.append
def augmented(a: Count) -> Count:
    b = a
    b += 1
    return b


@REFUSED.append
def no_return(a: Count) -> Count:
    b = a + 1  # noqa: F841


@REFUSED.append
def starred(*a: Count) -> Count:
    return ops.maximum(*a)


@REFUSED.append
def unknown_operation(a: Count) -> Count:
    return ops.total(a)


@pytest.mark.parametrize("function", REFUSED, ids=lambda f: f.__name__)
def test_bodies_outside_the_grammar_are_refused(function):
    with pytest.raises(ValueError, match="a formula's body takes"):
        readings.check_body(made(function))


def test_traced_values_carry_formula_and_inputs():
    with trace.tracing():
        node = step(**STEP)
    assert node == step(**STEP)
    assert isinstance(node, trace.Node)
    assert node.formula is step
    assert node.inputs == STEP
    assert not isinstance(step(**STEP), trace.Node)


def test_a_trace_reaches_all_that_a_number_was_made_from():
    with trace.tracing():
        inner = ring(2e9, 8, bandwidth=4.5e11)
        outer = ops.total({"ring": inner, "rest": 1.0})
    assert outer == inner + 1.0
    assert outer.inputs["ring"] is inner
    assert inner.inputs["latency"] == 5e-6  # the constant is an input too
    assert list(trace.nodes([outer, inner, 1.0])).count(inner) == 1
    assert set(map(id, trace.nodes([outer]))) == {id(outer), id(inner)}


def test_tracing_ends_with_its_block():
    with pytest.raises(RuntimeError), trace.tracing():
        raise RuntimeError
    assert not trace.active


def test_a_name_is_taken_once():
    name = next(iter(load_all()))
    before = registry[name]

    def other(a: Count) -> Count:
        """Another."""
        return a

    other.__name__ = name
    with pytest.raises(ValueError, match=f"two formulas are called {name}"):
        register("x", source="definition")(other)
    assert registry[name] is before


def test_values_of_a_formula_that_takes_another_kind_of_number():
    from fractions import Fraction as Rational

    @made
    def half(a: Number) -> Number:
        """Half."""
        return a / 2

    assert half(Rational(1, 3)) == Rational(1, 6)


def test_importing_the_readings_does_not_import_sympy():
    code = "import sys, costmodel.readings; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
