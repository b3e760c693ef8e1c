"""The text of an answer: what was computed, ranges people can read, advice that can be followed."""

import re
import shlex
from itertools import product

import pytest

import costmodel
from costmodel.advice import narrowing
from costmodel.api import estimate
from costmodel.loading import load
from costmodel.report.quantities import interval, number, show, with_range
from costmodel.report.sweep import sentence as sweep_sentence
from costmodel.report.text import render, sentence
from costmodel.units import counted

TRAIN = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": {"kind": "train", "tokens": 1e12}}
IMAGES = {"model": "torchvision-resnet50", "hardware": "h100-sxm", "devices": 8}
SERVE = TRAIN | {"devices": 8, "workload": "serve"}
DEVICE = {"memory": "80 GB", "memory_bandwidth": "2 TB/s", "peak": {"bf16": "300 TFLOP/s"}, "tdp": "400 W"}


@pytest.mark.parametrize(
    ("low", "high", "unit", "text"),
    [
        (630, 1100, "person*h", "630–1,100 hours"),
        (14 * 86400, 23 * 86400, "s", "14–23 days"),
        (50 * 60, 2 * 3600, "s", "0.83–2 h"),
        (160e3, 410e3, "USD", "160–410 k USD"),
        (0.0, 5e5, "USD", "0–500 k USD"),
        (5.0, 9e5, "USD", "0.005–900 k USD"),
        (2.3e-6, 4.2e-6, "USD", "2.3e-06–4.2e-06 USD"),
    ],
)
def test_intervals(low, high, unit, text):
    assert interval(low, high, unit) == text


def test_a_range_has_the_unit_of_its_value():
    assert with_range(71.4, 7.7, 760.0, "s") == "1.19 min (0.13–13 min)"
    assert with_range(58.0, 40.0, 100.0, "s") == "58 s (40–100 s)"


def test_a_range_is_not_rounded_past_its_value():
    assert with_range(0.9979, 0.9953, 0.9993, "1") == "0.998 (0.995–0.999)"
    assert with_range(480.6, 455.0, 480.9, "1") == "481 (455–481)"


@pytest.mark.parametrize(
    ("value", "text"), [(589e9, "589 B"), (1.5e12, "1.5 T"), (123456, "123,000"), (0.0001234, "0.000123")]
)
def test_large_counts_have_one_notation(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("scenario", "says"),
    [
        (TRAIN, "Work: 1 T tokens in sequences of 8,192, global batch 512 (4.19 M tokens)."),
        (
            SERVE,
            "Work: requests with prompts of 1,024 tokens and answers of 256, 50% as many in flight as can run at once.",
        ),
        (SERVE | {"traffic": {"concurrency": 32}}, "answers of 256, 32 in flight per replica."),
        (SERVE | {"traffic": {"request_rate": "5 requests/s"}}, "answers of 256, 5 requests/s arriving."),
        (SERVE | {"workload": {"kind": "serve", "period": "1 year"}}, " for 1 year costs "),
        (IMAGES | {"workload": {"kind": "train", "samples": 1e6, "epochs": 90}}, "1 M samples, 90 times over, global"),
        (IMAGES | {"workload": {"kind": "train", "samples": 1e6}}, "Work: 1 M samples, once over, global batch"),
        (SERVE | {"workload": {"kind": "infer", "requests": 7}}, "Work: 7 requests with prompts of 1,024 tokens"),
    ],
)
def test_what_was_computed_is_said(scenario, says):
    assert says in render(estimate(scenario | {"ranges": False}))


@pytest.mark.parametrize("kind", ["serve", "infer"])
def test_serving_says_speed_and_cost(kind):
    text = render(estimate(SERVE | {"workload": kind}))
    for label in ("output tokens per second", "cost per million output tokens", "time to first token"):
        assert f"\n{label} " in text
    assert "\ntime per output token " in text


