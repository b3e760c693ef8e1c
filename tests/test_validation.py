"""Published runs against predictions: the arithmetic by hand, real rows end to end, and tables that are wrong.

tests/data/*.csv are rows of published runs; each names its source and reference.
"""

import csv
import math
import os
from pathlib import Path

import pytest

import costmodel
from costmodel.report.validation import as_text
from costmodel.validation import measures, training
from costmodel.validation.summary import Result, Validation, statistics
from costmodel.validation.table import TableError, read

DATA = Path(__file__).parent / "data"
TABLES = {"training": DATA / "training_runs.csv", "inference": DATA / "inference_runs.csv"}
FULL = {
    "training_runs_lm.csv": "training",
    "training_runs_other.csv": "training",
    "inference_runs_server.csv": "inference",
    "inference_runs_local.csv": "inference",
}
STATISTICS = {
    *("rows", "answered", "median", "mean", "p90", "worst", "within_10", "within_20", "bias", "coverage_80"),
    *("naive_median", "naive_p90"),
}
STEP = {
    "row_id": "a-1",
    "attention_impl": "flash",
    "source": "a",
    "model": "GPT-3 175B",
    "family": "dense",
    "layers": "96",
    "hidden": "12288",
    "ffn_hidden": "49152",
    "heads": "96",
    "vocab": "51200",
    "gated_mlp": "0",
    "tied_embeddings": "1",
    "seq_len": "2048",
    "global_batch": "1536",
    "micro_batch": "1",
    "accelerator": "a100-sxm-80gb",
    "devices": "384",
    "tp": "8",
    "pp": "12",
    "vp": "1",
    "dp": "4",
    "sharding": "none",
    "precision": "fp16",
    "recompute": "full",
    "step_time_s": "76.78",
}


def table(tmp_path, *rows, text=None):
    path = tmp_path / "runs.csv"
    if text is None:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def steps(tmp_path, *rows):
    return costmodel.validate(table(tmp_path, *rows), "training").results


# By hand.


def test_naive_training_step_by_hand():
    # GPT-3 175B on 384 A100: 6 × 174.6e9 × 1536 × 2048 FLOP at 40 % of 384 × 312 TFLOP/s is 68.8 s; Narayanan et al.
    # 2021 (arXiv 2104.04473), table 2, measured 76.8 s with full recomputation.
    work = measures.parameter_flops(174.6e9, 1536 * 2048, 6)
    assert measures.naive_step_time(work, 384, 312e12) == pytest.approx(68.77, rel=1e-3)


def test_naive_inference_pass_by_hand():
    # Llama-2-7B, fp16, one sequence on an A100 (2,039 GB/s): 13.48 GB at 60 % of the bandwidth is 11.0 ms.
    weights = measures.weights_and_kv(6.74e9, 2, 0)
    decode = measures.naive_pass_time(measures.parameter_flops(6.74e9, 1, 2), weights, 1, 2039e9, 312e12)
    assert decode == pytest.approx(11.02e-3, rel=1e-3)
    # Its prompt of 4,096 tokens is bound by compute: 2 × 6.74e9 × 4096 / (0.45 × 312e12) = 0.393 s.
    prompt = measures.naive_pass_time(measures.parameter_flops(6.74e9, 4096, 2), weights, 1, 2039e9, 312e12)
    assert prompt == pytest.approx(0.3933, rel=1e-3)


def result(measured, predicted, weight=1.0, low=None, high=None, naive=1.0, **fields):
    return Result("r", "s", "m", measured, predicted, low or predicted, high or predicted, naive, weight, **fields)


