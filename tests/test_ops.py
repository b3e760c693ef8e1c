"""The functions of formulas alike for floats and arrays, at their edges; traced numbers as values that can be kept."""

import copy
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel import engine, ops, trace
from costmodel.job import nodes, numbers
from costmodel.loading import load
from costmodel.resolve import resolve
from costmodel.trace import Node

EDGES = [0.0, 1.0, -1.0, 5e-324, 1e308, math.inf, -math.inf, math.nan]
POSITIVE = st.floats(min_value=0, max_value=1e300)


@pytest.mark.parametrize("function", [ops.maximum, ops.minimum])
@pytest.mark.parametrize("a", EDGES)
@pytest.mark.parametrize("b", EDGES)
def test_floats_as_arrays(function, a, b):
    alone, array = function(a, b), function(np.array([a]), b)[0]
    assert alone == array or (math.isnan(alone) and math.isnan(array))


@given(st.floats(min_value=0.5, max_value=100), st.lists(POSITIVE, min_size=1, max_size=4))
def test_soft_maximum_lies_between_the_largest_and_what_the_power_allows(power, terms):
    found = ops.soft_maximum(power, *terms)
    array = ops.soft_maximum(power, *(np.array([t, t]) for t in terms))
    assert array == pytest.approx([found, found], rel=1e-12)
    most = len(terms) ** (1 / power) * max(terms)
    assert max(terms) * (1 - 1e-12) <= found <= most * (1 + 1e-12)


@pytest.mark.parametrize("power", [0.5, 0.64, 1, 2, 2.5, 100])
@pytest.mark.parametrize("size", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_soft_maximum_scales(power, size):
    # (1 + 2ᵖ + 3ᵖ)^(1/p) for terms in the same ratio, whatever their size.
    expected = size * (1 + 2**power + 3**power) ** (1 / power)
    assert ops.soft_maximum(power, size, 2 * size, 3 * size) == pytest.approx(expected, rel=1e-12)
    assert ops.soft_maximum(np.array([power]), size, 2 * size, 3 * size)[0] == pytest.approx(expected, rel=1e-12)
    assert ops.soft_maximum(power, np.array([size]), 2 * size, 3 * size)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("power", [0.5, 1, 2, 7])
def test_soft_maximum_of_edges(power):
    for terms, expected in (((0.0, 0.0), 0.0), ((math.inf, 1.0), math.inf), ((0.0, 3.0), 3.0)):
        assert ops.soft_maximum(power, *terms) == pytest.approx(expected, rel=1e-12)
        assert ops.soft_maximum(power, *map(np.array, terms)) == pytest.approx(expected, rel=1e-12)
    for terms in ((math.nan, 1.0), (1.0, math.nan)):
        assert math.isnan(ops.soft_maximum(power, *terms))
        assert math.isnan(ops.soft_maximum(power, *map(np.array, terms)))


def test_a_traced_estimate_can_be_copied_and_pickled():
    resolved = resolve(load("examples/llama-3.1-8b.yaml"))
    assumptions = dict(resolved.assumptions)
    layout = engine.lay_out(numbers(assumptions), resolved.kind)
    with trace.tracing():
        job = replace(nodes(assumptions), parallelism=layout)
        cost = engine.outcome(job, resolved.kind).totals["cost_usd"]
    assert isinstance(cost, Node)
    for twin in (copy.copy(cost), copy.deepcopy(cost), pickle.loads(pickle.dumps(cost))):
        assert isinstance(twin, Node)
        assert twin == cost
        assert (twin.name, twin.formula) == (cost.name, cost.formula)
        assert twin.inputs == cost.inputs
    part = next(iter(cost.inputs.values()))
    assert copy.deepcopy(part).formula is part.formula
    assert pickle.loads(pickle.dumps(part)).formula is part.formula
