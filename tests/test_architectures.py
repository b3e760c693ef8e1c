"""Vision, text, speech and recommendation: counts against published ones, units, workings, what makes no sense."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from costmodel.api import estimate
from costmodel.architectures import resnet
from costmodel.architectures.transformer import ElementBytes, Pass
from costmodel.catalog import models
from costmodel.engine import outcome, settle
from costmodel.job import Layout, dimensions, nodes, numbers
from costmodel.loading import load
from costmodel.plan.learning import batch
from costmodel.plan.money import PlanError
from costmodel.plan.pipeline import feed
from costmodel.plan.scaling import scale
from costmodel.program import forward_flops, parameters
from costmodel.ranges import drawn
from costmodel.resolve import resolve
from costmodel.roofline import roofline
from costmodel.source import ScenarioError
from costmodel.trace import Node, tracing
from costmodel.units import NONE
from costmodel.workloads.train_program import whole

NEW = ("vit-b-16", "bert-base", "resnet-50", "whisper-tiny", "dlrm-criteo-1tb")
WORK = ("train", "finetune", "serve", "infer")
BASE = {"hardware": "a100-sxm-80gb", "devices": 8, "workload": "train"}


def said(model, workload="train", **more):
    return load(BASE | {"model": model, "workload": workload} | more)


def program(model, tokens=1.0):
    return whole(numbers(resolve(said(model)).assumptions), tokens)


# Parameters: torchvision's weights (num_params), the Hugging Face checkpoints of BERT, RoBERTa and Whisper.
COUNTED = [
    *("vit-b-16", "vit-l-16", "vit-h-14", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("bert-base", "bert-large", "roberta-large"),
    *("whisper-tiny", "whisper-base", "whisper-small", "whisper-medium", "whisper-large-v3"),
]
# Billions of multiply-adds for an image, as torchvision publishes them (GFLOPS in its tables of weights).
PUBLISHED_GMAC = {
    **{"vit-b-16": 17.564, "vit-l-16": 61.555, "vit-h-14": 1016.717},
    **{"resnet18": 1.814, "resnet34": 3.664, "resnet50": 4.089, "resnet101": 7.801, "resnet152": 11.514},
}


@pytest.mark.parametrize("model", COUNTED)
def test_parameters_equal_the_published_count(model):
    assert parameters(program(model)) == models.model(model).params_published


@pytest.mark.parametrize(("model", "gmac"), PUBLISHED_GMAC.items())
def test_multiply_adds_equal_the_published_ones(model, gmac):
    assert forward_flops(program(model)) / 2e9 == pytest.approx(gmac, abs=6e-4)


def test_tables_of_the_recommender_take_what_the_benchmark_says():
    # 26 tables of 187,767,399 rows together, 128 wide; MLPs 13-512-256-128 and 479-1024-1024-512-256-1 (MLPerf).
    mlps = [13, 512, 256, 128], [479, 1024, 1024, 512, 256, 1]
    dense = sum(k * n + n for widths in mlps for k, n in pairwise(widths))
    assert parameters(program("dlrm")) == 187_767_399 * 128 + dense
    assert parameters(program("dlrm")) == pytest.approx(models.model("dlrm").params_published, rel=0.002)


# Radford et al. 2022, table 1, in millions; which tables the paper counts it does not say.
@pytest.mark.parametrize(
    ("size", "millions"), [("tiny", 39), ("base", 74), ("small", 244), ("medium", 769), ("large-v3", 1550)]
)
def test_speech_has_about_the_parameters_of_the_paper(size, millions):
    assert parameters(program(f"whisper-{size}")) == pytest.approx(millions * 1e6, rel=0.035)


def test_text_encoder_by_hand():
    # BERT base, 512 tokens: 12 layers of 12 · 768² weights, attention of every token to every other, the pooler.
    macs = 12 * (512 * 12 * 768**2 + 2 * 512**2 * 768) + 768**2
    assert forward_flops(program("bert-base", 512.0)) == pytest.approx(2 * macs, rel=1e-12)


def test_cached_keys_and_values_of_speech_by_hand():
    # Whisper large: 32 layers keep keys and values of 1,500 frames, 1,280 wide, in 2 bytes: 245.76 MB a window.
    work = {"kind": "infer", "requests": 1, "output_tokens": 100}
    found = estimate(said("whisper-large-v3", work, devices=1, ranges=False)).outcome.memory_parts
    assert found["KV cache"] == 32 * 2 * 1280 * 2 * (1500 + 101)


APPLICATIONS = (
    *("customer-service", "driving-perception", "medical-imaging"),
    *("recommendation", "speech-transcription", "phone-assistant"),
)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_examples_fit_and_say_what_they_assume(name):
    path = Path("examples") / f"{name}.yaml"
    answer = estimate(str(path))
    assert answer.fits
    assert not answer.warnings
    assert "# Assumed: " in path.read_text(encoding="utf-8")
    assert 0 < answer.ranges["cost_usd"]["p10"] < answer.ranges["cost_usd"]["p90"] < 30 * answer.totals["cost_usd"]


def test_roofline_leaves_out_what_a_model_has_none_of():
    found = roofline(said("resnet18", "serve"))  # no bottleneck: no middle convolution
    assert "stage 1 b" not in {point.operator for point in found.points}
    assert "stage 1 a" in {point.operator for point in found.points}
    assert set(found.total) == {"pass"}


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_network_for_inference_folds_its_norms_and_keeps_its_parameters_and_operations(name):
    job = numbers(resolve(said(name, "serve")).assumptions)
    one, none = 1.0, 0.0
    sizes = ElementBytes(2.0, 2.0, 2.0, 4.0)
    trained, frozen = (
        resnet.program(job.model, Pass(8.0, one, none, one, frozen=f), sizes, one, one) for f in (False, True)
    )
    assert parameters(frozen) == parameters(trained)
    assert forward_flops(frozen) == forward_flops(trained)
    assert {o.kind for o in frozen.layer} == {"matmul", "memory_bound"}  # the pool is left
    # He et al. 2016, table 1: 112² · 64 values behind the first convolution, which a norm and ReLU read and write.
    assert [o.name for o in frozen.layer][:2] == ["stem", "pool"]
    spared = [o.traffic for o in trained.layer if o.name in ("stem norm", "stem ReLU")]
    assert spared == [2 * 8 * 112**2 * 64 * 2] * 2


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("model", NEW)
def test_every_workload_is_answered_in_every_kind_of_number(model, work):
    resolved = resolve(said(model, work))
    job = settle(numbers(resolved.assumptions), resolved.kind)
    plain = outcome(job, resolved.kind)
    assert plain.feasible
    assert all(value >= 0 for value in (plain.totals | plain.performance).values())
    for total, parts in plain.breakdown.items():
        assert sum(parts.values()) == pytest.approx(plain.totals[total])
    array = outcome(drawn(resolved.assumptions, job.parallelism)[0], resolved.kind)
    assert array.totals["cost_usd"].min() < plain.totals["cost_usd"] < array.totals["cost_usd"].max()
    dims = replace(dimensions(resolved.assumptions), parallelism=Layout(*[NONE] * len(Layout.__slots__)))
    assert str(outcome(dims, resolved.kind).totals["time_s"]) == "s"
    with tracing():
        traced = outcome(replace(nodes(resolved.assumptions), parallelism=job.parallelism), resolved.kind)
    assert isinstance(traced.totals["cost_usd"], Node)
    assert float(traced.totals["cost_usd"]) == pytest.approx(plain.totals["cost_usd"], rel=1e-12)


def test_samples_and_epochs_multiply():
    once = estimate(said("resnet-50", {"kind": "train", "samples": 1e6}, ranges=False))
    often = estimate(said("resnet-50", {"kind": "train", "samples": 1e6, "epochs": 10}, ranges=False))
    assert often.outcome.performance["steps"] == pytest.approx(10 * once.outcome.performance["steps"], rel=0.01)
    assert once.outcome.performance["steps"] == -(-1e6 // 1024)
    assert "tokens_per_s" not in once.outcome.performance


@pytest.mark.parametrize(
    # State per parameter, with an fp32 copy of weights in 16 bits: SGD remembers nothing (Naumov et al. 2019), momentum
    # 4 B (He et al. 2016), Adam 8 B.
    ("model", "source", "state"),
    [("dlrm", "naumov-2019", 4), ("resnet-50", "he-2016", 8), ("bert-base", "loshchilov-2019", 12)],
)
def test_a_model_is_trained_with_its_usual_optimizer_unless_another_is_stated(model, source, state):
    found = resolve(load(said(model))).assumptions["precision.optimizer_state"]
    assert (found.value, found.source) == (state, f"{source}; rajbhandari-2020")
    stated = resolve(load(said(model), ["workload.optimizer=adamw"])).assumptions["precision.optimizer_state"]
    assert (stated.value, stated.source) == (12, "rajbhandari-2020")


def test_throughput_is_near_published_rates():
    # timm on one A100, mixed precision: ResNet-50 trains at 2,600 images/s (pytorch-image-models issue 1491).
    work = {"kind": "train", "global_batch": 512}
    found = estimate(said("resnet-50", work, devices=1, ranges=False)).outcome.performance
    assert 2600 / 1.5 < found["samples_per_s"] < 2600 * 1.5


def test_tables_are_shared_by_all_devices_in_training():
    few, many = (estimate(said("dlrm", devices=n, ranges=False)).outcome for n in (8, 64))
    assert (few.job.parallelism.tp, many.job.parallelism.tp) == (8, 64)
    assert few.memory_parts["weights"] > 7 * many.memory_parts["weights"]
    assert few.breakdown["time_s"]["all-to-all"] > 0
    assert few.memory_parts["gradients"] < 1e7  # the MLPs' alone


def test_a_window_of_speech_costs_its_encoder_before_the_first_token():
    image = {"kind": "infer", "requests": 8, "output_tokens": 1}
    short = estimate(said("whisper-large-v3", image, ranges=False)).outcome.performance
    long = estimate(said("whisper-large-v3", image | {"output_tokens": 200}, ranges=False)).outcome.performance
    assert long["ttft_s"] == pytest.approx(short["ttft_s"])
    assert long["latency_s"] > 10 * short["latency_s"]


WRONG = {
    "workload.tokens": ("vit-b-16", {"kind": "train", "tokens": 1e9}, {}),
    "workload.sequence": ("resnet-50", {"kind": "train", "sequence": 512}, {}),
    "workload.samples": ("llama-3.1-8b", {"kind": "train", "samples": 1e6}, {}),
    "workload.epochs": ("bert-base", {"kind": "train", "epochs": 3}, {}),
    "workload.input_tokens": ("whisper-tiny", {"kind": "serve", "input_tokens": 10}, {}),
    "workload.output_tokens": ("bert-base", {"kind": "serve", "output_tokens": 10}, {}),
    "workload.adapters": ("vit-b-16", {"kind": "finetune", "adapters": {"rank": 8}}, {}),
    "compression": ("resnet-50", "serve", {"compression": "int4"}),
    "precision.kv_cache": ("vit-b-16", "serve", {"precision": {"kv_cache": "fp8"}}),
    "parallelism.tp": ("resnet-50", "train", {"parallelism": {"tp": 2}}),
    "parallelism.pp": ("dlrm", "train", {"parallelism": {"pp": 2}}),
    "parallelism.zero": ("dlrm", "train", {"parallelism": {"zero": 1}}),
    "parallelism.dp": ("dlrm", "train", {"parallelism": {"dp": 2}}),
}


@pytest.mark.parametrize("path", WRONG)
def test_what_makes_no_sense_is_refused_at_its_place(path):
    model, work, more = WRONG[path]
    with pytest.raises(ScenarioError) as caught:
        estimate(said(model, work, **more))
    assert caught.value.problems[0].path == path
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("model", "student"), [("vit-b-16", "llama-3.2-1b"), ("llama-3.1-8b", "vit-b-16")])
def test_no_distillation_between_architectures(model, student):
    step = {"method": "distil", "student": student, "tokens": 1e9}
    with pytest.raises(ScenarioError, match="modelled for dense decoders alone"):
        estimate(said(model, "serve", compression=[step]))


def test_plans_of_tokens_say_so():
    for question in (feed, batch):
        with pytest.raises(PlanError, match="language models alone, not for torchvision-vit-b-16"):
            question(said("vit-b-16"))
    assert max(scale(said("resnet-50", {"kind": "train", "global_batch": 64})).columns["devices"].values) <= 64


def test_heads_that_tp_does_not_divide():
    with pytest.raises(ScenarioError, match="does not divide the model's 12 heads"):
        estimate(said("vit-b-16", parallelism={"tp": 8}))


def test_tokens_and_samples_exclude_each_other():
    with pytest.raises(ScenarioError, match="tokens and samples exclude each other"):
        said("vit-b-16", {"kind": "train", "tokens": 1e9, "samples": 1e6})


def test_shapes_can_be_given():
    vision = {"layers": 12, "hidden": 768, "heads": 12, "ffn": 3072, "image_size": 224, "patch_size": 16}
    assert parameters(program(vision)) == 86_567_656  # as torchvision's vit_b_16
    clicks = {"tables": 26, "rows": 187_767_399}
    assert parameters(program(clicks)) == parameters(program("dlrm"))
    for name, value, words in (("patch_size", 15, "does not divide image_size = 224"), ("heads", 7, "heads = 7")):
        with pytest.raises(ScenarioError, match=words):
            said(vision | {name: value})
    with pytest.raises(ScenarioError, match="did you mean 'classes'"):
        said(vision | {"clases": 10})
