"""The source text of formulas, and two notations for it: plain text and LaTeX.

A formula's body is a list of assignments and one return (see costmodel.formula), so it can be written in the
author's order, with names or with numbers put in. `costmodel.readings` hands `text` and `latex` on.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
import textwrap
from collections.abc import Mapping
from functools import cache
from typing import Any

from costmodel.formula import Formula

# How tightly a piece of notation holds together; looser pieces get parentheses inside tighter ones.
_LOOSE, _SUM, _PRODUCT, _RATIO, _POWER, _ATOM = range(6)
COMPARISONS = {ast.Lt: ("<", "<"), ast.LtE: ("≤", r"\le"), ast.Gt: (">", ">"), ast.GtE: ("≥", r"\ge")}
_OPERATIONS = ("maximum", "minimum", "ceil", "floor", "log2", "exp", "sqrt", "where", "soft_maximum")
_GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "lambda", "mu", "rho", "sigma", "tau", "phi")
_NATURAL = re.compile(rf"({'|'.join(_GREEK)}|[A-Za-z])(?:_?(\d+)|_([a-z]))?")


def text(formula: Formula, values: Mapping[str, float] | None = None) -> list[str]:
    """The formula line by line in plain text: intermediate results in the author's order, the result last.

    With `values` (SI; constants keep their defaults) every line carries its numbers and its value, and each call
    of another formula gets a line of its own, so that a reader can follow with a pocket calculator.
    Raises ValueError for a missing or unknown argument.
    """
    return _Text(formula, values).lines()


def latex(formula: Formula, values: Mapping[str, float] | None = None) -> str:
    """The same lines as `text`, as one LaTeX `aligned` block that KaTeX can show."""
    rows = " \\\\\n".join(_Latex(formula, values).lines())
    return f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"


def mathml(block: str) -> str:
    """LaTeX such as `latex` writes as MathML Core, which browsers show without any script."""
    from math_core import LatexToMathML

    return str(LatexToMathML().convert_with_local_state(block, displaystyle=True))


def words(name: str) -> str:
    """A Python name as people write it: "steps_per_epoch" → "steps per epoch"."""
    return name.replace("_", " ")


def number(value: float) -> tuple[str, int]:
    """Digits and power of ten: four significant digits, whole numbers below a million in full, powers in threes."""
    if not math.isfinite(value) or (abs(value) < 1e6 and value == int(value)):
        return f"{value:.0f}", 0
    digits, power = f"{value:.3e}".split("e")
    if -3 <= int(power) < 6:
        return f"{float(f'{value:.3e}'):.6g}", 0
    shift = int(power) % 3
    return f"{float(digits) * 10**shift:.4g}", int(power) - shift


@cache
def definition(formula: Formula) -> ast.FunctionDef:
    """The syntax tree of the formula's function."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(formula.function)))
    assert isinstance(tree.body[0], ast.FunctionDef)
    return tree.body[0]


@cache
def statements(formula: Formula) -> tuple[tuple[str, ast.expr], ...]:
    """(name, expression) of each line; the returned one carries the formula's own name."""
    body = definition(formula).body
    if ast.get_docstring(definition(formula)) is not None:
        body = body[1:]
    found: list[tuple[str, ast.expr]] = []
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if statement is not body[-1]:
                found.append((name, value))
            case ast.Return(value=ast.expr() as value) if statement is body[-1]:
                found.append((formula.name, value))
            case _:
                require(False, formula, "assignments of one name and, last, one return", statement)
    return tuple(found)


def namespace(formula: Formula) -> dict[str, Any]:
    """What the body's free names mean."""
    function: Any = formula.function
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {**function.__globals__, **{name: cell.cell_contents for name, cell in cells}}


def callee(formula: Formula, node: ast.Call) -> Formula | str:
    """The called formula, or the name of the called function of `ops`."""
    match node.func:
        case ast.Attribute(value=ast.Name(id="ops"), attr=name) if name in _OPERATIONS:
            return name
        case ast.Name(id=name) if isinstance(found := namespace(formula).get(name), Formula):
            return found
    require(False, formula, "calls of formulas and of " + ", ".join(f"ops.{n}" for n in _OPERATIONS), node.func)
    raise AssertionError