def test_a_team_grows_with_the_run_unless_it_is_stated():
    def people(devices, **costs):
        return estimate(TRAIN | {"devices": devices, "ranges": False, "costs": costs}).outcome.job.costs.people

    # One person to eight devices, up to eight of each; then with the root: GPT-3 had 10,000 devices and 25 people, but
    # Llama 3 on 16,384 had 220.
    assert [people(n) for n in (1, 8, 64, 256, 16384)] == [0.125, 1, 8, 16, 128]
    assert people(8, staff="industry") == 8
    assert people(8, staff={"people": 3, "rate": "1 USD/h"}) == 3
    said = {a.path: a for a in estimate(TRAIN | {"devices": 256}).assumptions}
    assert (said["costs.people"].value, said["costs.people"].status) == (16, "inferred")
    assert (said["costs.team"].low, said["costs.team"].high) == (3, 20)
    assert estimate(TRAIN | {"costs": {"staff": "none"}}).totals["staff_hours"] == 0


def test_one_of_a_thing_is_not_many():
    one = costmodel.sweep(TRAIN | {"ranges": False}, {"devices": [64]})
    assert sweep_sentence(one, ["devices"]).startswith("1 of 1 point is feasible")
    two = costmodel.sweep(TRAIN | {"ranges": False}, {"devices": [64, 128]})
    assert sweep_sentence(two, ["devices"]).startswith("2 of 2 points are feasible")
    assert [counted(n, "row") for n in (0, 1, 1024, "1 k")] == ["0 rows", "1 row", "1,024 rows", "1 k rows"]
    assert [show(n * 1e9, "B*month") for n in (1, 2)] == ["1 GB-month", "2 GB-months"]


def test_the_headline_splits_off_staff():
    assert ", of which 77.1 k USD rent." in sentence(estimate(TRAIN))
    assert "of which" not in sentence(estimate(TRAIN | {"costs": {"staff": "none"}}))
    assert "USD capital." in sentence(estimate(TRAIN | {"costs": {"pricing": "own"}}))


def test_prices_of_bought_hardware_beside_a_rent_are_said_to_do_nothing():
    stated = TRAIN | {"ranges": False, "costs": {"hosting": "1 USD/h", "utilisation": 0.5}}
    (warning,) = (said for said in estimate(stated).warnings if "costs.hosting and costs.utilisation" in said)
    bought = estimate(stated | {"costs": stated["costs"] | {"pricing": "own"}})
    assert warning.endswith("set costs.pricing=own")
    assert warning not in bought.warnings
    assert (
        bought.totals["cost_usd"] > estimate(TRAIN | {"ranges": False, "costs": {"pricing": "own"}}).totals["cost_usd"]
    )


def test_memory_nearly_full_is_called_tight():
    full = TRAIN | {"ranges": False, "hardware": DEVICE, "costs": {"price": "1 USD/h"}}
    used = estimate(full).outcome.memory_used
    device = estimate(full).outcome.job.parallelism
    kept = {"parallelism": {"tp": 1, "pp": 1, "zero": int(device.zero), "micro_batch": int(device.micro_batch)}}
    for share, tight in ((0.96, True), (0.94, False)):
        memory = {"hardware": DEVICE | {"memory": f"{used / share / 1e9} GB"}}
        assert ("(tight)" in render(estimate(full | kept | memory))) is tight


@pytest.mark.parametrize("hardware", ["h100-sxm", "t4", "cpu-epyc-2core", DEVICE], ids=str)
def test_what_advice_says_to_type_can_be_typed(hardware):
    works = ("train", "finetune", "serve", "infer")
    rented = [{}, {"pricing": "spot"}, {"pricing": "reserved-3y"}] if hardware == "h100-sxm" else [{"price": "1 USD/h"}]
    hints = set()
    for workload, costs in product(works, [*rented, {"pricing": "own", "hardware_price": "9000 USD"}]):
        scenario = {"model": "llama-3.2-1b", "hardware": hardware, "devices": 8, "workload": workload, "costs": costs}
        answer = estimate(scenario)
        found = {words for drivers in answer.drivers.values() for words, _ in narrowing(answer.resolved, drivers)}
        for words in (*found, *answer.warnings):
            for change in re.findall(r"--set (\S+='.*?'|\S+)", words):
                estimate(load(scenario, shlex.split(change)))
        hints |= found
    assert not any("profile." in words for words in hints)
    assert any(words.startswith("--set ") for words in hints)
