"""What the pages Compare and Explore ask the library: differences, what is not beaten, values of axes."""

import numpy as np
import pytest

from costmodel import comparing, loading
from costmodel.api import estimate
from costmodel.plan.pareto import front
from costmodel.report import axes
from costmodel.sweeping import sweep, typed

DEFAULT = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": "train"}
H200 = DEFAULT | {"hardware": "h200-sxm"}


def test_the_parts_of_a_difference_add_up_to_it():
    base, other = estimate(DEFAULT), estimate(H200)
    for total in ("cost_usd", "time_s", "energy_j"):
        found = comparing.by_part(other, base, total)
        assert sum(found.values()) == pytest.approx(other.totals[total] - base.totals[total])


def test_the_changes_of_a_difference_add_up_to_it_and_each_is_made_after_the_ones_before():
    changes = ["hardware=h200-sxm", "devices=128"]
    found = comparing.by_change(loading.load(DEFAULT), changes, "cost_usd")
    assert list(found) == changes
    whole = estimate(H200 | {"devices": 128}).totals["cost_usd"] - estimate(DEFAULT).totals["cost_usd"]
    assert sum(found.values()) == pytest.approx(whole)
    assert found[changes[0]] == pytest.approx(estimate(H200).totals["cost_usd"] - estimate(DEFAULT).totals["cost_usd"])


def test_a_way_over_a_scenario_without_an_answer_is_none():
    base = loading.load(DEFAULT)
    assert comparing.by_change(base, ["hardware=a100-sxm-80gb", "precision=fp8"], "cost_usd") is None
    assert comparing.by_change(base, ["model=llama-3.1-70b", "devices=1"], "cost_usd") is None


def test_the_front_is_what_no_other_point_beats():
    # By hand: (3, 1) and (1, 3) and (2, 2) are not beaten; (3, 3) is, and equal points stay.
    first, second = [3, 1, 2, 3, np.nan, 2], [1, 3, 2, 3, 0, 2]
    assert front(first, second).tolist() == [1, 2, 5, 0]


SHAPE = {"layers": 16, "hidden": 2048, "heads": 32, "kv_heads": 8, "ffn": 8192, "vocab": 128256}


@pytest.mark.parametrize(
    ("said", "among"),
    [
        ({}, {"devices", "workload.tokens"}),
        ({"workload": "finetune"}, {"workload.adapters.rank"}),
        ({"workload": {"kind": "finetune", "adapters": {"rank": 8}}}, {"workload.adapters.rank"}),
        ({"workload": "serve"}, {"traffic.request_rate"}),
        ({"workload": "infer"}, {"workload.requests"}),
        ({"model": SHAPE}, {"model.layers", "model.hidden", "model.norm"}),
        ({"model": {"family": "llama", "parameters": "3 B"}}, {"model.parameters"}),
    ],
)
def test_every_axis_takes_the_values_that_are_proposed_for_it(said, among):
    answer = estimate(DEFAULT | said)
    known = axes.axes(answer)
    assert among <= known.keys()
    for path, names in known.items():
        values = axes.proposal(answer, path, names)
        assert len(values) > 1, path
        found = sweep(
            answer.resolved.scenario, typed(answer.resolved.scenario, [f"{path}={', '.join(values)}"]), strict=False
        )
        assert found["feasible"].any(), path
