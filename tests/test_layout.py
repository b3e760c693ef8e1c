"""Layouts: the rule, what a stated degree implies, what cannot exist, and what each degree does."""

import pytest

from costmodel.api import estimate
from costmodel.engine import lay_out
from costmodel.job import numbers
from costmodel.loading import load
from costmodel.resolve import resolve
from costmodel.source import ScenarioError

BASE = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": "train", "ranges": False}
SHAPE = {"layers": 32, "hidden": 4096, "heads": 32, "kv_heads": 8, "ffn": 14336, "vocab": 128256}


def layout(*changes):
    return estimate(BASE, changes).outcome.job.parallelism


def degrees(*changes):
    found = layout(*changes)
    return found.tp, found.pp, found.dp


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["parallelism.dp=64"], (1, 1, 64)),
        (["parallelism.dp=8"], (8, 1, 8)),
        (["parallelism.dp=2"], (8, 4, 2)),
        (["parallelism.dp=4", "parallelism.pp=4"], (4, 4, 4)),
        (["parallelism.dp=4", "parallelism.tp=2"], (2, 8, 4)),
        (["parallelism.dp=1", "devices=24"], (8, 3, 1)),
        (["parallelism.tp=16"], (16, 1, 4)),
        (["parallelism.vp=2"], (1, 2, 32)),  # interleaving needs more than one stage
    ],
)
def test_what_is_unsaid_follows_from_what_is_said(changes, expected):
    assert degrees(*changes) == expected


def test_an_engine_that_runs_few_requests_needs_room_for_no_more():
    # Weights of 16 GB leave a device of 80 GB room for hundreds of requests.
    assert degrees("devices=8", "workload=serve", "engine.max_sequences=1") == (1, 1, 8)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["parallelism.tp=64"], "64 does not divide the model's 32 heads"),
        (["parallelism.tp=3", "devices=24"], "3 does not divide the model's 32 heads"),
        (["parallelism.pp=64"], "pp · vp = 64 · 1 is more than the model's 32 layers"),
        (["parallelism.pp=8", "parallelism.vp=5"], "pp · vp = 8 · 5 is more"),
        (["parallelism.dp=1", "devices=67"], "67 cannot be shared out"),
        (
            ["workload.global_batch=32", "parallelism.tp=1", "parallelism.pp=1"],
            "32 is less than dp · micro_batch",
        ),
        (["precision=nvfp4"], "no peak for nvfp4; write one of"),
    ],
)
def test_layouts_that_cannot_exist(changes, says):
    with pytest.raises(ScenarioError) as caught:
        estimate(BASE, changes)
    assert says in str(caught.value)
    assert caught.value.clash


def test_kv_heads_replicate_beyond_their_number():
    # Llama 3.1 8B has 8 KV heads: with 16 shards each device still holds one (Pope et al. 2022, §3.3).
    serve = BASE | {"workload": {"kind": "serve", "input_tokens": 1000, "output_tokens": 1000}, "devices": 32}
    cache = {}
    for tp in (8, 16, 32):
        answer = estimate(serve | {"parallelism": {"tp": tp}, "traffic": {"concurrency": 1}})
        cache[tp] = answer.outcome.memory_parts["KV cache"]
    assert cache[8] == cache[16] == cache[32] == 2000 * 32 * 2 * 128 * 2


@pytest.mark.parametrize("devices", [24, 64, 384, 1000, 4096, 16384])
def test_the_default_batch_stays_about_four_million_tokens(devices):
    job = estimate(BASE, [f"devices={devices}"]).outcome.job
    assert 0.7 < job.workload.global_batch * job.workload.sequence / 2**22 < 1.4
    assert job.workload.global_batch % (job.parallelism.dp * job.parallelism.micro_batch) == 0


def test_a_long_run_on_many_devices_has_a_larger_batch():
    # Llama 3 405B: 16 M tokens for most of 15.6 T (Grattafiori et al. 2024, §3.4.1).
    job = estimate(BASE, ["devices=4096", "workload.tokens=15.6e12"]).outcome.job
    assert job.workload.global_batch * job.workload.sequence == 2**24


