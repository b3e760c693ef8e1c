"""The functions that formulas may use beside + - * / **, for every kind of number.

Plain floats take the short way; arrays, symbols and dimensions are told apart after that, so that one
formula body serves as value, table, symbol and unit check.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

from costmodel import trace
from costmodel.units import NONE, Dim, Number, dimension

_FAST = (float, int)


def _is_symbolic(*values: Number) -> bool:
    return any(hasattr(v, "free_symbols") for v in values)


def _is_plain(*values: Number) -> bool:
    return all(isinstance(v, float | int) for v in values)


def _dims(*values: Number) -> Dim | None:
    """The common dimension if any value is a Dim, after checking that they agree."""
    dims = [v for v in values if isinstance(v, Dim)]
    if not dims:
        return None
    for value in values:
        dims[0].same(value, "compare")
    return dims[0]


def maximum(a: Number, b: Number) -> Number:
    """The larger of two numbers, element by element; NaN if either is."""
    if (type(a) in _FAST and type(b) in _FAST) or _is_plain(a, b):
        return a if a >= b or a != a else b
    return _pair(a, b, "maximum", "Max")


def minimum(a: Number, b: Number) -> Number:
    """The smaller of two numbers, element by element; NaN if either is."""
    if (type(a) in _FAST and type(b) in _FAST) or _is_plain(a, b):
        return a if a <= b or a != a else b
    return _pair(a, b, "minimum", "Min")


def _pair(a: Number, b: Number, in_numpy: str, in_sympy: str) -> Number:
    if (dim := _dims(a, b)) is not None:
        return dim
    if _is_symbolic(a, b):
        import sympy

        return getattr(sympy, in_sympy)(a, b)
    import numpy

    return getattr(numpy, in_numpy)(a, b)


def ceil(x: Number) -> Number:
    """The smallest whole number not below x (x a hair above a whole number counts as that number)."""
    return _unary(x, lambda v: float(math.ceil(v - 1e-9)), lambda np: np.ceil(x - 1e-9), "ceiling")


def floor(x: Number) -> Number:
    """The largest whole number not above x (x a hair below a whole number counts as that number)."""
    return _unary(x, lambda v: float(math.floor(v + 1e-9)), lambda np: np.floor(x + 1e-9), "floor")


def log2(x: Number) -> Number:
    """The binary logarithm of a dimensionless number."""
    return _unary(x, math.log2, lambda np: np.log2(x), "log2")


def exp(x: Number) -> Number:
    """E to the power of a dimensionless number."""
    return _unary(x, math.exp, lambda np: np.exp(x), "exp")


def _unary(x: Number, plain: Any, in_numpy: Any, in_sympy: str) -> Number:
    if isinstance(x, float | int):
        return plain(x)
    if isinstance(x, Dim):
        return x.plain(f"take the {in_sympy} of")
    import numpy

    if _is_symbolic(x):
        import sympy

        return sympy.log(x, 2) if in_sympy == "log2" else getattr(sympy, in_sympy)(x)
    return in_numpy(numpy)


def sqrt(x: Number) -> Number:
    """The square root; halves the exponents of a dimension."""
    return x**0.5


def where(condition: Number, then: Number, otherwise: Number) -> Number:
    """`then` where the condition holds, else `otherwise`, element by element."""
    if condition is True or condition is False:
        return then if condition else otherwise
    if isinstance(condition, Dim):
        dim = _dims(then, otherwise)
        return NONE if dim is None else dim
    if _is_symbolic(condition) or _is_symbolic(then, otherwise):
        import sympy

        return sympy.Piecewise((then, condition), (otherwise, True))
    import numpy

    chosen: Any = numpy.where(condition, then, otherwise)
    return chosen[()]  # a NumPy scalar stays a scalar


def soft_maximum(power: Number, *terms: Number) -> Number:
    """(Σ termᵖ)^(1/p) of terms that are not negative: the largest for large p, the sum for p = 1, more below 1.

    The usual join of times that overlap in part. Powers 1/2, 1 and 2 avoid the costly general power; others and 2
    are taken of shares of the largest term, so that nothing overflows on the way.
    """
    if (dim := _dims(*terms)) is not None:
        dimension(power).plain("use as an exponent")
        return dim
    if _is_symbolic(power, *terms):
        return sum(t**power for t in terms) ** (1 / power)
    if isinstance(power, float | int) and power in (1, 0.5):
        return sum(terms) if power == 1 else sum(t**0.5 for t in terms) ** 2
    if _is_plain(*terms):
        largest = max(terms)
        if not 0 < largest < math.inf:
            return sum(terms)
    else:
        import numpy

        largest = functools.reduce(numpy.maximum, terms)
        largest = numpy.where((largest > 0) & (largest < math.inf), largest, 1.0)
    if isinstance(power, float | int) and power == 2:
        return largest * sum((t / largest) ** 2 for t in terms) ** 0.5
    return largest * sum((t / largest) ** power for t in terms) ** (1 / power)


def total(parts: Mapping[str, Number]) -> Number:
    """The sum of named parts; one node in a trace. Parts of unlike dimension raise UnitError."""
    return trace.total(parts, sum(parts.values()))