def test_statistics_by_hand():
    # Errors 5 %, 100 % (half as long as measured) and 25 %, weighted 1, 1 and 2.
    rows = [result(1, 1.05, low=0.9, high=1.2), result(2, 1), result(4, 5, 2, low=3, high=6), result(1, None)]
    found = statistics(rows)
    assert (found["rows"], found["answered"]) == (4, 3)
    assert found["median"] == pytest.approx(0.25)
    assert found["p90"] == found["worst"] == pytest.approx(1.0)
    assert found["within_10"] == pytest.approx(0.25)
    assert found["coverage_80"] == pytest.approx(0.75)
    assert found["mean"] == pytest.approx(math.exp((math.log(1.05) + math.log(2) + 2 * math.log(1.25)) / 4) - 1)
    assert found["bias"] == pytest.approx(math.exp((math.log(1.05) - math.log(2) + 2 * math.log(1.25)) / 4) - 1)
    assert found["naive_median"] == pytest.approx(1.0)  # naive is 1: errors 0, 1, 3 and 3 by weight


def test_the_first_line_says_how_wrong_predictions_are():
    rows = [result(1, 1.05, low=0.9, high=1.2), result(2, 1), result(4, 5, 2, low=3, high=6), result(1, None)]
    assert as_text(Validation("training", rows)).startswith(
        "training: m is typically 25% off (naive baseline 100%), at worst 100%; 80 % ranges hold 75% of 3 measurements "
        "answered, of 4.\n0 not counted;"
    )
    nothing = as_text(Validation("training", [result(1, None)]))
    assert nothing.startswith("training: m: no measurement of 1 answered.")


def test_statistics_of_nothing_answered():
    found = statistics([result(1, None)])
    assert set(found) == STATISTICS
    assert found["rows"] == 1
    assert found["answered"] == 0
    assert found["median"] is None


# Rows to results.


@pytest.mark.parametrize("kind", TABLES)
def test_every_row_is_answered_skipped_or_excluded(kind):
    found = costmodel.validate(TABLES[kind], kind)
    with TABLES[kind].open(encoding="utf-8") as file:
        assert {r.row_id for r in found.results} == {row["row_id"] for row in csv.DictReader(file)}
    for r in found.results:
        assert sum((r.predicted is not None, r.skipped is not None, r.excluded is not None)) == 1, r
        if r.predicted is not None:
            assert 0 < r.p10 < r.p90, r
            assert r.naive > 0
            assert 1 / 20 < r.predicted / r.measured < 20, r  # a slip of a unit is a factor of a thousand
        assert (r.weight > 0) == (r.excluded is None)


def test_published_runs_that_state_everything():
    # Rows whose layout, batch and precision are all stated, without ZeRO-3: within the range that is given.
    found = {r.row_id: r for r in costmodel.validate(TABLES["training"], "training").results}
    for row in ("megatron-sc21-zero3-vs-ptd-007", "megatron-sc21-zero3-vs-ptd-010", "megatron-2020-dgx2-dgxa100-004"):
        assert found[row].p10 < found[row].measured < found[row].p90, found[row]


def test_reasons():
    found = {r.row_id: r for r in costmodel.validate(TABLES["training"], "training").results}
    assert "adapters" in found["nvidia-nemo-24.07-perf-001"].inferred  # LoRA: its rank is unsaid
    assert (
        "moe" in found["nvidia-megatron-bridge-perf-001"].skipped or found["nvidia-megatron-bridge-perf-001"].predicted
    )
    assert "whole run" in found["llama1-paper-totals-001"].skipped
    assert found["korthikanti-2022-fig1-memory-004"].excluded == "theoretical"


def test_a_rate_says_the_same_as_a_time(tmp_path):
    # 1536 × 2048 tokens in 76.8 s are 40,960 tokens/s and 20 sequences/s.
    timed = {**STEP, "step_time_s": "76.8"}
    rates = [{"tokens_per_s": "40960"}, {"samples_per_s": "20"}]
    rows = [timed] + [{**STEP, "step_time_s": "", "row_id": f"b-{i}"} | rate for i, rate in enumerate(rates)]
    found = steps(tmp_path, *rows)
    assert [r.measured for r in found] == pytest.approx([76.8] * 3)
    assert len({r.predicted for r in found}) == 1


