"""The working of a figure: a tree of formulas with numbers, down to catalog figures and user's values."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel import trace
from costmodel.engine import outcome, settle
from costmodel.job import Assumption, Layout, nodes, numbers
from costmodel.report.quantities import show
from costmodel.resolve import Resolved
from costmodel.trace import Node


class UnknownOutput(ValueError):
    """A figure that an estimate does not have; the message lists those it has."""


def working(resolved: Resolved, output: str) -> Node:
    """The traced value of `output`, for example "totals.cost_usd" or "performance.mfu".

    Raises UnknownOutput with the names there are.
    """
    found = workings(resolved)
    if output not in found:
        raise UnknownOutput(f"no output is called {output[:60]!r}; there are: {', '.join(found)}")
    return found[output]


def workings(resolved: Resolved) -> dict[str, Node]:
    """The traced value of every output; what several of them stand on is one node."""
    from dataclasses import replace

    layout = settle(numbers(resolved.assumptions), resolved.kind).parallelism
    settled = dict(resolved.assumptions)
    for name in Layout.__slots__:
        path = f"parallelism.{name}"
        settled[path] = replace(settled[path], value=getattr(layout, name))
    with trace.tracing():
        result = outcome(nodes(settled), resolved.kind)
    found = {f"totals.{k}": v for k, v in result.totals.items()}
    found |= {f"performance.{k}": v for k, v in result.performance.items()}
    found |= {"memory.used_bytes": result.memory_used}
    return {name: value if isinstance(value, Node) else Node(value, name) for name, value in found.items()}


def lines(node: Node, name: str, depth: int) -> Iterator[str]:
    """The tree under `node` as indented lines, `depth` levels deep."""
    yield from _lines(node, name, depth, "")


def _lines(node: Node, name: str, depth: int, indent: str) -> Iterator[str]:
    yield f"{indent}{name} = {value(node)}{_origin(node)}"
    if not isinstance(node, Node) or depth == 0:
        return
    if node.formula is None and not node.inputs:
        return
    if node.formula is not None:
        from costmodel.readings import text

        yield from (f"{indent}    {line}" for line in text(node.formula, {k: float(v) for k, v in node.inputs.items()}))
    for child_name, child in node.inputs.items():
        if isinstance(child, Node) and (child or node.formula):
            yield from _lines(child, child_name, depth - 1, indent + "  ")


def value(node: Node | float) -> str:
    """A traced value with its unit."""
    unit = ""
    if isinstance(node, Node):
        if node.formula is not None:
            unit = node.formula.unit
        elif isinstance(node.leaf, Assumption):
            unit = node.leaf.unit
        elif node.inputs:
            return value(_like(node))
    return show(float(node), unit or "1", 4)


def _like(node: Node) -> Node | float:
    """A sum shown in the unit of its first part."""
    first: Node | float = node
    while isinstance(first, Node) and first.formula is None and first.inputs:
        first = next(iter(first.inputs.values()))
    return Node(node, node.name, getattr(first, "formula", None), leaf=getattr(first, "leaf", None))


def _origin(node: Node | float) -> str:
    if isinstance(node, Node) and isinstance(node.leaf, Assumption):
        note = f"; {node.leaf.note}" if node.leaf.note else ""
        return f"   [{node.leaf.status}: {node.leaf.source}{note}]"
    if isinstance(node, Node) and isinstance(node.leaf, str):
        return f"   [by definition: {node.leaf}]"
    if isinstance(node, Node) and node.formula is not None:
        return f"   ({node.formula.name}; {node.formula.source})"
    return "   (sum)" if isinstance(node, Node) and node.inputs else ""