def test_a_batch_that_devices_force_is_said():
    answer = estimate(BASE, ["devices=1009"])  # a prime: neither tp nor pp can take some of them
    assert answer.outcome.job.workload.global_batch == 1009
    assert "grew to 8.27 M tokens" in answer.warnings[0]
    assert not estimate(BASE, ["devices=1024"]).warnings


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("workload.global_batch=1", "no evidence for 0.00"),  # the best for 160 B tokens is 1.45 M tokens
        ("workload.global_batch=8192", "no evidence for 46"),
        ("workload.tokens=1e6", "one step takes 4.19 M tokens"),
    ],
)
def test_absurd_batches_are_said(change, says):
    small = ["devices=1", "parallelism.recompute=full", "hardware=b200-sxm"]
    assert any(says in warning for warning in estimate(BASE, [*small, change]).warnings)


SERVER = BASE | {"model": "qwen2.5-32b", "devices": 8, "workload": "serve"}


def test_a_much_better_server_layout_is_named_with_what_to_type():
    first = estimate(SERVER)
    (warning,) = first.warnings
    better = estimate(SERVER, [warning.rpartition("--set ")[2]])
    times = better.outcome.performance["requests_per_s"] / first.outcome.performance["requests_per_s"]
    assert times >= 1.5
    assert f"{times:.2g} times" in warning
    assert not better.warnings
    assert not estimate(SERVER, ["parallelism.tp=1"]).warnings  # who states a layout has chosen
    assert not estimate(SERVER | {"model": "llama-3.1-8b"}).warnings


def test_sequence_parallelism_splits_norms():
    node = ["parallelism.tp=8", "parallelism.pp=1", "parallelism.zero=1", "parallelism.micro_batch=1"]
    on, off = (estimate(BASE, [*node, f"parallelism.sequence_parallel={said}"]) for said in ("true", "false"))
    assert on.outcome.memory_parts["activations"] < off.outcome.memory_parts["activations"]
    parts_on, parts_off = on.outcome.breakdown["time_s"], off.outcome.breakdown["time_s"]
    assert parts_on["memory-bound operators"] < parts_off["memory-bound operators"]
    # Full recomputation keeps what each layer got: 2 B · tokens · hidden, on one of 8 devices or on each.
    node.append("parallelism.recompute=full")
    on, off = (estimate(BASE, [*node, f"parallelism.sequence_parallel={said}"]) for said in ("true", "false"))
    more = off.outcome.memory_parts["activations"] - on.outcome.memory_parts["activations"]
    assert more > 0.9 * 32 * 2 * 8192 * 4096 * 7 / 8


def test_sequence_parallelism_without_tensor_parallelism_does_nothing():
    one = ["parallelism.tp=1"]
    on, off = (estimate(BASE, [*one, f"parallelism.sequence_parallel={said}"]) for said in ("true", "false"))
    assert on.totals == off.totals


def step(layers, pp):
    scenario = {
        "model": SHAPE | {"layers": layers, "vocab": 1000},
        "devices": 24,
        "workload": {"kind": "train", "tokens": 1e10, "sequence": 4096, "global_batch": 480},
        "parallelism": {"pp": pp, "tp": 1, "micro_batch": 1, "zero": 0, "recompute": "full"},
    }
    return estimate(BASE | scenario).outcome.performance["step_time_s"]


def test_the_slowest_stage_sets_the_rhythm():
    # A head so small that it weighs less than a layer: 31, 32 and 33 layers on 3 stages all have one of 11.
    assert step(31, 3) == pytest.approx(step(32, 3), rel=1e-12)
    assert step(30, 3) < step(32, 3) < step(33, 3)
    assert step(33, 3) / step(32, 3) == pytest.approx(1, abs=0.02)