def require(holds: bool, formula: Formula, allowed: str, node: ast.AST | None = None) -> None:
    """Raise ValueError saying what a body takes, and the offending piece, unless the rule holds."""
    if not holds:
        where = f", not {ast.unparse(node)!r}" if node else ""
        raise ValueError(f"{formula.name}: a formula's body takes {allowed}{where}")


class _Text:
    """Writes a formula as plain text. `_Latex` overrides the notation, not the walk."""

    equals, times = " = ", " × "

    def __init__(self, formula: Formula, values: Mapping[str, float] | None) -> None:
        self.formula, self.rows = formula, list[str]()
        self.values: dict[str, float] = {} if values is None else formula.defaults | dict(values)
        self.substitutes = values is not None
        if self.substitutes and (wrong := set(formula.arguments) ^ set(self.values)):
            raise ValueError(f"{formula.name} takes {', '.join(formula.arguments)}; check {', '.join(sorted(wrong))}")

    def lines(self) -> list[str]:
        for name, node in statements(self.formula):
            is_result = name == self.formula.name
            left = self.result() if is_result else self.name(name)
            right = self.write(node)
            if self.substitutes:
                self.values[name] = self.evaluate(node)
                self.row(left, right, self.values[name], self.formula.unit if is_result else "1")
            else:
                self.rows.append(left + self.equals + right)
        return self.rows

    def row(self, left: str, right: str, value: float, measured_in: str) -> None:
        """One line with numbers: name = what was put in = value and unit."""
        shown = self.number(value)[0]
        ending = "" if right == shown else f" = {shown}"
        self.rows.append(left + self.equals + right + ending + self.unit(measured_in))

    def evaluate(self, node: ast.expr) -> Any:
        code = compile(ast.Expression(node), f"<{self.formula.name}>", "eval")
        return eval(code, namespace(self.formula), self.values)

    def write(self, node: ast.expr, least: int = _LOOSE) -> str:
        """The notation of a node, in parentheses if it holds together less than `least`."""
        written, strength = self.visit(node)
        return written if strength >= least else self.parentheses(written)

    def visit(self, node: ast.expr) -> tuple[str, int]:
        """The notation of a node and how tightly it holds together."""
        match node:
            case ast.Constant(value=int() | float() as value):
                return self.number(value)
            case ast.Name(id=name):
                return self.number(self.values[name]) if self.substitutes else (self.name(name), _ATOM)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"-{self.write(operand, _PRODUCT)}", _SUM
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return f"{self.write(left, _SUM)} + {self.write(right, _SUM)}", _SUM
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return f"{self.write(left, _SUM)} - {self.write(right, _PRODUCT)}", _SUM
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self.write(left, _PRODUCT) + self.times + self.write(right, _PRODUCT), _PRODUCT
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self.ratio(left, right)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self.power(left, right)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return f"{self.write(left)} {self.comparison(op)} {self.write(right)}", _LOOSE
            case ast.Call():
                return self.call(node)
        require(False, self.formula, "+ - * / **, numbers, names, calls of ops and of formulas", node)
        raise AssertionError

    def call(self, node: ast.Call) -> tuple[str, int]:
        called = callee(self.formula, node)
        if called == "soft_maximum":
            return self.visit(_power_mean(node))
        if isinstance(called, str):
            return self.operation(called, node.args)
        given = [self.write(a) for a in node.args]
        given += [f"{self.name(str(k.arg))} = {self.write(k.value)}" for k in node.keywords]
        written = self.function(called.name, given)
        if not self.substitutes:
            return written, _ATOM
        value = self.evaluate(node)
        self.row(written, self.number(value)[0], value, called.unit)
        return self.number(value)

    # Notation.

    def number(self, value: float) -> tuple[str, int]:
        digits, power = number(value)
        return f"{digits}e{power}" if power else digits, _SUM if value < 0 else _ATOM

    def name(self, name: str) -> str:
        return words(name)

    def result(self) -> str:
        return words(self.formula.name)

    def unit(self, measured_in: str) -> str:
        return "" if measured_in in ("1", "fraction") else f" {measured_in}"

    def parentheses(self, inside: str) -> str:
        return f"({inside})"

    def comparison(self, op: ast.cmpop) -> str:
        return COMPARISONS[type(op)][0]

    def ratio(self, above: ast.expr, below: ast.expr) -> tuple[str, int]:
        return f"{self.write(above, _PRODUCT)} / {self.write(below, _RATIO)}", _PRODUCT

    def power(self, base: ast.expr, exponent: ast.expr) -> tuple[str, int]:
        return f"{self.write(base, _ATOM)}^{self.write(exponent, _ATOM)}", _POWER

    def function(self, name: str, arguments: list[str]) -> str:
        return f"{words(name)}({', '.join(arguments)})"

    def operation(self, name: str, arguments: list[ast.expr]) -> tuple[str, int]:
        given = [self.write(a) for a in arguments]
        if name == "where":
            return f"if {given[0]} then {given[1]} else {given[2]}", _LOOSE
        return self.function({"maximum": "max", "minimum": "min"}.get(name, name), given), _ATOM


