"""Each assumption alone: swings against estimates in which it is stated, and the command that shows them."""

import json

import pytest

import costmodel
from costmodel.cli.main import run
from costmodel.tornado import SensitivityError

BASE = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": {"kind": "train", "tokens": 1e12}}
QUICK = ["--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--devices", "64", "--workload", "train"]


@pytest.mark.parametrize("kind", ["train", "serve"])
@pytest.mark.parametrize(("path", "unit"), [("costs.pue", ""), ("costs.price", "USD/s"), ("costs.grid", "kg/J")])
@pytest.mark.parametrize("total", ["cost_usd", "carbon_kg"])
def test_a_swing_is_what_the_estimate_says_at_its_ends(kind, path, unit, total):
    base = BASE | {"workload": kind, "ranges": False}
    found = {s.path: s for s in costmodel.sensitivity(base, total)}[path]
    for end, figure in ((found.low, found.at_low), (found.high, found.at_high)):
        said = f"{end!r} {unit}" if unit else end
        assert figure == pytest.approx(costmodel.estimate(costmodel.load(base, [(path, said)])).totals[total], rel=1e-9)


def test_the_largest_swing_is_first_and_a_price_does_not_change_the_time():
    swings = costmodel.sensitivity(BASE)
    sizes = [abs(s.at_high - s.at_low) for s in swings]
    assert sizes == sorted(sizes, reverse=True)
    assert all(s.low <= s.high and s.source for s in swings)
    times = {s.path: s for s in costmodel.sensitivity(BASE, "time_s")}
    assert times["costs.price"].at_low == times["costs.price"].at_high == costmodel.estimate(BASE).totals["time_s"]


@pytest.mark.parametrize(
    ("base", "total", "says"),
    [
        (BASE, "cost", "no figure is called 'cost'; write one of time_s, cost_usd"),
        (BASE | {"devices": 1}, "time_s", "fit"),
    ],
)
def test_what_cannot_be_asked(base, total, says):
    with pytest.raises(SensitivityError, match=says):
        costmodel.sensitivity(base, total)


def test_command(capsys):
    assert run(["sensitivity", *QUICK]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Cost is ")
    assert max(map(len, lines)) <= 120
    assert run(["sensitivity", *QUICK, "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "costmodel/sensitivity/1"
    assert found["rows"][0]["label"] in lines[0]
    assert run(["sensitivity", *QUICK, "-o", "csv"]) == 0
    assert capsys.readouterr().out.startswith("path,label,unit,low,high,at_low,at_high,source\n")
    assert run(["sensitivity", *QUICK, "--set", "devices=1"]) == 3
    assert run(["sensitivity", *QUICK, "--total", "nothing"]) == 2