def test_repeats_count_once_together(tmp_path):
    rows = [
        STEP,
        {**STEP, "row_id": "a-2", "step_time_s": "80"},
        {**STEP, "row_id": "a-3", "source": "b"},
        {**STEP, "row_id": "a-4", "micro_batch": "2"},
        {**STEP, "row_id": "a-5", "flag": "approximate"},
    ]
    assert [r.weight for r in steps(tmp_path, *rows)] == [0.5, 0.5, 1, 1, 0]


def test_what_is_inferred_widens_the_range(tmp_path):
    blank = {**STEP, "row_id": "a-2", "recompute": ""}
    unfused = {**STEP, "row_id": "a-3", "attention_impl": "unfused"}
    given, inferred, slower = steps(tmp_path, STEP, blank, unfused)
    assert given.inferred == []
    assert inferred.inferred == ["recompute"]
    assert inferred.p90 / inferred.p10 > given.p90 / given.p10
    assert slower.predicted > 1.05 * given.predicted


def test_a_silent_row_is_read_as_of_its_date(tmp_path):
    new, old = steps(
        tmp_path, *({**STEP, "row_id": n, "attention_impl": "", "date": n} for n in ("2023-01", "2022-01"))
    )
    assert new.inferred == old.inferred == ["attention"]
    assert old.predicted > 1.05 * new.predicted


def test_megatron_sums_gradients_of_bf16_in_32_bits(tmp_path):
    memory = {**STEP, "precision": "bf16", "step_time_s": "", "peak_mem_gib": "40"}
    rows = ({**memory, "row_id": name, "framework": name} for name in ("FSDP", "Megatron-LM"))
    narrow, wide = steps(tmp_path, *rows)
    assert wide.predicted > narrow.predicted


def test_an_ambiguous_name_takes_a_representative():
    rows = [r for r in costmodel.validate(TABLES["inference"], "inference").results if r.row_id == "lcpp-0008"]
    assert rows
    assert all("accelerator" in r.inferred and r.predicted for r in rows)


def test_what_goes_through_once_is_judged_by_its_own_operations():
    found = {(r.row_id, r.metric): r for r in costmodel.validate(TABLES["inference"], "inference").results}
    # BERT base on an A10 (125 TFLOP/s): 8 texts of 32 tokens, 2 · 12 · 12 · 768² operations a token beside attention.
    text = found["ft-0157", "latency_s"]
    assert text.naive == pytest.approx(8 * 32 * 24 * 12 * 768**2 / (0.45 * 125e12), rel=0.03)
    # ViT-B/16 sees 24² patches of 384 pixels and a class token: 111 GFLOP an image, at 45 % of a T4's 65 TFLOP/s.
    image = found["ft-0228", "latency_s"]
    work = 12 * (24 * 577 * 768**2 + 4 * 577**2 * 768) + 2 * 576 * 768**2
    assert image.naive == pytest.approx(16 * work / (0.45 * 65e12), rel=0.01)
    # Two images through ResNet-50, 4.089 GMAC each (torchvision), at 45 % of the 250 TOP/s that an A10 does in int8.
    small = found["dle-0019", "latency_s"]
    assert small.naive == pytest.approx(2 * 2 * 4.089e9 / (0.45 * 250e12), rel=0.01)
    for once in (text, image, small):
        assert once.measured / 2 < once.predicted < once.measured * 2
        rate = found[once.row_id, "seconds_per_sample"]
        assert rate.predicted == pytest.approx(
            once.predicted / {"ft-0157": 8, "ft-0228": 16, "dle-0019": 2}[once.row_id]
        )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": "yolo26x"}, "family cnn is not modelled"),
        ({"model": "whisper-small", "family": "speech"}, "family speech is not modelled"),
        ({"batch": ""}, "batch not stated"),
        ({"image_size": "288"}, "images of 288 pixels"),
        ({"model": "bert-large", "family": "encoder"}, "length of the texts"),
        ({"latency_s": "", "tpot_s": "0.01"}, "tpot_s of a residual network"),
        ({"latency_s": "", "output_tokens_per_s": "10"}, "seconds_per_output_token of a residual network"),
        ({"latency_s": "", "input_tokens_per_s": "10"}, "seconds_per_input_token of a residual network"),
        ({"model": "whisper-small", "family": ""}, "this model of family speech-encdec"),
        ({"model": "whisper-small", "family": "dense"}, "this model of family speech-encdec"),
    ],
)
def test_what_goes_through_once_and_cannot_be_answered(tmp_path, change, reason):
    row = {
        **{"row_id": "a", "source": "s", "model": "resnet50", "family": "cnn", "accelerator": "a10", "devices": "1"},
        **{"scenario": "static-batch", "compute_precision": "int8", "batch": "2", "image_size": "224"},
        "latency_s": "0.00087",
    }
    assert costmodel.validate(table(tmp_path, row), "inference").results[0].predicted
    (found,) = costmodel.validate(table(tmp_path, {**row, **change}), "inference").results
    assert reason in found.skipped


