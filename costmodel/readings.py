"""Readings of a formula: plain text and LaTeX, SymPy expression, derivative and solution, unit and body checks.

SymPy is imported only by the readings that need it.
"""

from __future__ import annotations

import ast
import math
import types
from typing import Any

from costmodel.formula import Formula
from costmodel.notation import (
    COMPARISONS,
    callee,
    definition,
    latex,
    mathml,
    namespace,
    number,
    require,
    statements,
    text,
    words,
)
from costmodel.units import Number, UnitError, dimension, unit

__all__ = [
    "check_body",
    "check_units",
    "derivative",
    "expression",
    "latex",
    "mathml",
    "number",
    "sample",
    "solve",
    "text",
    "words",
]


def expression(formula: Formula) -> Any:
    """The result as a SymPy expression; every argument, constants too, is a positive symbol of its name."""
    return formula.function(**_symbols(formula))


def derivative(formula: Formula, argument: str) -> Any:
    """The SymPy derivative of the result by one argument."""
    return expression(formula).diff(_symbol(formula, argument))


def solve(formula: Formula, argument: str, value: Number) -> list[Any]:
    """The positive values of `argument` at which the formula gives `value` (SI), in terms of the other arguments.

    Raises ValueError if SymPy finds none in closed form.
    """
    import sympy

    try:
        found = sympy.solve(expression(formula) - value, _symbol(formula, argument))
    except NotImplementedError:
        found = []
    if not found:
        raise ValueError(f"{formula.name} cannot be solved for {argument} in closed form; use a numeric root finder")
    return list(found)


def check_units(formula: Formula) -> None:
    """Raise UnitError unless the body gives the annotated dimension.

    A called formula is taken at its word: what is passed must have its arguments' dimensions, and the call has
    the dimension of its result; so each formula is checked once, by itself.
    """
    functions = {name: _declared(f) if isinstance(f, Formula) else f for name, f in namespace(formula).items()}
    # A code object with free variables needs its cells again, with the stand-ins inside.
    cells = tuple(types.CellType(functions[name]) for name in formula.function.__code__.co_freevars)
    body = types.FunctionType(formula.function.__code__, functions, closure=cells)
    try:
        result = body(**{name: unit(u)[1] for name, u in formula.arguments.items()})
    except UnitError as error:
        raise UnitError(f"{formula.name}: {error}") from None
    expected = unit(formula.unit)[1]
    if dimension(result).powers != expected.powers and not (isinstance(result, int | float) and result == 0):
        raise UnitError(f"{formula.name}: the body gives [{dimension(result)}], the annotation says [{expected}]")


def check_body(formula: Formula) -> None:
    """Raise ValueError if the body uses anything but what every reading understands (see costmodel.formula)."""
    function = definition(formula)
    require(not (function.args.vararg or function.args.kwarg or function.args.kwonlyargs), formula, "plain arguments")
    known = set(formula.arguments)
    for name, node in statements(formula):
        _check_expression(formula, node, known)
        known.add(name)


def sample(formula: Formula, rng: Any) -> dict[str, float]:
    """Plausible arguments: fractions in 0.05…0.95, all else log-uniform in 2…50, constants at their defaults.

    `rng` is anything with uniform(low, high): random.Random or numpy.random.Generator.
    """
    drawn = {
        name: rng.uniform(0.05, 0.95) if u == "fraction" else math.exp(rng.uniform(math.log(2), math.log(50)))
        for name, u in formula.arguments.items()
    }
    return {name: float(value) for name, value in (drawn | formula.defaults).items()}


def _check_expression(formula: Formula, node: ast.expr, known: set[str]) -> None:
    match node:
        case ast.Constant(value=value):
            require(type(value) in (int, float), formula, "numbers", node)
            parts: list[ast.expr] = []
        case ast.Name(id=name):
            require(name in known, formula, "its own arguments and results; make a constant an argument", node)
            parts = []
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            parts = [operand]
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.Pow()):
            parts = [node.left, node.right]
        case ast.Call():
            called = callee(formula, node)
            named = [k.arg for k in node.keywords]
            plain = None not in named if isinstance(called, Formula) else not named
            require(plain, formula, "plain arguments in a call, without names for ops", node)
            parts = [*node.args, *(k.value for k in node.keywords)]
            if called == "where":
                match parts.pop(0):
                    case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                        parts += [left, right]
                    case condition:
                        require(False, formula, "one of < <= > >= as the condition of ops.where", condition)
        case _:
            require(False, formula, "+ - * / **, numbers, names, calls of ops and of formulas", node)
    for part in parts:
        _check_expression(formula, part, known)


def _symbols(formula: Formula) -> dict[str, Any]:
    import sympy

    return {name: sympy.Symbol(name, positive=True) for name in formula.arguments}


def _symbol(formula: Formula, argument: str) -> Any:
    if argument not in formula.arguments:
        raise ValueError(f"{formula.name} has no argument {argument!r}; it has {', '.join(formula.arguments)}")
    return _symbols(formula)[argument]


def _declared(formula: Formula) -> Any:
    """A stand-in that checks the dimensions of what is passed and returns the declared one."""

    def call(*args: Number, **kwargs: Number) -> Number:
        for name, value in (dict(zip(formula.arguments, args, strict=False)) | kwargs).items():
            expected = unit(formula.arguments[name])[1]
            try:
                expected.same(value)
            except UnitError:
                raise UnitError(f"{formula.name} takes {name} in [{expected}], not [{dimension(value)}]") from None
        return unit(formula.unit)[1]

    return call
