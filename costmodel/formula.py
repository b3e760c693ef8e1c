"""A formula is a pure function, written once and read many ways.

`@formula` keeps the function as it is and adds what its text already says: units from the annotations,
symbol and source from the decorator. Readings: call it with floats, arrays, `units.Dim`, SymPy symbols;
within `trace.tracing()` it returns nodes; `costmodel.readings` gives LaTeX, derivative and solution.

The body holds assignments of expressions and one return: no branches, no loops, no attributes except
`ops.…`, and no other state than its arguments, so that the same text can be shown, derived and checked.
A constant with a unit is an argument with a default. A formula may call another one: it then counts as
part of the expression.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import Any

from costmodel import trace
from costmodel.units import Dim, Number, unit

registry: dict[str, Formula] = {}


class Formula:
    """A registered formula.

    Attributes: `name`; `symbol` in LaTeX; `source`, a key of the bibliography; `refined_by`, the names of the
    formulas that the product uses in place of this one (for literal transcriptions only).
    """

    def __init__(self, function: Callable[..., Number], symbol: str, source: str, refined_by: tuple[str, ...]) -> None:
        self.function, self.symbol, self.source, self.refined_by = function, symbol, source, refined_by
        self.name = function.__name__
        update_wrapper(self, function)

    def __call__(self, *args: Number, **kwargs: Number) -> Number:
        if self.function.__defaults__ and any(isinstance(a, Dim) for a in args):
            # In a unit check the constants have their units too.
            constants = {name: unit(self.arguments[name])[1] for name in self.defaults}
            given = dict(zip(self.arguments, args, strict=False)) | kwargs
            return self.function(**(constants | given))
        value = self.function(*args, **kwargs)
        if not trace.active:
            return value
        return trace.Node(value, self.name, self, self.bind(args, kwargs))

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return typing.get_type_hints(self.function, include_extras=True)

    @cached_property
    def arguments(self) -> dict[str, str]:
        """The unit of each argument, by name, in order."""
        return {name: hint.__metadata__[0] for name, hint in self._hints.items() if name != "return"}

    @property
    def unit(self) -> str:
        """The unit of the result."""
        return str(self._hints["return"].__metadata__[0])

    @cached_property
    def defaults(self) -> dict[str, float]:
        """The constants: arguments that have a default."""
        values = self.function.__defaults__ or ()
        return dict(zip(list(self.arguments)[len(self.arguments) - len(values) :], values, strict=True))

    @property
    def summary(self) -> str:
        """The first sentence of the docstring."""
        return (self.function.__doc__ or "").strip().split("\n")[0]

    def bind(self, args: tuple[Number, ...], kwargs: dict[str, Number]) -> dict[str, Number]:
        """All arguments of a call by name, defaults included."""
        return self.defaults | dict(zip(self.arguments, args, strict=False)) | kwargs

    def __reduce__(self) -> str:
        return self.name  # a copy or a pickle is the formula itself: its name in its module

    def __repr__(self) -> str:
        return f"<formula {self.name} [{self.unit}]>"


def formula(symbol: str, source: str, refined_by: tuple[str, ...] = ()) -> Callable[[Callable[..., Number]], Formula]:
    """Register a function as a formula; see Formula for what the arguments mean.

    Raises ValueError if the name is taken: a formula's name is its only name everywhere.
    """

    def register(function: Callable[..., Number]) -> Formula:
        if function.__name__ in registry:
            raise ValueError(f"two formulas are called {function.__name__}")
        made = registry[function.__name__] = Formula(function, symbol, source, refined_by)
        return made

    return register


def load_all() -> dict[str, Formula]:
    """The registry after importing every module that defines formulas."""
    import importlib
    import pkgutil

    import costmodel

    skip = ("costmodel.app", "costmodel.cli", "costmodel.calibration", "costmodel.__main__")
    for module in pkgutil.walk_packages(costmodel.__path__[:1], "costmodel."):
        if not module.name.startswith(skip):
            importlib.import_module(module.name)
    return dict(sorted(registry.items()))
