"""Whole estimates: published runs, sums, properties, units, ranges, layouts."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import costmodel
from costmodel import engine
from costmodel.api import estimate
from costmodel.job import Assumption, Layout, dimensions
from costmodel.loading import load
from costmodel.ranges import draw, normals
from costmodel.resolve import resolve
from costmodel.units import NONE, unit

TRAIN = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": {"kind": "train", "tokens": 1e12}}
SERVE = {"model": "llama-3.1-70b", "hardware": "h100-sxm", "devices": 4, "workload": "serve", "precision": "fp8"}
INFER = SERVE | {"workload": {"kind": "infer", "requests": 10_000}}
DAY = 86400


def test_gpt3_on_1024_a100():
    # Narayanan et al. 2021 (arXiv:2104.04473), §5.1: 34 days for 300 billion tokens at 140 TFLOP/s per device.
    answer = estimate("examples/gpt-3.yaml")
    assert answer.totals["time_s"] / DAY == pytest.approx(34, rel=0.25)
    assert answer.ranges["time_s"]["p10"] < 34 * DAY < answer.ranges["time_s"]["p90"]


@pytest.mark.parametrize("form", [dict, load])
def test_overrides_change_whatever_says_the_scenario(form):
    assert estimate(form(TRAIN), ["devices=32", "ranges=false"]).resolved.scenario.devices == 32


@pytest.mark.parametrize("scenario", [TRAIN, SERVE, INFER], ids=["train", "serve", "infer"])
def test_breakdowns_add_up(scenario):
    answer = estimate(scenario | {"ranges": False})
    for name, parts in answer.outcome.breakdown.items():
        assert sum(parts.values()) == pytest.approx(answer.totals[name], rel=1e-12)
        assert all(part >= 0 for part in parts.values())
    assert sum(answer.outcome.memory_parts.values()) == pytest.approx(answer.outcome.memory_used, rel=1e-12)


@pytest.mark.parametrize("scenario", [TRAIN, SERVE, INFER], ids=["train", "serve", "infer"])
def test_units_of_a_whole_estimate(scenario):
    resolved = resolve(load(scenario))
    job = replace(dimensions(resolved.assumptions), parallelism=Layout(*[NONE] * len(Layout.__slots__)))
    result = engine.outcome(job, resolved.kind)
    expected = {"time_s": "s", "cost_usd": "USD", "energy_j": "J", "carbon_kg": "kg", "staff_hours": "person*h"}
    for name, text in expected.items():
        assert result.totals[name].powers == unit(text)[1].powers, name
    assert str(result.memory_used) == "B"


@pytest.mark.parametrize(
    ("path", "low", "high", "figure"),
    [
        ("workload.tokens", "1e11", "1e12", "time_s"),
        ("costs.price", "1 USD/h", "3 USD/h", "cost_usd"),
        ("costs.pue", "1.1", "1.5", "energy_j"),
        ("costs.grid", "50 g/kWh", "500 g/kWh", "carbon_kg"),
        ("costs.checkpoints_kept", "1", "9", "storage_byte_months"),
    ],
)
def test_more_costs_more(path, low, high, figure):
    less, more = (estimate(TRAIN | {"ranges": False}, [f"{path}={value}"]) for value in (low, high))
    assert less.totals[figure] < more.totals[figure]


def test_faster_hardware_is_never_slower():
    device = {
        "memory": "80 GB",
        "memory_bandwidth": "2 TB/s",
        "peak": {"bf16": "300 TFLOP/s"},
        "tdp": "400 W",
        "link_bandwidth": "300 GB/s",
        "network_bandwidth": "25 GB/s",
    }
    costs = {"price": "2 USD/h"}
    slow = estimate(TRAIN | {"hardware": device, "costs": costs, "ranges": False})
    for change in (
        {"memory_bandwidth": "4 TB/s"},
        {"peak": {"bf16": "600 TFLOP/s"}},
        {"network_bandwidth": "100 GB/s"},
    ):
        fast = estimate(TRAIN | {"hardware": device | change, "costs": costs, "ranges": False})
        assert fast.totals["time_s"] <= slow.totals["time_s"]


def test_energy_by_hand():
    answer = estimate(TRAIN | {"ranges": False})
    job, totals = answer.outcome.job, answer.totals
    hosts = 64 * job.hardware.host_power * totals["time_s"]
    assert answer.outcome.breakdown["energy_j"]["hosts"] == pytest.approx(hosts)
    equipment = totals["energy_j"] / job.costs.pue
    devices = equipment - hosts
    assert 0.27 * 700 <= devices / 64 / totals["time_s"] <= 700  # between its base and its TDP


def test_layout_rule_takes_the_first_that_fits():
    answer = estimate(TRAIN | {"ranges": False})
    layout, fits = answer.outcome.job.parallelism, answer.fits
    assert fits
    assert (layout.tp, layout.pp, layout.recompute) == (1, 1, 0)
    lower = estimate(
        TRAIN | {"ranges": False},
        [
            f"parallelism.zero={int(layout.zero) - 1}",
            "parallelism.recompute=none",
            "parallelism.tp=1",
            "parallelism.pp=1",
        ],
    )
    assert not lower.fits


def test_what_does_not_fit_says_what_would():
    answer = estimate(TRAIN | {"devices": 1, "ranges": False})
    assert not answer.fits
    assert answer.remedy
    assert answer.remedy.startswith("--set devices=")
    devices = answer.remedy.removeprefix("--set devices=").split(",")[0]
    assert estimate(TRAIN | {"devices": int(devices), "ranges": False}).fits


@pytest.mark.parametrize(
    ("model", "said", "remedy"),
    [
        ("llama-3.1-8b", [], {"workload.adapters.rank": 16}),
        ("llama-3.1-70b", [], {"workload.adapters.rank": 16, "compression": "nf4"}),
        ("llama-3.1-70b", ["workload.adapters.rank=8"], {"compression": "nf4"}),
        ("llama-3.1-405b", [], {"devices": 128}),  # 228 GB in 4.5 bits: no adapter helps
        ("whisper-large-v3", ["hardware=t4"], {"devices": 4}),  # adapters are of decoders alone
    ],
)
def test_a_fine_tune_that_does_not_fit_is_told_of_adapters(model, said, remedy):
    base = TRAIN | {"model": model, "devices": 1, "workload": "finetune", "ranges": False}
    answer = estimate(base, said)
    assert answer.changes == remedy
    assert estimate(base, [*said, *(f"{path}={value}" for path, value in remedy.items())]).fits


def test_no_more_devices_are_advised_than_a_scenario_takes():
    base = {"model": "llama-3.1-70b", "hardware": "h100-sxm", "workload": "serve", "ranges": False}
    few, many = (estimate(base | {"devices": n, "parallelism": {"dp": n}}) for n in (1000, 9_000_000))
    assert few.changes == {"devices": 2000}
    assert many.changes == {}


def test_ranges_contain_the_value_and_widen_with_ignorance():
    wide = estimate(TRAIN).ranges
    narrow = estimate(TRAIN | {"costs": {"price": "2.99 USD/h", "staff": "none"}}).ranges

    def width(found):
        return found["cost_usd"]["p90"] / found["cost_usd"]["p10"]

    assert width(narrow) < width(wide)
    answer = estimate(TRAIN)
    for name in ("time_s", "cost_usd", "energy_j", "carbon_kg"):
        assert answer.ranges[name]["p10"] < answer.totals[name] < answer.ranges[name]["p90"]


@pytest.mark.parametrize("hardware", ["cpu-epyc-2core", "h100-sxm", "a100-sxm-80gb", "l40s", "t4", "b200-sxm"])
def test_answers_lie_within_their_ranges(hardware):
    works = ("train", "finetune", "serve", "infer", {"kind": "infer", "input_tokens": 512, "output_tokens": 1})
    fitting = 0
    for model, devices, workload in product(("pythia-160m", "llama-3.2-1b", "llama-3.1-8b"), (1, 16), works):
        scenario = {"model": model, "hardware": hardware, "devices": devices, "workload": workload}
        answer = estimate(scenario | {"costs": {"price": "1 USD/h"}})
        for name in answer.ranges.keys() & answer.totals:
            low, high = answer.ranges[name]["p10"], answer.ranges[name]["p90"]
            assert low * (1 - 1e-9) <= answer.totals[name] <= high * (1 + 1e-9), (scenario, name)
        fitting += answer.fits
    assert fitting >= 8


@pytest.mark.parametrize(("value", "bound"), [(0.6, 1.0), (1.1, 1.1), (4.0, 4.0)])
def test_fractions_are_drawn_within_their_bound(value, bound):
    values = draw(Assumption("x", value, "fraction", "fitted", "", 0.8 * value, 2 * value), normals(("x",))[0])
    assert values.max() == bound
    assert np.median(values) == pytest.approx(value, rel=0.01)


def test_draws_have_the_stated_percentiles():
    z = normals(("x",))
    values = draw(Assumption("x", 2.0, "1", "default", "", 1.0, 8.0), z[0])
    assert np.quantile(values, [0.1, 0.5, 0.9]) == pytest.approx([1.0, 2.0, 8.0], rel=0.03)
    together = np.corrcoef(normals(tuple(map(str, range(100))))) - np.eye(100)
    assert (together**2).mean() < 1.2 / z.shape[1]  # as independent draws: 1 / n
    assert abs(together).max() < 5 / np.sqrt(z.shape[1])


def test_serving_fills_memory_but_no_more():
    answer = estimate(SERVE | {"traffic": {"utilisation": 1.0}, "ranges": False})
    assert answer.fits
    assert answer.outcome.performance["sequences_in_flight"] == answer.outcome.performance["max_sequences"]


def test_request_rate_below_saturation_is_served():
    answer = estimate(SERVE | {"traffic": {"request_rate": "2 requests/s"}, "ranges": False})
    assert answer.outcome.performance["requests"] == pytest.approx(2 * 30 * DAY)


def test_a_machine_measured_whole_costs_its_electricity():
    said = {"model": "gpt2", "hardware": "cpu-epyc-2core", "devices": 1, "workload": "infer", "ranges": False}
    answer = estimate(said)
    parts = {name: cost for name, cost in answer.outcome.breakdown["cost_usd"].items() if cost}
    assert set(parts) == {"energy", "storage"}
    assert parts["energy"] == answer.totals["energy_cost_usd"]
    hosted = estimate(said | {"costs": {"hosting": "1 USD/h"}})
    assert hosted.outcome.breakdown["cost_usd"]["hosting"] == pytest.approx(answer.totals["time_s"] / 3600)
    assert not any("costs.hosting" in warning for warning in hosted.warnings)
    rented = estimate(said | {"costs": {"price": "2 USD/h"}})
    assert rented.outcome.breakdown["cost_usd"]["energy"] == 0


def test_public_names():
    assert callable(costmodel.estimate)
    assert callable(costmodel.sweep)
    assert "64 × h100-sxm" in repr(costmodel.estimate(TRAIN))