def test_a_shape_is_inferred_from_its_size(tmp_path):
    # The rule is GPT-3's own proportion: 174.6 billion parameters are 96 layers of 12,288; biases are all that differs.
    unsaid = {**STEP, "model": "a GPT", "n_params": "174.6e9"} | dict.fromkeys(
        ("layers", "hidden", "ffn_hidden", "heads"), ""
    )
    whole, inferred = steps(tmp_path, STEP, {**unsaid, "row_id": "a-2"})
    assert inferred.inferred == ["shape"]
    assert inferred.predicted == pytest.approx(whole.predicted, rel=1e-2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"accelerator": "sn40l"}, "accelerator sn40l is not in the catalog"),
        ({"accelerator": ""}, "accelerator not stated"),
        ({"devices": ""}, "number of devices"),
        ({"seq_len": ""}, "sequence length"),
        ({"family": "cnn"}, "family cnn"),
        ({"offload": "optimizer"}, "offloading"),
        ({"precision": "posit8"}, "posit8"),
        ({"dp": "5"}, "devices = 384"),
        ({"tp": "7", "dp": "", "devices": "84"}, "heads"),
        ({"global_batch": "1536.5"}, "whole number"),
        ({"attention": "mla"}, "attention mla"),
    ],
)
def test_what_cannot_be_answered_says_why(tmp_path, change, reason):
    (found,) = steps(tmp_path, {**STEP, **change})
    assert found.predicted is None
    assert reason in found.skipped
    assert "\n" not in found.skipped


@pytest.mark.parametrize(
    ("layout", "merged"),
    [
        ({"tp": "4", "pp": "1", "dp": "8", "micro_batch": "1"}, {"tp": 2, "pp": 1, "dp": 8, "micro_batch": 1}),
        ({"tp": "1", "pp": "1", "dp": "32", "micro_batch": "2"}, {"tp": 1, "pp": 1, "dp": 16, "micro_batch": 4}),
    ],
)
def test_degrees_that_count_cores_are_read_by_chips(tmp_path, layout, merged):
    # A Trainium chip has two cores, each a device to its framework (AWS Neuron documentation, Trainium Architecture).
    (row,) = read(
        table(tmp_path, {**STEP, **layout, "accelerator": "trainium1", "devices": "16"}), (), ("step_time_s",)
    )
    question = training.ask(row, "step_time_s")
    assert "cores" in question.inferred
    assert {name: question.scenario["parallelism"][name] for name in merged} == merged


def test_nothing_measured(tmp_path):
    (found,) = steps(tmp_path, {**STEP, "step_time_s": ""})
    assert found.excluded == "nothing measured"


