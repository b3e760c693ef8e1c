"""Model size as an axis, and the size of least cost for training plus serving."""

import json
import math
import re
import shlex
import typing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel
from costmodel.api import estimate
from costmodel.architectures.family import FAMILIES, member, smallest
from costmodel.catalog import CatalogError
from costmodel.cli.main import run
from costmodel.plan.formulas import (
    epochs,
    generation_at,
    joined_spread,
    lifetime_cost,
    loss_left,
    served_loss,
    tokens_of_worth,
)
from costmodel.plan.money import PlanError
from costmodel.plan.quality import MOST_PER_PARAMETER, Quality, Served
from costmodel.quality import scaling
from costmodel.quality.evidence import NoEvidence
from costmodel.report.plan import render, sentence
from costmodel.shapes import ModelFamily
from costmodel.source import ScenarioError

ROOT = Path(__file__).parent.parent
BASE = {
    "model": {"family": "llama", "parameters": "13 B"},
    "hardware": "h100-sxm",
    "devices": 1024,
    "workload": "train",
    "ranges": False,
}
# Loss of 13 billion parameters at 20 tokens each by the refit of Besiroglu et al. 2024.
TARGET = 2.102
plans = {}


def plan(served=0.0, **question):
    """A plan on BASE, made once."""
    key = (served, *sorted(question.items()))
    if key not in plans:
        plans[key] = costmodel.plan.size(BASE, served, **question)
    return plans[key]


# Size as an axis.


def test_families_of_the_schema_are_those_with_a_rule():
    assert set(typing.get_args(ModelFamily.model_fields["family"].annotation)) == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=30, deadline=None)
@given(st.floats(8.3, 13))
def test_a_member_has_about_the_parameters_asked_for(family, exponent):
    wanted = 10.0**exponent
    _, made = member(family, wanted)
    assert made == pytest.approx(wanted, rel=0.03 if wanted > 1e9 else 0.2)


@pytest.mark.parametrize(("family", "wanted"), [("llama", 8e9), ("llama", 70e9), ("gpt", 1.3e9), ("gpt", 175e9)])
def test_the_estimate_counts_what_the_rule_made(family, wanted):
    answer = estimate(BASE | {"model": {"family": family, "parameters": wanted}, "devices": 4096})
    assert answer.outcome.performance["parameters"] == pytest.approx(member(family, wanted)[1], rel=1e-12)


def test_the_rule_comes_close_to_published_shapes():
    # Grattafiori et al. 2024, table 3: 8 B has 32 layers of 4,096, 70 B has 80 of 8,192.
    assert 27 <= member("llama", 8e9)[0]["layers"] <= 37
    assert 60 <= member("llama", 70e9)[0]["layers"] <= 90
    # Brown et al. 2020, table 2.1: 175 B has 96 layers of 12,288.
    assert 85 <= member("gpt", 175e9)[0]["layers"] <= 107


def test_what_differs_from_the_size_asked_for_is_said():
    answer = estimate(BASE)
    assert any("13.15 B (+1.2%)" in warning for warning in answer.warnings)
    assert next(a for a in answer.assumptions if a.path == "model.layers").status == "inferred"


def test_size_is_an_axis():
    found = costmodel.sweep(BASE, {"model.parameters": [1e9, 7e9, 70e9]})
    alone = [
        estimate(BASE | {"model": {"family": "llama", "parameters": n}}).totals["time_s"] for n in (1e9, 7e9, 70e9)
    ]
    assert found["totals.time_s"] == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"family": "lama", "parameters": "13 B"}, "did you mean 'llama'"),
        ({"family": "llama", "parameters": "2 M"}, "write at least 6.7e"),
        ({"family": "llama", "parameters": "1e99"}, "at most 100 T"),
        ({"family": "llama", "parameters": float("nan")}, "not a finite number"),
        ({"family": "llama", "parameters": -3}, "at least 1 M"),
        ({"parameters": 1e9}, "family: is missing"),
        ({"family": "llama"}, "parameters: is missing"),
        ({"family": "llama", "parameters": 1e9, "layers": 3}, "unknown key 'layers'"),
    ],
)
def test_bad_sizes_are_one_line(model, says):
    with pytest.raises(ScenarioError, match=says) as error:
        costmodel.load(BASE | {"model": model})
    assert len(str(error.value).splitlines()) == 1


def test_the_smallest_member_is_one():
    assert member("llama", smallest("llama"))[1] == smallest("llama")


