"""Parameters, FLOPs and KV cache of dense decoders against published counts and hand calculations."""

import pytest

from costmodel.api import estimate
from costmodel.architectures.dense_decoder import ElementBytes, Pass, program
from costmodel.catalog import models
from costmodel.job import numbers
from costmodel.loading import load
from costmodel.program import forward_flops, parameters
from costmodel.resolve import resolve
from costmodel.source import ScenarioError
from costmodel.workloads.train_program import whole


def job(model, **more):
    return numbers(
        resolve(load({"model": model, "hardware": "h100-sxm", "devices": 8, "workload": "train"} | more)).assumptions
    )


@pytest.mark.parametrize("row", [r for r in models.dense_decoders() if r.params_exact], ids=lambda r: r.id)
def test_parameters_equal_the_published_count(row):
    assert parameters(whole(job(row.id), 1024.0)) == row.params_published


def test_flops_of_a_forward_pass_by_hand():
    # Llama 3.1 8B, one sequence of 8,192: 2 FLOP per weight of every product and token, and causal attention.
    layer = 4096 * (4096 + 2 * 1024) + 4096 * 4096 + 3 * 4096 * 14336
    products = 2 * 8192 * (32 * layer + 4096 * 128256)
    attention = 4 * 32 * 4096 * 8192 * 8193 / 2
    assert forward_flops(whole(job("llama-3.1-8b"), 8192.0)) == pytest.approx(products + attention, rel=1e-12)


def test_kv_cache_by_hand():
    # Llama 3.1 70B: 80 layers × 2 × 8 KV heads × 128 × 2 B = 327,680 B per token (Meta's config.json).
    shape, size = job("llama-3.1-70b").model, ElementBytes(2.0, 2.0, 2.0, 4.0)
    one = program(shape, Pass(1.0, 1.0, 100.0, 1.0), size, 1.0, 1.0)
    assert one.kv_per_token * shape.layers == 327_680
    assert program(shape, Pass(1.0, 1.0, 100.0, 1.0), size, 8.0, 8.0).kv_per_token * 8 == one.kv_per_token
    # Fewer KV heads than shards: they are replicated (Pope et al. 2022, §3.3).
    assert program(shape, Pass(1.0, 1.0, 100.0, 1.0), size, 16.0, 16.0).kv_per_token * 8 == one.kv_per_token


def test_shards_hold_the_whole_model():
    shape, size, run = job("llama-3.1-70b").model, ElementBytes(2.0, 2.0, 2.0, 4.0), Pass(1.0, 128.0, 0.0, 128.0)
    one, four = (program(shape, run, size, n, n) for n in (1.0, 4.0))
    assert 4 * forward_flops(four) == pytest.approx(forward_flops(one), rel=1e-12)
    assert 4 * parameters(four) == pytest.approx(parameters(one), rel=1e-3)  # norms are on every shard


def test_unfused_attention_by_hand():
    # GPT-2, one sequence of 1,024: 12 heads × 1,024² scores in 16 bits; Korthikanti et al. 2022, §4.1: 5as²b are kept.
    fused, unfused = (
        program(job("gpt2").model, Pass(1.0, 1024.0, 0.0, 1024.0), ElementBytes(2.0, 2.0, 2.0, 4.0, written), 1.0, 1.0)
        for written in (None, 2.0)
    )
    scores = 12 * 1024**2 * 2
    by_name = {o.name: o for o in unfused.layer}
    assert by_name["softmax of scores"].traffic == 4.5 * scores
    queries_and_outputs, keys_and_values = 2 * 1024 * 768 * 2, 2 * 1024 * 768 * 2
    assert by_name["scores"].traffic == (queries_and_outputs + keys_and_values) / 2 + scores
    assert by_name["scores"].flops == by_name["weighted values"].flops == 2 * 12 * 1024**2 * 64
    kept = [sum(o.saved for o in made.layer) for made in (fused, unfused)]
    assert kept[1] - kept[0] == 5 * 12 * 1024**2


def test_unfused_attention_takes_longer_and_more_memory():
    base = {"model": "gpt2", "hardware": "a100-sxm-80gb", "devices": 8, "parallelism": {"micro_batch": 8}}
    for workload in ("train", "serve"):
        asked = base | {"workload": workload, "parallelism": {"micro_batch": 8} if workload == "train" else {}}
        fused, unfused = (estimate(asked | {"engine": {"attention": kind}}) for kind in ("fused", "unfused"))
        name = "step_time_s" if workload == "train" else "ttft_s"
        assert unfused.outcome.performance[name] > 1.02 * fused.outcome.performance[name]
    assert unfused.outcome.performance["tpot_s"] >= fused.outcome.performance["tpot_s"]


def test_a_network_without_attention_cannot_have_it_unfused():
    asked = {"model": "resnet-50", "hardware": "h100-sxm", "devices": 1, "workload": "train"}
    with pytest.raises(ScenarioError, match="a residual network has no attention"):
        estimate(asked | {"engine": {"attention": "unfused"}})