def test_rates_that_the_test_chose_are_no_measurement(tmp_path):
    row = {
        **{"row_id": "a", "source": "s", "model": "llama-3.1-8b", "accelerator": "h100-sxm", "devices": "1"},
        **{"scenario": "server", "weight_format": "bf16", "input_tokens": "1000", "output_tokens": "200"},
        **{"request_rate": "2", "requests_per_s": "1.99", "output_tokens_per_s": "398", "tpot_s": "0.01"},
    }
    overloaded = {**row, "row_id": "b", "request_rate": "1000", "requests_per_s": "9"}
    found = costmodel.validate(table(tmp_path, row, overloaded), "inference").results
    assert {r.metric for r in found if r.row_id == "a"} == {"tpot_s"}
    assert {r.metric for r in found if r.row_id == "b"} == {"tpot_s", "seconds_per_output_token", "seconds_per_request"}


# Everything, where it is at hand.


@pytest.mark.skipif("COSTMODEL_DATA" not in os.environ, reason="COSTMODEL_DATA names no folder with the full tables")
@pytest.mark.parametrize("name", FULL)
def test_full_tables(name):
    found = costmodel.validate(Path(os.environ["COSTMODEL_DATA"]) / name, FULL[name])
    assert set(found.summary()["by_metric"]) <= {
        *("step_time_s", "peak_memory_bytes", "ttft_s", "tpot_s", "latency_s", "power_w"),
        *("seconds_per_output_token", "seconds_per_input_token", "seconds_per_request", "seconds_per_sample"),
    }
    answered = [r for r in found.results if r.predicted is not None]
    assert len(answered) > 500
    assert all(r.p10 <= r.p90 and r.naive > 0 for r in answered)
    assert len({(r.row_id, r.metric) for r in found.results}) == len(found.results)


@pytest.mark.parametrize(
    ("column", "said", "instead"),
    [
        ("sharding", "zero9", "write one of none, zero1, zero2, zero3, fsdp, hsdp, or leave the cell blank"),
        ("recompute", "maybe", "write none, selective, full, or what is recomputed, such as selective:mlp"),
        ("optimizer", "zzz", "write one of adamw, adam, sgd, sgd-momentum"),
        ("attention_impl", "flush", "write one of flash"),
        ("kind", "totl", "write one of step, total"),
    ],
)
def test_a_misspelt_word_is_no_guess(tmp_path, column, said, instead):
    good, wrong = steps(tmp_path, STEP, STEP | {column: said})
    assert good.skipped is None
    assert wrong.skipped.startswith(f"{tmp_path / 'runs.csv'}:3: {column}: {said!r} is not accepted; {instead}")


def test_a_misspelt_kind_of_test_is_no_guess(tmp_path):
    with TABLES["inference"].open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file)) | {"scenario": "contnuous"}
    found = costmodel.validate(table(tmp_path, row), "inference").results
    assert all("scenario: 'contnuous' is not accepted; write one of static-batch" in r.skipped for r in found)


def test_words_may_have_capitals(tmp_path):
    words = {"sharding": "ZeRO1", "recompute": "Full", "optimizer": "AdamW", "attention_impl": "Flash", "kind": "Step"}
    small, capital = steps(tmp_path, *(STEP | {k: f(v) for k, v in words.items()} for f in (str.lower, str)))
    assert (capital.skipped, capital.predicted) == (None, small.predicted)


@pytest.mark.parametrize("said", ["selective:moe+mlp", "full 10 layers", "remat_policy=custom", "up_proj, mlp"])
def test_policies_of_their_own_are_taken_as_selective(tmp_path, said):
    (found,) = steps(tmp_path, STEP | {"recompute": said})
    assert found.skipped is None
    assert "recompute policy" in found.inferred


@pytest.mark.parametrize("said", ["1e30", "1e-30"])
def test_what_no_size_can_be_is_said_to_be_so(tmp_path, said):
    with pytest.raises(TableError, match=r"devices: '1e-?30' cannot be: it must lie between 1e-15 and 1e\+21; mend it"):
        steps(tmp_path, STEP | {"devices": said})