# The worked example: training and serving at equal loss (Sardana et al. 2024) with the refit's constants.


@pytest.mark.parametrize(
    ("served", "utilisation", "expected"),
    [(0, 0.4, 13.0e9), (1e11, 0.4, 11.3e9), (1e12, 0.4, 7.2e9), (1e12, 0.05, 4.5e9), (1e13, 0.4, 4.3e9)],
)
def test_worked_example_with_plain_operations(served, utilisation, expected):
    # 6·N·D of training at 0.4 of peak, 2·N·T of serving at `utilisation`; figures found apart from this program.
    n = np.geomspace(2.2e9, 5e10, 3000)
    with np.errstate(invalid="ignore"):
        d = Quality(scaling.law("chinchilla-refit"), None, None).tokens(
            scaling.law("chinchilla-refit").constants, TARGET, n
        )
    cost = lifetime_cost(6 * n * d / 0.4, 2 * n * served / utilisation)
    assert n[np.nanargmin(cost)] == pytest.approx(expected, rel=0.02)


def test_each_size_is_served_in_its_cheapest_degree():
    free = plan(1e12, loss=TARGET)
    stated = [plan(1e12, loss=TARGET, serve=(f"parallelism.tp={n}",)) for n in (1, 2, 4)]
    for one in free.curve:
        same = [c.serving_usd for other in stated for c in other.curve if c.parameters == one.parameters]
        assert one.serving_usd <= min(same, default=np.inf) * (1 + 1e-9)
    assert free.best.total_usd <= min(other.best.total_usd for other in stated)


def test_worked_example_with_the_products_own_money():
    # Utilisation differs by size here; 13 B and 7.2 B are the optima when it does not.
    alone, served = plan(loss=TARGET), plan(1e12, loss=TARGET)
    assert alone.best.parameters == pytest.approx(13e9, rel=0.3)
    assert alone.compute_optimal.parameters == pytest.approx(13e9, rel=0.03)
    assert alone.compute_optimal.tokens / alone.compute_optimal.parameters == pytest.approx(20, rel=0.05)
    assert served.best.parameters == pytest.approx(7.2e9, rel=0.3)
    assert served.best.total_usd / served.compute_optimal.total_usd == pytest.approx(0.83, abs=0.08)


def test_the_more_is_served_the_smaller_the_model():
    found = [plan(served, loss=TARGET).best for served in (0.0, 1e11, 1e12, 1e13)]
    sizes, tokens = [best.parameters for best in found], [best.tokens for best in found]
    assert sizes == sorted(sizes, reverse=True)
    assert tokens == sorted(tokens)
    assert sizes[-1] < 0.6 * sizes[0]


def test_no_size_shown_is_cheaper_than_the_best():
    for served in (0.0, 1e12):
        found = plan(served, loss=TARGET)
        assert min(row.total_usd for row in found.rows) == found.best.total_usd
        assert found.flat[0] <= found.best.parameters <= found.flat[1]


def test_a_plan_is_what_estimates_say():
    best = plan(1e12, loss=TARGET).best
    model = dict(best.shape)
    trained = estimate(BASE | {"model": model, "workload": {"kind": "train", "tokens": best.tokens}})
    assert best.training_usd == pytest.approx(trained.totals["cost_usd"], rel=1e-9)
    served = estimate(BASE | {"model": model, "workload": "serve"})
    tokens = served.outcome.performance["requests"] * (1024 + 256)
    assert best.serving_usd == pytest.approx(served.totals["cost_usd"] / tokens * 1e12, rel=1e-9)
    assert best.total_usd == pytest.approx(best.training_usd + best.serving_usd, rel=1e-12)
    assert best.loss == pytest.approx(scaling.loss(best.parameters, best.tokens).value, abs=1e-9)
    assert best.loss == pytest.approx(TARGET, abs=1e-6)


def test_a_larger_budget_buys_a_lower_loss():
    found = [plan(1e11, budget=usd).best for usd in (2e4, 5e4, 2e5, 1e6)]
    losses = [best.loss for best in found]
    assert losses == sorted(losses, reverse=True)
    for best, usd in zip(found, (2e4, 5e4, 2e5, 1e6), strict=True):
        assert best.total_usd == pytest.approx(usd, rel=2e-3)


def test_budget_and_loss_are_two_ways_to_one_plan():
    best = plan(1e12, loss=TARGET).best
    again = plan(1e12, budget=best.total_usd).best
    assert again.loss == pytest.approx(TARGET, abs=1e-3)
    assert again.parameters == pytest.approx(best.parameters, rel=0.1)


