"""What holds for every answer, over random scenarios of all architectures, devices and kinds of work."""

import json
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from costmodel import catalog, compare, estimate, sweep
from costmodel.catalog import CatalogError
from costmodel.cli.main import run
from costmodel.source import ScenarioError

TEXT = ("gpt2", "pythia-70m", "llama-3.1-8b", "qwen3-8b", "llama-3.1-70b")
MODELS = (*TEXT, "torchvision-resnet50", "torchvision-vit-l-16", "bert-large", "whisper-large-v3", "dlrm-criteo-1tb")
DEVICES = [row["id"] for row in catalog.rows("hardware")]
COSTS = {"price": "2 USD/h"}

counts = st.sampled_from([1, 2, 3, 8, 16, 64, 100, 1024])
loads = st.just({}) | st.builds(lambda share: {"utilisation": share}, st.floats(0.01, 1))


@st.composite
def scenarios(draw, models=MODELS, kinds=("train", "finetune", "serve", "infer")):
    kind = draw(st.sampled_from(kinds))
    return {
        "model": draw(st.sampled_from(models)),
        "hardware": draw(st.sampled_from(DEVICES)),
        "devices": draw(counts),
        "workload": {"kind": kind},
        "costs": COSTS,
        "traffic": draw(loads) if kind in ("serve", "infer") else {},
        "precision": draw(st.sampled_from([{}, {"compute": "fp32"}, {"compute": "fp16"}, {"compute": "fp8"}])),
    }


def answered(scenario):
    """The estimate of a scenario; one that is refused or does not fit is no example."""
    try:
        answer = estimate(scenario)
    except (ScenarioError, CatalogError):
        assume(False)
    assume(answer.fits)
    return answer


@settings(max_examples=100, deadline=None)
@given(scenarios())
def test_answers_are_finite_add_up_and_lie_in_their_ranges(scenario):
    answer = answered(scenario)
    found, job = answer.outcome, answer.outcome.job
    figures = answer.totals | found.performance
    assert all(math.isfinite(value) and value >= 0 for value in figures.values())
    assert answer.totals["time_s"] > 0
    for total, parts in found.breakdown.items():
        assert min(parts.values()) >= 0
        assert math.isclose(sum(parts.values()), answer.totals[total], rel_tol=1e-9)
    assert math.isclose(sum(found.memory_parts.values()), found.memory_used, rel_tol=1e-9)
    assert found.memory_used <= job.hardware.memory
    for name, value in figures.items():
        spread = answer.ranges[name]
        assert spread["p10"] <= spread["p50"] <= spread["p90"]
        assert spread["p10"] * (1 - 1e-9) <= value <= spread["p90"] * (1 + 1e-9), name


@settings(max_examples=100, deadline=None)
@given(scenarios())
def test_nothing_is_faster_than_its_device(scenario):
    answer = answered(scenario | {"ranges": False})
    found, hardware = answer.outcome, answer.outcome.job.hardware
    assert found.performance.get("mfu", 0) <= 1
    flops = found.performance.get("model_flops", 0)
    assert flops <= answer.totals["device_seconds"] * hardware.peak * (1 + 1e-9)
    if "tpot_s" in found.performance and scenario["model"] in TEXT:
        model = found.job.model
        read = 1 - model.vocab * model.hidden / found.performance["parameters"]  # all weights but a table of tokens
        assert read * found.memory_parts["weights"] / hardware.memory_bandwidth <= found.performance["tpot_s"]
    power = found.breakdown["energy_j"]
    drawn = power["devices idle"] + power["devices load"]
    assert drawn <= answer.totals["device_seconds"] * hardware.tdp * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(scenarios())
def test_a_sweep_and_a_comparison_say_what_an_estimate_says(scenario):
    scenario |= {"ranges": False}
    answer = answered(scenario)
    table = sweep(scenario, {"devices": [scenario["devices"]]})
    for name, value in answer.totals.items():
        assert math.isclose(table[f"totals.{name}"][0], value, rel_tol=1e-9)
    assert [each.totals for each in compare(scenario, scenario)] == [answer.totals] * 2


def test_the_root_of_the_working_is_the_answer(capsys):
    file = "examples/llama-3.1-8b.yaml"
    answer = estimate(file)
    for name, value in answer.totals.items():
        assert run(["explain", f"totals.{name}", file, "-o", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["value"] == value


@settings(max_examples=40, deadline=None)
@given(scenarios(TEXT, ("train",)), st.integers(10**9, 10**13), st.integers(2, 20))
def test_more_tokens_take_more_of_everything(scenario, tokens, times):
    fewer, more = (
        answered(scenario | {"workload": {"kind": "train", "tokens": amount}, "ranges": False}).totals
        for amount in (tokens, times * tokens)
    )
    assert all(more[name] >= value for name, value in fewer.items())


@settings(max_examples=40, deadline=None)
@given(scenarios(TEXT, ("serve",)), st.floats(0.01, 0.5))
def test_a_busier_server_answers_more_and_each_more_slowly(scenario, share):
    quiet, busy = (
        answered(scenario | {"traffic": {"utilisation": load}, "ranges": False}).outcome.performance
        for load in (share, 2 * share)
    )
    for name in ("requests_per_s", "ttft_s", "tpot_s", "latency_s"):
        assert busy[name] >= quiet[name] * (1 - 1e-9)


@settings(max_examples=40, deadline=None)
@given(scenarios(("gpt2",), ("train", "infer")), st.integers(1, 60), st.integers(8, 40))
def test_a_deeper_and_wider_model_is_slower(scenario, layers, width):
    layout = {"tp": 1, "pp": 1, "micro_batch": 1} | ({"zero": 3, "recompute": "full"} if width % 2 else {})
    work = {"kind": scenario["workload"]["kind"]}
    work |= {"tokens": 1e9} if work["kind"] == "train" else {}
    layout = layout if work["kind"] == "train" else {"tp": 1}

    def time(deep, wide):
        shape = {"layers": deep, "hidden": 128 * wide, "heads": wide, "ffn": 512 * wide, "vocab": 32000}
        changed = {"model": shape, "workload": work, "parallelism": layout, "ranges": False}
        return answered(scenario | changed).totals["time_s"]

    base = time(layers, width)
    for larger in (time(2 * layers, width), time(layers, 2 * width)):
        assert larger > base if work["kind"] == "train" else larger >= base  # small ones wait for the host alike


@pytest.mark.parametrize("hardware", ["h100-sxm", "h200-sxm", "b200-sxm", "l40s", "mi300x"])
def test_large_products_are_faster_in_8_bits_and_slower_in_32(hardware):
    layout = {"tp": 1, "pp": 1, "zero": 3, "micro_batch": 1, "recompute": "full"}
    scenario = {"model": "llama-3.1-8b", "hardware": hardware, "devices": 64, "workload": "train", "costs": COSTS}
    found = [
        estimate(scenario | {"parallelism": layout, "precision": name, "ranges": False}).outcome
        for name in ("fp8", "bf16", "tf32", "fp32")
    ]
    steps = [each.performance["step_time_s"] for each in found]
    assert steps == sorted(steps)
    # Attention and head are in 16 bits beside 8, and never in fewer than the layers.
    peaks = [each.job.hardware for each in found]
    assert [each.peak_16bit for each in peaks] == [each.peak for each in (peaks[1], *peaks[1:])]
    # Adam's moments take 8 B a parameter, and a copy of the weights 4 where these have 16 bits (arXiv 1910.02054, 3.1).
    assert [each.job.precision.optimizer_state for each in found] == [12, 12, 8, 8]
    assert [each.job.precision.weights for each in found] == [2, 2, 4, 4]
