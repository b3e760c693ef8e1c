"""Each assumption alone: swings against estimates in which it is stated, and the command that shows them."""

import json
import math
import re
import shlex

import pytest

import costmodel
from costmodel.cli.main import run
from costmodel.job import Assumption
from costmodel.loading import loads, to_yaml
from costmodel.report.sensitivity import moving, remedy
from costmodel.resolve import resolve
from costmodel.source import ScenarioError
from costmodel.stated import path_of, rule
from costmodel.tornado import SensitivityError

BASE = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": {"kind": "train", "tokens": 1e12}}
PRICES = {"h100-sxm": {}, "cpu-epyc-2core": {"price": "1 USD/h"}}
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


@pytest.mark.parametrize("kind", ["train", "serve"])
def test_every_assumption_can_be_stated_and_then_answers_as_its_swing(kind):
    base = BASE | {"workload": kind, "ranges": False}
    asked = costmodel.load(base)
    for swing in costmodel.sensitivity(base, "energy_j"):
        path, known = path_of(asked, swing.path), Assumption(swing.path, swing.high, swing.unit, "", "")
        said = rule(known).write(swing.high) if path.startswith("assumptions.") else None
        if said is None:  # in words of its own: above
            continue
        moved = costmodel.estimate(costmodel.load(base, [(path, said)]))
        assert moved.totals["energy_j"] == pytest.approx(swing.at_high, rel=1e-9), path


def test_memory_is_in_bytes(capsys):
    assert run(["sensitivity", *QUICK, "--total", "memory_used_bytes"]) == 0
    said = capsys.readouterr().out
    assert re.match(r"Memory of a device is [\d.]+ GB; framework: fragmentation .* moves it most", said)


@pytest.mark.parametrize("kind", ["train", "finetune", "serve", "infer"])
@pytest.mark.parametrize("device", PRICES)
def test_what_is_said_of_every_swing_can_be_typed(kind, device):
    base = BASE | {"workload": kind, "hardware": device, "model": "llama-3.2-1b", "costs": PRICES[device]}
    answer = costmodel.estimate(base | {"ranges": False})
    for swing in moving(costmodel.sensitivity(base)):
        flag, change = shlex.split(remedy(swing, answer))
        assert flag == "--set"
        stated = resolve(costmodel.load(base, [change])).assumptions[swing.path]
        assert stated.status == "given", change


def test_the_text_says_what_to_type(capsys):
    assert run(["sensitivity", *QUICK]) == 0
    assert "for example: --set assumptions.costs.team='8 people'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("costs.rat", "1", "unknown assumption 'costs.rat'; did you mean 'costs.rate'"),
        ("costs.rate", "5", "needs a unit; write for example '328300 USD/person-year'"),
        ("costs.rate", "-5 USD/person-year", "at least 3283 USD/person-year"),
        ("costs.price", "5 USD/h", "is said in another place; write costs.price"),
        ("costs.grid", "SE", "is said in another place; write costs.grid"),
        ("devices", "5", "is said in another place; write devices"),
        ("model.layers", "5", "is said in another place; write model"),
        ("parallelism.tp", "2", "is said in another place; write parallelism.tp"),
        ("profile.matmul.compute_efficiency", "1.1", "at most 1"),
        ("profile.matmul.compute_efficiency", "0", "at least 0.007599, not '0'"),
        ("hardware.peak", "1e30 FLOP/s", "at most 98940 TFLOP/s"),
        ("profile.framework.time_factor", "many", "is not a number"),
        ("profile.framework", "[1]", "profile.framework=[1]: needs a number"),
    ],
)
def test_an_assumption_that_cannot_be_stated_so(path, value, says):
    with pytest.raises(ScenarioError, match=re.escape(says)):
        costmodel.estimate(costmodel.load(BASE, [f"assumptions.{path}={value}"]))


@pytest.mark.parametrize(
    ("said", "overrides", "says"),
    [
        ("{costs: {rate: 1 USD/s}, costs.rate: 1 USD/s}", [], "1:30: assumptions.costs.rate: is given twice"),
        ("{costs: {rate: 1 USD/s}, costs.restart: true}", [], "1:55: assumptions.costs.restart: needs a number"),
        ("{costs.own: 100}", ["costs.pricing=own"], "is said in another place; write costs.pricing"),
        ("{traffic.max_sequences: 2.5}", ["workload=serve"], "is said in another place; write engine.max_sequences"),
        ("{costs.team: 3}", [], "write for example '8 people'"),
        ("{costs.team: 3 people}", ["costs.staff=none"], "assumptions.costs.team: has no effect here (does not apply)"),
        ("{costs.people: 3 person}", [], "is said in another place; write costs.staff"),
        ("{costs.rate: 1 USD/h}", ["costs.staff={people: 3, rate: 1 USD/h}"], "costs.rate: is stated by another"),
    ],
)
def test_assumptions_stated_twice_or_as_no_number(said, overrides, says):
    text = f"{{assumptions: {said},\n model: llama-3.1-8b, hardware: h100-sxm, devices: 64, workload: train}}"
    with pytest.raises(ScenarioError, match=re.escape(says)):
        costmodel.estimate(loads(text, overrides))


@pytest.mark.parametrize("written", ["{costs.restart: 1 hour}", "{costs: {restart: 1 hour}}"])
def test_an_override_takes_the_place_of_an_assumption_however_it_is_written(written):
    text = f"assumptions: {written}\nmodel: gpt2\nhardware: h100-sxm\ndevices: 8\nworkload: train\n"
    for way in ("assumptions.costs.restart=2 hours", "assumptions={costs.restart: 2 hours}"):
        assert loads(text, [way]).assumptions == {"costs.restart": "2 hours"}
    assert loads(text, ["assumptions.costs.restart=null"]).assumptions == {}


@pytest.mark.parametrize("kind", ["train", "serve"])
def test_every_assumption_may_go_to_its_bounds(kind):
    base = BASE | {"workload": kind, "ranges": False}
    asked = costmodel.load(base)
    for own in costmodel.estimate(base).assumptions:
        if path_of(asked, own.path) == (path := f"assumptions.{own.path}"):
            for said in (rule(own).low, rule(own).high):
                answer = costmodel.estimate(costmodel.load(base, [(path, said)]))
                assert all(math.isfinite(figure) for figure in answer.totals.values()), (path, said)


def test_an_assumption_stated_in_a_file_goes_along(tmp_path):
    file = tmp_path / "scenario.yaml"
    file.write_text(
        "model: llama-3.1-8b\nhardware: h100-sxm\ndevices: 64\nworkload: train\n"
        "assumptions:\n  costs:\n    rate: 100000 USD/person-year\n  costs.restart: 1 hour\n"
    )
    answer = costmodel.estimate(str(file))
    stated = {a.path: a for a in answer.assumptions if a.status == "given"}
    assert stated["costs.rate"].value == pytest.approx(1e5 / (365.25 * 86400))
    assert stated["costs.restart"].value == 3600
    again = loads(to_yaml(answer.resolved.scenario))
    assert again == answer.resolved.scenario
    found = costmodel.sweep(again, {"assumptions.costs.rate": ["5000 USD/person-year", "2e5 USD/person-year"]})
    assert found["totals.cost_usd"][0] < answer.totals["cost_usd"] < found["totals.cost_usd"][1]
    file.write_text(file.read_text().replace("1 hour", "1 GB"))
    with pytest.raises(ScenarioError, match=r"scenario.yaml:8:18: assumptions.costs.restart: 'GB' has the wrong dim"):
        costmodel.estimate(str(file))


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