def test_what_published_runs_have_not_tested_is_clipped():
    found = plan(1e14, loss=TARGET)
    assert found.best.tokens / found.best.parameters <= MOST_PER_PARAMETER
    assert any(warning.startswith("clipped: ") for warning in found.warnings)
    assert not any(warning.startswith("clipped: ") for warning in plan(1e12, loss=TARGET).warnings)


def test_ranges_hold_the_value_and_rivals_are_named():
    found = costmodel.plan.size(BASE | {"ranges": True}, 1e12, loss=TARGET)
    for name in ("parameters", "tokens", "total_usd"):
        low, high = found.ranges[name]
        assert low <= getattr(found.best, name) <= high
    assert found.ranges["total_usd"][0] < 0.9 * found.best.total_usd
    assert set(found.rivals) <= set(scaling.laws()) - {"chinchilla-refit"}
    assert plan(1e12, loss=TARGET, law="open-lm-c4").ranges.keys() <= {"total_usd"}


# Quantised serving and repeated data.


def test_serving_in_fewer_bits_asks_for_more_training():
    whole, four = plan(1e13, loss=TARGET), plan(1e13, loss=TARGET, serve=("precision.weights=int4",))
    known, served = four.law.constants, Served("calibrated", 4.125, 128.0)
    trained = float(scaling.scaling_loss(four.best.parameters, four.best.tokens, **known))
    assert trained + served.added(four.best.parameters, four.best.tokens) == pytest.approx(TARGET, abs=1e-4)
    assert trained < TARGET - 0.01
    # The loss by quantisation grows with tokens per parameter, which pulls the plan back (Kumar et al. 2024).
    assert four.best.tokens / four.best.parameters < whole.best.tokens / whole.best.parameters


def test_compression_of_the_service_counts_too():
    assert plan(1e13, loss=TARGET, serve=("compression=int4",)).served.bits == pytest.approx(4.16, abs=0.05)
    assert plan(1e12, loss=TARGET, serve=("precision=fp8",)).served.bits == 8
    assert plan(1e12, loss=TARGET).served is None


def test_generations_by_tokens_per_parameter():
    assert generation_at(20e9, 1e9, 2.7) == 1
    assert generation_at(15e12, 8e9, 2.7) == pytest.approx(2.7)
    assert generation_at(10**2.5 * 1e9, 1e9, 2.7) == pytest.approx(math.sqrt(2.7))


def test_repeated_data():
    # Muennighoff et al. 2023: with enough new data, the law is the plain one; the worth of repeats is turned around.
    plain, ample = plan(loss=2.4, law="data-constrained"), plan(loss=2.4, unique_tokens=1e13)
    assert (ample.best.parameters, ample.best.tokens) == (plain.best.parameters, plain.best.tokens)
    scarce = plan(loss=2.4, unique_tokens=8e9)
    assert scarce.best.total_usd > plain.best.total_usd
    assert 1 < epochs(scarce.best.tokens, 8e9) <= scaling.EPOCHS
    again = scaling.loss(scarce.best.parameters, scarce.best.tokens, "data-constrained", 8e9).value
    assert again == pytest.approx(2.4, abs=1e-6)
    worth = scaling.worth_of_repeats(5e10, 1e10, 15.39)
    assert tokens_of_worth(worth, 1e10, 15.39) == pytest.approx(5e10)


def test_small_formulas():
    assert served_loss(loss_left(2.1, 0.03), 0.03) == pytest.approx(2.1)
    assert joined_spread(2.0, 1.0) == pytest.approx(2.0)
    assert joined_spread(1.1, 1.1) == pytest.approx(1.1 ** math.sqrt(2))


# What cannot be answered.


