"""Traced numbers: a float that remembers which formula made it, from which inputs, from where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costmodel.formula import Formula
    from costmodel.units import Number

active = False


class Node(float):
    """A value with its origin: `formula` and `inputs`, or `leaf` (the assumption that it came from)."""

    name: str
    formula: Formula | None
    inputs: dict[str, Any]
    leaf: Any

    def __new__(
        cls,
        value: float,
        name: str,
        formula: Formula | None = None,
        inputs: Mapping[str, Any] | None = None,
        leaf: Any = None,
    ) -> Node:
        node = super().__new__(cls, value)
        node.name, node.formula, node.inputs, node.leaf = name, formula, dict(inputs or {}), leaf
        return node

    def __reduce__(self) -> tuple[type[Node], tuple[Any, ...]]:
        """What a copy or a pickle is made from."""
        return Node, (float(self), self.name, self.formula, self.inputs, self.leaf)


def nodes(roots: Iterable[Any]) -> Iterator[Node]:
    """The traced numbers among `roots` and all that they were made from, each once."""
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Node) and id(node) not in seen:
            seen.add(id(node))
            waiting += node.inputs.values()
            yield node


@contextmanager
def tracing() -> Iterator[None]:
    """Within this block every formula returns a Node."""
    global active
    before, active = active, True
    try:
        yield
    finally:
        active = before


def total(parts: Mapping[str, Number], value: Number) -> Number:
    """`value`, the sum of `parts`, as one traced node."""
    return Node(value, "total", inputs=parts) if active else value


def constant(value: float, name: str, why: str) -> Number:
    """A number fixed by definition (`why`), passed to a formula; a leaf of its own in a trace."""
    return Node(value, name, leaf=why) if active else value
