"""The working of a figure: a tree of formulas with numbers, down to catalog figures and user's values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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


def tree(node: Node | float, name: str, depth: int) -> dict[str, Any]:
    """The tree under `node` as JSON-ready data in SI, `depth` levels deep (schema costmodel/explain/1 at its root)."""
    found: dict[str, Any] = {"name": name, "value": float(node), "unit": _unit(node)}
    if not isinstance(node, Node):
        return found
    if isinstance(node.leaf, Assumption):
        found |= {"status": node.leaf.status, "source": node.leaf.source, "note": node.leaf.note}
    elif node.leaf is not None:
        found |= {"status": "by definition", "source": str(node.leaf)}
    if node.formula is not None:
        found |= {"formula": node.formula.name, "source": node.formula.source}
    if node.inputs and depth:
        found["inputs"] = [tree(child, each, depth - 1) for each, child in node.inputs.items()]
    return found


def value(node: Node | float) -> str:
    """A traced value with its unit."""
    return show(float(node), _unit(node) or "1", 4)


def _unit(node: Node | float) -> str:
    """The unit of a formula or an assumption; of a sum that of its first part; empty where there is none."""
    while isinstance(node, Node) and node.formula is None and node.leaf is None and node.inputs:
        node = next(iter(node.inputs.values()))
    if isinstance(node, Node) and node.formula is not None:
        return node.formula.unit
    return node.leaf.unit if isinstance(node, Node) and isinstance(node.leaf, Assumption) else ""


def _origin(node: Node | float) -> str:
    if isinstance(node, Node) and isinstance(node.leaf, Assumption):
        note = f"; {node.leaf.note}" if node.leaf.note else ""
        return f"   [{node.leaf.status}: {node.leaf.source}{note}]"
    if isinstance(node, Node) and isinstance(node.leaf, str):
        return f"   [by definition: {node.leaf}]"
    if isinstance(node, Node) and node.formula is not None:
        return f"   ({node.formula.name}; {node.formula.source})"
    return "   (sum)" if isinstance(node, Node) and node.inputs else ""