@pytest.mark.parametrize(
    ("question", "kind", "says"),
    [
        ({}, PlanError, "either a loss or a budget"),
        ({"loss": 2.1, "budget": 1e6}, PlanError, "either a loss or a budget"),
        ({"loss": math.nan}, PlanError, "above 0"),
        ({"loss": -1.0}, PlanError, "above 0"),
        ({"loss": 1.5}, NoEvidence, "irreducible"),
        ({"loss": 1.83}, NoEvidence, "write a loss above"),
        ({"loss": "2.1 EUR"}, PlanError, "loss: '2.1 EUR' is not a number; write for example '2.1'"),
        ({"budget": "5 M EUR"}, PlanError, "unknown unit 'EUR'; write for example '5 M USD'"),
        ({"budget": "5"}, PlanError, "needs a unit; write for example '5 M USD'"),
        ({"budget": 0}, PlanError, "above 0"),
        ({"loss": 2.1, "unique_tokens": 1}, NoEvidence, "1 unique tokens, seen at most 16 times, are too few"),
        ({"loss": 50.0}, NoEvidence, "below"),
        ({"budget": math.inf}, PlanError, "above 0"),
        ({"budget": 1e17}, NoEvidence, "beyond"),
        ({"budget": 1e30}, PlanError, "between"),
        ({"loss": 2.1, "unique_tokens": 1e6}, NoEvidence, "write a loss above"),
        ({"loss": 2.1, "unique_tokens": 1e12, "law": "pythia"}, NoEvidence, "data-constrained"),
        ({"loss": 2.1, "law": "chinchila"}, CatalogError, "chinchilla-"),
        ({"loss": 2.1, "serve_tokens": -1.0}, PlanError, "above 0"),
        ({"loss": 2.1, "serve_tokens": 1e30}, PlanError, "between"),
        ({"loss": 2.1, "serve": ["devices=8"]}, PlanError, "nothing is served"),
        ({"loss": 2.1, "serve_tokens": 1e12, "serve": ["model=llama-3.1-8b"]}, ScenarioError, "chooses the model"),
        ({"loss": 2.1, "serve_tokens": 1e12, "serve": ["workload=infer"]}, ScenarioError, "served"),
        ({"loss": 2.1, "serve_tokens": 1e12, "serve": ["compression=2:4"]}, ScenarioError, "quantised weights"),
        (
            {"loss": 2.1, "serve_tokens": 1e12, "serve": ["hardware=b200-sxm", "precision=nvfp4"]},
            NoEvidence,
            "no evidence in nats",
        ),
        ({"loss": 2.1, "overrides": ["model=llama-3.1-8b"]}, ScenarioError, "within a family"),
        ({"loss": 2.1, "overrides": ["workload=serve"]}, ScenarioError, "write train"),
        ({"loss": 2.1, "overrides": ["devics=8"]}, ScenarioError, "devices"),
        ({"loss": 2.1, "overrides": ["workload.tokens=1e12"]}, ScenarioError, "the plan chooses the tokens"),
    ],
)
def test_what_cannot_be_planned_is_one_line(question, kind, says):
    with pytest.raises(kind, match=says) as error:
        costmodel.plan.size(BASE, **question)
    assert len(str(error.value).splitlines()) == 1


def test_numbers_may_be_text():
    """The same notation in Python and at the command line."""
    assert costmodel.plan.size(BASE, "1 T", budget="5 M USD") == costmodel.plan.size(BASE, 1e12, budget=5e6)
    assert costmodel.plan.size(BASE, loss="2.1 nats").best == costmodel.plan.size(BASE, loss=2.1).best


def test_what_does_not_fit_is_an_answer():
    found = costmodel.plan.size(BASE, 1e13, budget=10.0)
    assert found.best is None
    assert "pays no size" in sentence(found)
    assert render(found) == sentence(found)
    json.dumps(found.as_dict(), allow_nan=False)


# The command.


def test_json_and_csv(capsys):
    words = ["plan", "size", str(ROOT / "examples/plan-size.yaml"), "--loss", "2.1", "--serve-tokens", "1 T"]
    assert run([*words, "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "costmodel/plan-size/1"
    assert found["best"]["total_usd"] == pytest.approx(found["best"]["training_usd"] + found["best"]["serving_usd"])
    assert run([*words, "-o", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("plan,parameters,tokens,tokens_per_parameter,loss,training_usd")
    assert len(lines) == len(found["rows"]) + 1


def test_exit_codes(capsys):
    words = ["plan", "size", str(ROOT / "examples/plan-size.yaml")]
    assert run([*words, "--budget", "10 USD", "--serve-tokens", "1e13"]) == 3
    assert run([*words, "--loss", "nan"]) == 2
    assert run([*words, "--budget", "5 EUR"]) == 2
    assert run(["plan", "size"]) == 2
    assert all(line.startswith("costmodel: ") for line in capsys.readouterr().err.splitlines())


DOCUMENT = (ROOT / "docs/size.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", re.findall(r"^costmodel (.*)$", DOCUMENT, re.MULTILINE))
def test_commands_of_the_document(line, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert run(shlex.split(line)) == 0
    assert capsys.readouterr().out