def test_a_head_heavier_than_a_layer_sets_the_rhythm():
    # 128,256 × 4,096 weighs more than two layers: 31 layers on 3 stages wait for that with 10 layers and the head.
    model = {"model": SHAPE, "devices": 24, "parallelism": {"pp": 3, "tp": 1, "micro_batch": 1, "zero": 1}}
    work = {"workload": {"kind": "train", "tokens": 1e10, "sequence": 2048, "global_batch": 480}}
    even, uneven = (
        estimate(BASE | model | work, [f"model.layers={layers}"]).outcome.performance["step_time_s"]
        for layers in (30, 31)
    )
    assert uneven == pytest.approx(even, rel=5e-3)  # the optimizer has a layer more


def test_layouts_of_arrays_are_those_of_their_elements():
    from dataclasses import replace

    import numpy as np

    devices = [1.0, 7.0, 8.0, 24.0, 64.0, 96.0, 1000.0]
    job = numbers(resolve(load(BASE | {"model": "llama-3.1-70b"})).assumptions)
    together = lay_out(replace(job, devices=np.array(devices)), "train")
    for i, alone in enumerate(lay_out(replace(job, devices=n), "train") for n in devices):
        for name in alone.__slots__:
            assert np.broadcast_to(getattr(together, name), len(devices))[i] == getattr(alone, name), (devices[i], name)


def test_embedding_and_head_count_as_layers_of_stages():
    # Llama 3.1 405B: 126 layers, embedding and head on 16 stages of 8 chunks (Llama Team 2024, §3.3.2: the first and
    # the last stage have a layer less each).
    deep = {"model": SHAPE | {"layers": 126, "vocab": 1000}, "devices": 16}
    work = {"workload": {"kind": "train", "tokens": 1e10, "sequence": 4096, "global_batch": 64}}
    stages = {"parallelism": {"pp": 16, "vp": 8, "tp": 1, "micro_batch": 1, "zero": 0, "recompute": "full"}}
    uneven = estimate(BASE | deep | work | stages).outcome.breakdown["time_s"]
    even = estimate(BASE | deep | work | stages, ["model.layers=128"]).outcome.breakdown["time_s"]
    assert uneven["attention"] == pytest.approx(even["attention"])  # both wait for a stage of eight layers
    with pytest.raises(ScenarioError, match=r"is above model\.layers = 125"):
        estimate(BASE | deep | work | stages, ["model.layers=125"])


def test_a_pipeline_gathers_sharded_weights_once():
    deep = {"devices": 64, "workload": {"kind": "train", "tokens": 1e10, "sequence": 4096, "global_batch": 512}}
    stated = {"tp": 1, "pp": 4, "micro_batch": 1, "recompute": "none"}
    three, two = (estimate(BASE | deep | {"parallelism": stated | {"zero": zero}}).outcome for zero in (3, 2))
    # Gathered weights stay for the step (Llama Team 2024, §3.3.2): a stage of 8 layers holds them as with ZeRO-2.
    assert three.memory_parts["weights"] == two.memory_parts["weights"]
    assert three.memory_parts["gathered layers"] == 0
    flat = estimate(BASE | deep | {"parallelism": stated | {"zero": 3, "pp": 1}}).outcome
    assert flat.memory_parts["weights"] == pytest.approx(2 * flat.performance["parameters"] / 64)


@pytest.mark.parametrize(
    ("name", "domain", "gigabytes"),
    [
        ("l40s", 8, 31.5),  # a server's PCIe, of eight cards
        ("a100-pcie-80gb", 8, 31.5),  # a bridge is optional
        ("rtx-4090", 4, 31.5),  # the largest workstation of the catalog
        ("t4", 8, 15.75),  # states no link at all
        ("rtx-a6000", 2, 56.25),  # a bridge joins two
        ("h100-sxm", 8, 450),
        ("gb200", 72, 900),
    ],
)
def test_scale_up_domains_of_cards(name, domain, gigabytes):
    found = numbers(resolve(load(BASE | {"hardware": name, "costs": {"price": "1 USD/h"}})).assumptions).hardware
    assert (found.scale_up_domain, found.link_bandwidth) == (domain, gigabytes * 1e9)
