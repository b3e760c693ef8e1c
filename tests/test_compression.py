"""Compression: bytes by hand, what leaves the arithmetic, sums along the chain, making, quality with evidence only."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import costmodel
from costmodel import engine, profile
from costmodel.api import estimate
from costmodel.compression.account import state
from costmodel.compression.schema import WORDS
from costmodel.job import Layout, dimensions
from costmodel.loading import load
from costmodel.quality.evidence import Evidence
from costmodel.resolve import resolve
from costmodel.units import NONE

LLAMA = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 1, "workload": "serve", "ranges": False}
BIG = LLAMA | {"model": "llama-3.1-70b", "devices": 4}
LORA = LLAMA | {"workload": {"kind": "finetune", "adapters": {"rank": 16}}}
# Llama 3.1 8B (Grattafiori et al. 2024, table 3): 32 layers of 4096, 8 KV heads of 128, MLP 14336, 128256 tokens.
PRODUCTS = 32 * (4096 * (4096 + 2 * 1024) + 4096 * 4096 + 3 * 4096 * 14336)
OTHERS = 2 * 128256 * 4096 + (2 * 32 + 1) * 4096
QUANTISE = {"method": "quantise"}


def compressed(*steps, base=LLAMA, **changes):
    return estimate(base | changes | {"compression": list(steps)})


def figures(answer):
    return state(answer.outcome, answer.resolved.kind)


# Bytes by hand.


@pytest.mark.parametrize(
    ("step", "bits"),
    [
        ({"weights": "int4", "group": 128, "symmetric": True}, 4 + 16 / 128),
        ({"weights": "int4", "group": 128}, 4 + 20 / 128),
        ({"weights": "int4"}, 4 + 20 / 128),
        ({"weights": "int3", "group": 64}, 3 + 19 / 64),
        ({"weights": "int8", "group": 128, "symmetric": True}, 8 + 16 / 128),
        ({"weights": "fp8"}, 8),
        ({"weights": "nvfp4"}, 4.5),
        ({"weights": "q6-k"}, 6.5625),
    ],
)
def test_weights_take_their_bits_with_scales_and_zero_points(step, bits):
    found = figures(compressed(QUANTISE | step))
    assert found.weights_bytes == pytest.approx(PRODUCTS * bits / 8 + OTHERS * 2, rel=1e-12)
    assert found.file_bytes == found.weights_bytes


def test_two_of_four_keeps_half_and_its_places():
    # Mishra et al. 2021, §3: of four values two, and two bits for the place of each: 9/16 of 16 bits.
    found = figures(compressed({"method": "sparsify", "pattern": "2:4"}))
    assert found.weights_bytes == pytest.approx(PRODUCTS * 2 * 9 / 16 + OTHERS * 2, rel=1e-12)


def test_zeros_anywhere_save_storage_and_no_time():
    plain, sparse = estimate(LLAMA), compressed({"method": "sparsify", "share": 0.5})
    assert figures(sparse).file_bytes == pytest.approx(PRODUCTS * (1 + 1 / 8) + OTHERS * 2, rel=1e-12)
    assert figures(sparse).weights_bytes == figures(plain).weights_bytes
    assert sparse.outcome.performance["tpot_s"] == plain.outcome.performance["tpot_s"]
    few = compressed({"method": "sparsify", "share": 0.01})
    assert figures(few).file_bytes == figures(plain).file_bytes  # marking every place would take more
    assert "storage alone" in sparse.compression[0].warnings[0]


def test_kv_cache_by_hand():
    # 2 · 32 layers · 8 heads · 128 features, one byte each instead of two
    assert figures(compressed(QUANTISE | {"kv_cache": "fp8"})).kv_bytes_per_token == 2 * 32 * 8 * 128


def test_pruning_removes_whole_parts():
    answer = compressed({"method": "prune", "layers": 0.25, "heads": 0.2, "width": 0.2}, base=BIG)
    shape = answer.outcome.job.model
    # 64 query heads in 8 groups: 6.4 groups are 6; 8192 · 0.8 and 28672 · 0.8 to multiples of 64
    assert (shape.layers, shape.kv_heads, shape.heads) == (60, 6, 48)
    assert (shape.hidden, shape.ffn) == (6528, 22912)
    per_layer = shape.hidden * 128 * (2 * 48 + 2 * 6) + 3 * shape.hidden * shape.ffn + 2 * shape.hidden
    ends = 2 * 128256 * shape.hidden + shape.hidden
    assert answer.outcome.performance["parameters"] == 60 * per_layer + ends


def test_pruned_models_never_lose_everything():
    tiny = {"layers": 1, "hidden": 8, "heads": 1, "ffn": 8, "vocab": 16}
    shape = compressed({"method": "prune", "layers": 0.99, "heads": 0.99, "width": 0.99}, model=tiny).outcome.job.model
    assert min(shape.layers, shape.hidden, shape.heads, shape.kv_heads, shape.ffn) >= 1


def test_the_student_takes_the_place_of_the_model():
    answer = compressed({"method": "distil", "student": "llama-3.1-8b", "tokens": 1e11}, base=BIG)
    alone = estimate(BIG | {"model": "llama-3.1-8b"})
    assert answer.totals == alone.totals
    assert answer.outcome.performance == alone.outcome.performance
    family = compressed(
        {"method": "distil", "student": {"family": "llama", "parameters": "3 B"}, "tokens": 1e9}, base=BIG
    )
    assert family.outcome.performance["parameters"] == pytest.approx(3e9, rel=0.2)


def test_a_group_wider_than_a_row_is_a_scale_per_row():
    wide, row = (
        compressed(QUANTISE | {"weights": "int3", "group": group}).compression[0].quality for group in (100_000, 4096)
    )
    assert wide == row
    narrow = compressed(QUANTISE | {"weights": "int3"}).compression[0].quality
    risk, usual = (next(e.value for e in found if e.unit == "probability") for found in (wide, narrow))
    assert risk == pytest.approx(3.5 / 9)  # 3 of 8 published models collapsed at 3 bits with a scale per channel
    assert usual < 0.1 < risk


# What it does to time.


def test_fewer_bits_never_slow_a_single_sequence():
    alone = BIG | {"devices": 4, "parallelism": {"tp": 4}, "traffic": {"concurrency": 1}}
    times = [
        estimate(alone | {"compression": [QUANTISE | {"weights": name, "group": 128}]}).outcome.performance["tpot_s"]
        for name in ("int8", "int6", "int5", "int4", "int3", "int2")
    ]
    plain = estimate(alone).outcome.performance["tpot_s"]
    assert [*times[::-1], plain] == sorted([*times, plain])


def test_published_speed_of_weight_only_formats():
    # pytorch/ao README (2024): Llama-2-7B on an A100 at batch 1, 105.14 tokens/s in bfloat16, 150.18 with int8 weights,
    # 199.86 with int4 weights in groups of 64.
    base = LLAMA | {"model": "llama-2-7b", "hardware": "a100-sxm-80gb", "traffic": {"concurrency": 1}}
    base |= {"workload": {"kind": "serve", "input_tokens": 8, "output_tokens": 200}, "engine": {"host_time": "0.1 ms"}}
    plain = estimate(base).outcome.performance["tpot_s"]
    for step, published in (({"weights": "int8"}, 150.18), ({"weights": "int4", "group": 64}, 199.86)):
        answer = compressed(QUANTISE | step, base=base)
        assert plain / answer.outcome.performance["tpot_s"] == pytest.approx(published / 105.14, rel=0.1)


def test_unpacking_slows_large_batches_less_than_bits_promise():
    one, many = ({"traffic": {"concurrency": n}, "parallelism": {"tp": 4}} for n in (1, 64))
    gain = [
        estimate(BIG | at).outcome.performance["tpot_s"]
        / estimate(BIG | at | {"compression": "int4"}).outcome.performance["tpot_s"]
        for at in (one, many)
    ]
    assert 1.3 < gain[0] < 16 / 4.16  # published: 1.3 to 3.8 at batch 1
    assert gain[1] < gain[0]


def test_published_batches_of_weight_only_formats():
    # vLLM, pull request 23197: Llama 3.1 8B on one H100, 256 tokens to 32, seconds for batches of 1, 4, 8 and 16.
    published = {
        None: (0.236, 0.260, 0.284, 0.336),
        "int8": (0.186, 0.231, 0.248, 0.300),
        "int4": (0.154, 0.194, 0.216, 0.267),
    }
    for name, times in published.items():
        for batch, time in zip((1, 4, 8, 16), times, strict=True):
            work = {"kind": "infer", "requests": batch, "input_tokens": 256, "output_tokens": 32}
            base = LLAMA | {"workload": work, "engine": {"max_sequences": batch}}
            answer = compressed(QUANTISE | {"weights": name}, base=base) if name else estimate(base)
            assert answer.totals["time_s"] == pytest.approx(time, rel=0.13 if name else 0.05)


def test_long_prompts_are_slower_through_unpacked_weights():
    # Published kernels of many rows, against 16 bits: 0.6 to 0.74 (Marlin, A100), 0.93 (TensorRT-LLM, A100).
    prompt = LLAMA | {"workload": {"kind": "serve", "input_tokens": 8192, "output_tokens": 8}}
    plain, packed = (estimate(prompt | {"compression": word}).outcome for word in ("none", "int4"))
    assert 0.6 < plain.performance["ttft_s"] / packed.performance["ttft_s"] < 1


def test_activations_compute_at_the_rate_of_their_format():
    at = {"parallelism": {"tp": 4}, "traffic": {"concurrency": 64}}
    weights, both = (
        compressed(QUANTISE | {"weights": "fp8"} | said, base=BIG, **at).outcome
        for said in ({}, {"activations": "fp8"})
    )
    assert both.job.hardware.peak == pytest.approx(2 * weights.job.hardware.peak_16bit, rel=1e-3)
    assert both.performance["ttft_s"] < weights.performance["ttft_s"]
    laws = [o.job.profile.matmul for o in (weights, both)]
    kept = profile.load("h100-sxm")["laws"]
    for law, kind in zip(laws, ("weight-only", "8bit"), strict=True):
        assert law.compute_efficiency == kept[f"matmul:{kind}"]["compute_efficiency"]["value"]


def test_fp8_is_the_same_in_both_sections():
    said = estimate(BIG | {"precision": "fp8"})
    step = estimate(BIG | {"compression": "fp8"})
    assert step.totals == said.totals
    assert step.outcome.performance == said.outcome.performance


def test_the_pattern_gains_less_than_twice():
    at = {"parallelism": {"tp": 4}}
    dense, sparse = (estimate(BIG | at | {"compression": word}) for word in ("none", "2:4"))
    assert 1 < sparse.outcome.job.hardware.peak / dense.outcome.job.hardware.peak < 2
    assert 1 < dense.outcome.performance["ttft_s"] / sparse.outcome.performance["ttft_s"] < 2


# The chain.

CHAIN = (
    {"method": "distil", "student": "llama-3.1-8b", "tokens": 1e11},
    {"method": "prune", "layers": 0.2, "tokens": 2e10},
    {"method": "sparsify", "pattern": "2:4"},
    {"method": "quantise", "weights": "int4", "kv_cache": "fp8"},
)


def test_a_chain_adds_up():
    answer = compressed(*CHAIN, base=BIG)
    steps = answer.compression
    assert [step.method for step in steps] == ["distil", "prune", "sparsify", "quantise"]
    assert all(a.after == b.before for a, b in itertools.pairwise(steps))
    assert steps[0].before == figures(estimate(BIG))
    assert steps[-1].after == figures(answer)
    saved = sum(step.before.weights_bytes - step.after.weights_bytes for step in steps)
    assert saved == pytest.approx(steps[0].before.weights_bytes - steps[-1].after.weights_bytes)
    assert all("do not simply add" in " ".join(step.warnings) for step in steps[1:])


def test_making_by_hand():
    teacher, student = 70.553706496e9, 8.030261248e9
    step = compressed(CHAIN[0], base=BIG).compression[0]
    # 6 N_s + 2 N_t at 0.12 of 989.4 TFLOP/s dense (docs/quality.md)
    assert step.device_seconds == pytest.approx(1e11 * (6 * student + 2 * teacher) / (0.12 * 989.4e12), rel=1e-3)
    stored = compressed(CHAIN[0] | {"stored_logits": True}, base=BIG).compression[0]
    assert stored.device_seconds / step.device_seconds == pytest.approx(6 * student / (6 * student + 2 * teacher))
    price = estimate(BIG).totals["cost_usd"] / estimate(BIG).totals["device_seconds"]
    assert step.cost_usd == pytest.approx(step.device_seconds * price, rel=0.01)
    saving = step.before.cost_per_million_tokens_usd - step.after.cost_per_million_tokens_usd
    assert step.break_even_tokens == pytest.approx(1e6 * step.cost_usd / saving)


def test_calibration_takes_what_was_published():
    # Frantar et al. 2023, abstract: 175 billion parameters in about four GPU hours, on one A100 (§4).
    base = BIG | {"model": "gpt-3-175b", "hardware": "a100-sxm-80gb", "devices": 8}
    step = compressed(QUANTISE | {"weights": "int4", "recipe": "gptq"}, base=base).compression[0]
    assert step.device_seconds / 3600 == pytest.approx(4, rel=0.1)
    assert compressed(QUANTISE | {"weights": "int4", "recipe": "rtn"}).compression[0].device_seconds == 0


def test_ranges_hold_the_value_and_are_left_out_when_not_asked_for():
    step = compressed(CHAIN[0], base=BIG | {"ranges": True}).compression[0]
    for name in ("device_seconds", "cost_usd"):
        low, high = step.ranges[name]
        assert low < getattr(step, name) < high
    assert compressed(CHAIN[0], base=BIG).compression[0].ranges == {}


def test_what_does_not_fit_before_has_no_break_even():
    step = compressed(QUANTISE | {"weights": "int4"}, base=BIG, devices=1).compression[0]
    assert step.before.cost_per_million_tokens_usd is None
    assert step.after.cost_per_million_tokens_usd > 0
    assert step.break_even_tokens is None


# Quality.


def test_quality_comes_with_its_evidence_or_not_at_all():
    answers = [
        compressed(*CHAIN, base=BIG),
        *(estimate(BIG | {"compression": w}) for w in WORDS if w not in ("none", "nvfp4")),
    ]
    for step in (step for answer in answers for step in answer.compression):
        assert step.quality or step.no_evidence
        for expected in step.quality:
            assert isinstance(expected.evidence, Evidence)
            assert expected.evidence.rows > 0
            assert expected.evidence.sources
            assert expected.evidence.cases
            assert expected.low <= expected.value <= expected.high


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([{"method": "prune", "layers": 0.25}], "without training after it is not predictable"),
        ([{"method": "distil", "student": "llama-3.2-1b", "tokens": 1e10}], "no evidence for"),
        ([{"method": "distil", "student": "llama-3.1-405b", "tokens": 1e10}], "does not become smaller"),
        ([{"method": "sparsify", "share": 0.7}], "published are 50 % and 2:4"),
        ([QUANTISE | {"weights": "int4", "activations": "fp8"}], "together"),
        ([QUANTISE | {"weights": "mxfp4"}], "weights alone"),
    ],
)
def test_what_nothing_published_answers_is_said(steps, reason):
    step = compressed(*steps, base=BIG, devices=64).compression[-1]
    assert reason in " ".join(step.no_evidence)


def test_newer_models_lose_more():
    older, newer = (
        compressed(QUANTISE | {"weights": "int4"}, model=name).compression[0].quality[0].value
        for name in ("llama-2-7b", "llama-3.1-8b")
    )
    assert 1 < older < newer < 1.2


# Adapters.


def test_adapters_by_hand():
    # Per layer and rank: in and out of the fused query, key and value, of the output, gate and up, and down products.
    per_layer = (4096 + 6144) + (4096 + 4096) + (4096 + 2 * 14336) + (14336 + 4096)
    full, low = estimate(LORA | {"workload": "finetune", "devices": 8}), estimate(LORA | {"devices": 8})
    trained = 16 * 32 * per_layer
    assert low.outcome.performance["parameters"] - full.outcome.performance["parameters"] == trained
    memory = low.outcome.memory_parts
    assert memory["weights"] == (PRODUCTS + OTHERS + trained) * 2
    assert memory["gradients"] == trained * 2
    assert memory["optimizer"] == trained * 12 / (8 if low.outcome.job.parallelism.zero else 1)
    assert (
        low.outcome.breakdown["storage_byte_months"]["checkpoints"]
        < full.outcome.breakdown["storage_byte_months"]["checkpoints"] / 100
    )


def test_frozen_products_save_a_third_of_the_arithmetic_at_most():
    full, low = estimate(LORA | {"workload": "finetune", "devices": 8}), estimate(LORA | {"devices": 8})
    per_token = [a.outcome.performance["model_flops"] / a.outcome.job.workload.tokens for a in (full, low)]
    assert 2 / 3 < per_token[1] / per_token[0] < 0.75
    assert 2 / 3 < full.outcome.performance["tokens_per_s"] / low.outcome.performance["tokens_per_s"] < 1


def test_qlora_stores_the_base_in_four_bits():
    answer = compressed(QUANTISE | {"weights": "nf4"}, base=LORA)
    trained = answer.outcome.performance["parameters"] - PRODUCTS - OTHERS
    assert answer.outcome.memory_parts["weights"] == pytest.approx(PRODUCTS * 4.5 / 8 + (OTHERS + trained) * 2)
    assert answer.outcome.performance["tokens_per_s"] < estimate(LORA).outcome.performance["tokens_per_s"]
    assert answer.compression[0].quality


def test_more_rank_trains_more():
    found = costmodel.sweep(LORA, {"workload.adapters.rank": [4, 16, 64]})
    assert list(found["performance.parameters"]) == sorted(set(found["performance.parameters"]))
    for rank, time in zip((4, 16, 64), found["totals.time_s"], strict=True):
        assert estimate(LORA, [f"workload.adapters.rank={rank}"]).totals["time_s"] == pytest.approx(time, rel=1e-12)


# One function, many kinds of number.


@pytest.mark.parametrize(
    "base", [BIG | {"compression": list(CHAIN)}, LORA | {"compression": [QUANTISE | {"weights": "nf4"}]}]
)
def test_units_of_compressed_estimates(base):
    resolved = resolve(load(base))
    job = replace(dimensions(resolved.assumptions), parallelism=Layout(*[NONE] * len(Layout.__slots__)))
    result = engine.outcome(job, resolved.kind)
    assert str(result.totals["time_s"]) == "s"
    assert str(result.memory_used) == "B"


def test_sweeps_over_steps_equal_single_estimates():
    chains = ["none", "int4", [{"method": "prune", "layers": 0.5}], [QUANTISE | {"weights": "int8", "kv_cache": "fp8"}]]
    found = costmodel.sweep(BIG, {"compression": chains, "workload.input_tokens": [128, 4096]})
    assert len(found["totals.time_s"]) == 8
    for place, (chain, length) in enumerate(itertools.product(chains, (128, 4096))):
        alone = estimate(BIG | {"compression": chain}, [f"workload.input_tokens={length}"])
        assert found["performance.tpot_s"][place] == pytest.approx(alone.outcome.performance["tpot_s"], rel=1e-12)
    inner = costmodel.sweep(BIG | {"compression": "2:4"}, {"devices": [4, 8]})
    assert np.all(inner["feasible"])


def test_a_swept_shape_is_pruned_too():
    shape = {"layers": 40, "hidden": 4096, "heads": 32, "kv_heads": 8, "head_dim": 128, "ffn": 14336, "vocab": 32000}
    base = LLAMA | {"model": shape, "compression": [{"method": "prune", "layers": 0.5}]}
    found = costmodel.sweep(base, {"model.layers": [16, 32]})
    alone = [estimate(base, [f"model.layers={n}"]).outcome.performance["parameters"] for n in (16, 32)]
    assert list(found["performance.parameters"]) == alone


def test_inner_values_can_be_set_and_swept():
    base = BIG | {"compression": [QUANTISE | {"weights": "int4"}]}
    found = costmodel.sweep(base, {"compression.0.group": [32, 128]})
    for group, used in zip((32, 128), found["memory.used_bytes"], strict=True):
        assert estimate(base, [f"compression.0.group={group}"]).outcome.memory_used == pytest.approx(used, rel=1e-12)
    assert base["compression"] == [QUANTISE | {"weights": "int4"}]
