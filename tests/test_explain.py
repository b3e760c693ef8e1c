"""The working of a figure ends in catalog figures, user's values, definitions and formulas' own constants."""

import json

import pytest

from costmodel.cli.main import run
from costmodel.job import STATUSES, Assumption
from costmodel.loading import load
from costmodel.report.explain import UnknownOutput, lines, working
from costmodel.resolve import resolve
from costmodel.trace import Node

SCENARIOS = ["examples/llama-3.1-8b.yaml", "examples/llama-3.1-70b-serve.yaml", "examples/llama-3.1-70b-int4.yaml"]


def walk(node):
    yield node
    for child in node.inputs.values():
        if isinstance(child, Node):
            yield from walk(child)


@pytest.mark.parametrize("path", SCENARIOS)
def test_every_leaf_has_an_origin(path):
    node = working(resolve(load(path)), "totals.cost_usd")
    seen = set()
    for each in walk(node):
        if id(each) in seen:
            continue
        seen.add(id(each))
        for name, child in each.inputs.items():
            if isinstance(child, Node):
                if not (child.formula or child.inputs):
                    assert isinstance(child.leaf, str) or (child.leaf.status in STATUSES and child.leaf.source), name
            elif each.formula is None:
                assert child == 0  # a part of a sum that an operator does not have
            else:
                assert name in each.formula.defaults, f"{name} = {child} of {each.name} has no origin"


def test_the_tree_can_be_checked_by_hand():
    resolved = resolve(load(SCENARIOS[0]))
    node = working(resolved, "totals.cost_usd")
    assert float(node) == pytest.approx(sum(float(part) for part in node.inputs.values()))
    text = "\n".join(lines(node, "totals.cost_usd", 3))
    assert "rent" in text
    assert "USD/h" in text
    assert any(isinstance(n.leaf, Assumption) and n.leaf.path == "costs.price" for n in walk(node))


def test_unknown_figure():
    with pytest.raises(UnknownOutput, match=r"totals\.cost_usd"):
        working(resolve(load(SCENARIOS[0])), "totals.nonsense")


def test_json_is_the_same_tree(capsys):
    """Prices in SI: 2.99 USD/h is 830.6e-6 USD/s; rent is device time times price."""
    assert run(["explain", "totals.cost_usd", "examples/llama-3.1-8b.yaml", "--depth", "2", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["name"], found["unit"]) == ("costmodel/explain/1", "totals.cost_usd", "USD")
    parts = {part["name"]: part for part in found["inputs"]}
    assert sum(part["value"] for part in parts.values()) == pytest.approx(found["value"])
    rent = {part["name"]: part for part in parts["rent"]["inputs"]}
    assert rent["price"]["value"] == pytest.approx(2.99 / 3600)
    assert (rent["price"]["unit"], rent["price"]["status"]) == ("USD/s", "catalog")
    assert parts["rent"]["value"] == pytest.approx(rent["device_time"]["value"] * rent["price"]["value"])
