"""Sweeps: an array of scenarios gives what the scenarios give one by one."""

import math

import pytest

import costmodel
from costmodel.api import estimate
from costmodel.sweeping import SweepError, axis

BASE = {
    "model": "llama-3.1-8b",
    "hardware": "h100-sxm",
    "devices": 64,
    "workload": {"kind": "train", "tokens": 1e12},
    "ranges": False,
}
OVER = {"devices": [8, 64], "workload.tokens": [1e11, 1e12], "parallelism.tp": [1, 4]}


def test_array_equals_scalars():
    found = costmodel.sweep(BASE, OVER)
    assert len(found["feasible"]) == 8
    for i in range(8):
        changes = [f"{path}={found[path][i]}" for path in OVER]
        alone = estimate(BASE, changes)
        assert found["feasible"][i] == alone.fits
        if alone.fits:
            for name, value in alone.totals.items():
                assert found[f"totals.{name}"][i] == pytest.approx(value, rel=1e-12), (changes, name)
        else:
            assert math.isnan(found["totals.time_s"][i])


def test_array_of_one_equals_the_scalar():
    found = costmodel.sweep(BASE, {"workload.tokens": [1e12]})
    assert found["totals.cost_usd"][0] == estimate(BASE).totals["cost_usd"]


def test_names_are_walked():
    found = costmodel.sweep(BASE, {"hardware": ["a100-sxm-80gb", "h100-sxm"], "devices": [64, 128]})
    assert list(found["hardware"]) == ["a100-sxm-80gb"] * 2 + ["h100-sxm"] * 2
    assert found["totals.time_s"][0] > found["totals.time_s"][2] > found["totals.time_s"][3]


def test_paths_that_move_together():
    found = costmodel.sweep(BASE, {("devices", "workload.global_batch"): [(64, 512), (128, 1024)]})
    assert list(found["workload.global_batch"]) == [512, 1024]


def test_chunks_do_not_change_the_answer(monkeypatch):
    whole = costmodel.sweep(BASE, OVER)
    monkeypatch.setattr("costmodel.sweeping.CHUNK", 3)
    cut = costmodel.sweep(BASE, OVER)
    for name, column in whole.items():
        assert column == pytest.approx(cut[name], nan_ok=True), name


@pytest.mark.parametrize("over", [{}, {"devices": []}, {("a", "b"): [(1,)]}, {"workload.tokens": [-1.0]}])
def test_bad_axes(over):
    with pytest.raises(ValueError):
        costmodel.sweep(BASE, over)


def test_axis_as_typed():
    assert axis("devices=8, 2 k") == ("devices", [8.0, 2000.0])
    assert axis("hardware=a100,h100") == ("hardware", ["a100", "h100"])
    with pytest.raises(SweepError):
        axis("devices")
