"""The working of figures as a tree to open step by step, down to assumptions with their sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from costmodel.job import Assumption
from costmodel.notation import latex, words
from costmodel.report.explain import value
from costmodel.trace import Node


@dataclass(frozen=True, slots=True)
class Step:
    """One number of a working.

    `formula` is LaTeX, with names and then with numbers put in; empty for a number that no formula made. `origin` is
    where it is from. `place` names the step; `again` says that a step of this place stands further up, with its parts.
    """

    name: str
    value: str
    origin: str
    formula: str
    place: str
    again: bool
    parts: tuple[Step, ...]


def steps(node: Node, name: str, places: dict[int, str]) -> Step:
    """The tree under a traced number; `places` are those of nodes already shown, and grow."""
    again = id(node) in places
    place = places.setdefault(id(node), f"step-{len(places) + 1}")
    parts = () if again else tuple(steps(child, words(label), places) for label, child in _inputs(node))
    return Step(name, value(node), _origin(node), "" if again else written(node), place, again, parts)


def _inputs(node: Node) -> Iterator[tuple[str, Node]]:
    for name, child in node.inputs.items():
        if isinstance(child, Node) and (child or node.formula):
            yield name, child


def written(node: Node) -> str:
    """A traced number's formula in LaTeX, with names and then with numbers; a sum as its summands."""
    if node.formula is not None:
        figures = {argument: float(part) for argument, part in node.inputs.items()}
        return f"\\begin{{gathered}}{latex(node.formula)}\\\\{latex(node.formula, figures)}\\end{{gathered}}"
    if not node.inputs:
        return ""
    rows = [f"\\text{{{words(name)} }} & \\text{{{value(part)}}}" for name, part in node.inputs.items() if part]
    table = "\\\\".join([*rows, f"\\hline \\text{{total}} & \\text{{{value(node)}}}"])
    return f"\\begin{{array}}{{lr}}{table}\\end{{array}}"


def _origin(node: Node) -> str:
    leaf: Any = node.leaf
    if isinstance(leaf, Assumption):
        return f"{leaf.path}, {leaf.status}: {leaf.source}{'; ' * bool(leaf.note)}{leaf.note}"
    if isinstance(leaf, str):
        return f"by definition: {leaf}"
    return f"{node.formula.name}; {node.formula.source}" if node.formula else "sum" if node.inputs else ""