class _Latex(_Text):
    """The same walk in LaTeX."""

    equals, times = " &= ", r" \cdot "

    def number(self, value: float) -> tuple[str, int]:
        digits, power = number(value)
        if not math.isfinite(value):
            digits = digits.replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")
        strength = _SUM if value < 0 else _PRODUCT if power else _ATOM
        return rf"{digits} \times 10^{{{power}}}" if power else digits, strength

    def name(self, name: str) -> str:
        if natural := _NATURAL.fullmatch(name):
            letter, *indices = natural.groups()
            index = indices[0] or indices[1]
            return (f"\\{letter}" if letter in _GREEK else letter) + (f"_{{{index}}}" if index else "")
        return self.upright(name)

    def upright(self, name: str) -> str:
        return rf"\mathrm{{{words(name)}}}".replace(" ", r"\ ")

    def result(self) -> str:
        return self.formula.symbol

    def unit(self, measured_in: str) -> str:
        plain = super().unit(measured_in).strip().replace("%", r"\%").replace("$", r"\$").replace("*", self.times)
        return rf"\ \mathrm{{{plain}}}" if plain else ""

    def parentheses(self, inside: str) -> str:
        return rf"\left({inside}\right)"

    def comparison(self, op: ast.cmpop) -> str:
        return COMPARISONS[type(op)][1]

    def ratio(self, above: ast.expr, below: ast.expr) -> tuple[str, int]:
        divisors = [below]
        while isinstance(above, ast.BinOp) and isinstance(above.op, ast.Div):  # a / b / c is one fraction
            divisors.insert(0, above.right)
            above = above.left
        least = _PRODUCT if len(divisors) > 1 else _LOOSE
        bottom = self.times.join(self.write(d, least) for d in divisors)
        return rf"\frac{{{self.write(above)}}}{{{bottom}}}", _RATIO

    def power(self, base: ast.expr, exponent: ast.expr) -> tuple[str, int]:
        return f"{{{self.write(base, _ATOM)}}}^{{{self.write(exponent)}}}", _POWER

    def function(self, name: str, arguments: list[str]) -> str:
        return self.upright(name) + self.parentheses(r",\ ".join(arguments))

    def operation(self, name: str, arguments: list[ast.expr]) -> tuple[str, int]:
        given = [self.write(a) for a in arguments]
        match name:
            case "where":
                cases = rf"{given[1]} & \text{{if }} {given[0]} \\ {given[2]} & \text{{otherwise}}"
                return rf"\begin{{cases}} {cases} \end{{cases}}", _LOOSE
            case "ceil" | "floor":
                return rf"\left\l{name} {given[0]} \right\r{name}", _ATOM
            case "exp":
                return f"e^{{{given[0]}}}", _POWER
            case "sqrt":
                return rf"\sqrt{{{given[0]}}}", _ATOM
        sign = {"maximum": r"\max", "minimum": r"\min", "log2": r"\log_{2}"}[name]
        return sign + self.parentheses(r",\ ".join(given)), _ATOM


def _power_mean(node: ast.Call) -> ast.expr:
    """soft_maximum(p, a, b, …) spelled out: (aᵖ + bᵖ + …)^(1/p)."""
    power, *terms = (ast.unparse(a) for a in node.args)
    total = " + ".join(f"({t}) ** ({power})" for t in terms)
    return ast.parse(f"({total}) ** (1 / ({power}))", mode="eval").body
