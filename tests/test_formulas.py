"""Every registered formula in every reading; tests/test_readings.py tests the readings themselves."""

import ast
import csv
import inspect
import math
import random
from pathlib import Path

import numpy as np
import pytest
import sympy

import costmodel
from costmodel import readings
from costmodel.formula import load_all

REGISTRY = load_all()
BIBLIOGRAPHY = Path(costmodel.__file__).parent / "catalog" / "data" / "bibliography.csv"
KINKS = (sympy.ceiling, sympy.floor, sympy.Piecewise, sympy.Max, sympy.Min)

every = pytest.mark.parametrize("formula", REGISTRY.values(), ids=REGISTRY.keys())


def arguments(formula, seed=0):
    """A sample at which the formula has a finite real value: some are defined on a part of the sampled box."""
    rng = random.Random(f"{formula.name} {seed}")
    for _ in range(100):
        values = readings.sample(formula, rng)
        try:
            result = formula(**values)
        except (ArithmeticError, ValueError):
            continue
        if not isinstance(result, complex) and math.isfinite(result):
            return values
    pytest.fail(f"{formula.name} has no finite value at 100 samples; give its arguments units that bound them")


def evaluated(expression, values):
    """A SymPy expression at a point."""
    point = {sympy.Symbol(name, positive=True): sympy.Float(value, 30) for name, value in values.items()}
    return float(sympy.sympify(expression).xreplace(point).evalf(20))


def balanced(text):
    """Whether every brace of a LaTeX text is closed."""
    depth = 0
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0 and text.count(r"\left") == text.count(r"\right")


# Every formula of the package.


def test_there_are_formulas():
    assert len(REGISTRY) > 40


@every
def test_arguments_are_annotated(formula):
    assert list(formula.arguments) == list(inspect.signature(formula.function).parameters)
    assert formula.unit


@every
def test_docstring_says_what_it_is(formula):
    assert formula.summary.endswith("."), f"first line of the docstring is no sentence: {formula.summary!r}"
    assert len(formula.summary.split()) >= 3


@every
def test_body_keeps_to_the_grammar(formula):
    readings.check_body(formula)


@every
def test_units_hold(formula):
    readings.check_units(formula)


@every
def test_float_array_and_symbol_agree(formula):
    rows = [arguments(formula, seed) for seed in range(3)]
    floats = [formula(**row) for row in rows]
    assert all(isinstance(value, int | float) for value in floats)

    for chosen in (rows, rows[:1]):
        columns = {
            name: formula.defaults.get(name, np.array([row[name] for row in chosen])) for name in formula.arguments
        }
        assert np.broadcast_to(formula(**columns), len(chosen)) == pytest.approx(floats[: len(chosen)], rel=1e-12)

    symbolic = readings.expression(formula)
    for row, value in zip(rows, floats, strict=True):
        assert evaluated(symbolic, row) == pytest.approx(value, rel=1e-8, abs=1e-12)


@every
def test_derivatives_match_finite_differences(formula):
    if getattr(readings.expression(formula), "has", lambda *_: False)(*KINKS):
        pytest.skip("has kinks")
    values = arguments(formula)
    here = formula(**values)
    for name, x in values.items():
        step = 1e-5 * x
        difference = (formula(**values | {name: x + step}) - formula(**values | {name: x - step})) / (2 * step)
        scale = max(abs(difference), abs(here / x))
        assert evaluated(readings.derivative(formula, name), values) == pytest.approx(difference, abs=1e-5 * scale)


@every
def test_text_and_latex_show_the_numbers(formula):
    values = arguments(formula)
    result, _ = readings.number(formula(**values))
    body = ast.parse(inspect.cleandoc(inspect.getsource(formula.function))).body[0]
    used = {node.id for node in ast.walk(body) if isinstance(node, ast.Name)} & set(values)
    text, latex = readings.text(formula, values), readings.latex(formula, values)
    for name in used:
        digits, _ = readings.number(values[name])
        assert digits in "\n".join(text), f"{name} = {digits} is not in {text}"
        assert digits in latex
    assert result in text[-1]
    assert result in latex
    assert readings.text(formula)[-1].startswith(readings.words(formula.name) + " = ")
    assert formula.symbol in readings.latex(formula)
    for written in (latex, readings.latex(formula), formula.symbol):
        assert balanced(written), written


def test_sources_are_in_the_bibliography():
    with BIBLIOGRAPHY.open(encoding="utf-8", newline="") as file:
        known = {row["id"] for row in csv.DictReader(file)}
    missing = {f.name: f.source for f in REGISTRY.values() if f.source not in known}
    assert not missing, f"add these to {BIBLIOGRAPHY.name}, or correct the formula's source: {missing}"


def test_refinements_exist():
    missing = {n: f.name for f in REGISTRY.values() for n in f.refined_by if n not in REGISTRY}
    assert not missing, f"no formula has these names, which refined_by gives: {missing}"
