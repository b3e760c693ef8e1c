"""Measured runs: readers of logs, and the site profile that they make.

Samples in tests/data/runs are written by hand in the formats of Megatron-LM (recent, with --log-energy), Megatron-
DeepSpeed (BLOOM's), early Megatron-LM and its fork for ROCm, torchtitan (2025 and 2024), torch.profiler and codecarbon.
"""

import dataclasses
import gzip
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from costmodel import estimate, profile
from costmodel.advice import narrowing
from costmodel.calibration.runs import Run, RunError, Runs, calibrate, read_runs
from costmodel.calibration.runs.fit import SCATTER
from costmodel.calibration.runs.forward import COMPUTE_EFFICIENCY, Forward
from costmodel.calibration.runs.profiler import kind
from costmodel.calibration.runs.run import steady
from costmodel.loading import load
from costmodel.ranges import Z90
from costmodel.validation.table import TableError

DATA = Path(__file__).parent / "data" / "runs"
BESIDE = DATA / "scenario.yaml"
BASE = "prior"


@pytest.fixture(autouse=True)
def own_profiles(tmp_path, monkeypatch):
    monkeypatch.setenv("COSTMODEL_PROFILES", str(tmp_path / "profiles"))


def scenario(**workload):
    said = {"kind": "train", "sequence": 4096, "global_batch": 128} | workload
    layout = {"tp": 1, "pp": 1, "zero": 3, "micro_batch": 1, "recompute": "full"}
    hardware = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64}
    return load({**hardware, "workload": said, "parallelism": layout})


# Readers


def test_megatron_takes_the_full_batch_and_leaves_out_the_warm_up():
    (run,) = read_runs(DATA / "megatron.log", BESIDE).runs
    # Iterations 3 to 6 have the full batch; without the first of them 21.5, 21.7 and 21.6 s, 620, 625 and 624 W.
    assert run.measured["step_time_s"] == pytest.approx(21.6)
    assert run.measured["power_w"] == pytest.approx(622)  # median of 610, 620, 624, 625
    assert run.spread == pytest.approx(0.0034, abs=0.001)  # quartiles 21.55 and 21.65 s


def test_megatron_deepspeed_logs_seconds():
    bloom = load(BESIDE, ["workload.global_batch=2048"])
    assert read_runs(DATA / "megatron_deepspeed.log", bloom).runs[0].measured == {"step_time_s": pytest.approx(105.2)}


def test_early_megatron_says_no_batch_and_its_fork_appends_a_mean():
    (run,) = read_runs(DATA / "megatron_early.log", BESIDE).runs
    assert run.measured["step_time_s"] == pytest.approx(0.6023)  # median of 601.3 and 603.3 ms
    assert run.scenario.workload.global_batch == 128


def test_torchtitan_prints_tokens_per_second_of_one_device():
    (run,) = read_runs(DATA / "torchtitan.log", BESIDE).runs
    assert run.measured["step_time_s"] == pytest.approx(128 * 8192 / (8 * 5736))
    (old,) = read_runs(DATA / "torchtitan_2024.log", BESIDE).runs
    assert old.measured["step_time_s"] == pytest.approx(128 * 8192 / (8 * 3802))


@pytest.mark.parametrize("packed", [False, True])
def test_a_trace_says_what_computed_and_what_waited(tmp_path, packed):
    path = DATA / "trace.json"
    if packed:
        path = tmp_path / "rank0.pt.trace.json.gz"
        path.write_bytes(gzip.compress((DATA / "trace.json").read_bytes()))
    (run,) = read_runs(path, BESIDE).runs
    # Steps 5 and 6, 3 to 5 ms: products 1 ms, attention .2, others .1, the gather alone from 4.3 to 4.6, then nothing.
    shares = {"matmul": 0.5, "attention": 0.1, "other kernels": 0.05, "communication": 0.15, "idle": 0.2}
    assert run.shares == pytest.approx(shares)
    assert run.measured == pytest.approx({"step_time_s": 1e-3, "compute_time_s": 0.65e-3})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)", "communication"),
        ("cudnn_generated_fort_native_sdpa_sm90_flash_bprop_f16_knob_7_128x128x128", "attention"),
        ("ampere_bf16_s16816gemm_bf16_128x256_ldg8_f2f_stages_64x3_tn", "matmul"),
        ("Cijk_Alik_Bljk_BBS_BH_Bias_HAS_SAV_UserArgs_MT256x256x64", "matmul"),
        ("triton_red_fused__to_copy_mean_mul_pow_rsqrt_0", "other kernels"),
    ],
)
def test_kernels_are_known_by_their_names(name, expected):
    assert kind(name) == expected


def test_codecarbon_gives_the_power_of_a_device():
    runs = read_runs(DATA / "emissions.csv", BESIDE)
    # The last row of the first run: 4.80 kWh by 8 devices in an hour.
    assert [run.measured for run in runs.runs] == [{"power_w": pytest.approx(600)}]
    assert [reason for _, reason in runs.skipped] == ["no gpu_energy and no gpu_count: codecarbon saw no GPU"]


def test_a_table_states_its_configurations():
    runs = read_runs(DATA / "runs.csv")
    times = {run.name: run.measured["step_time_s"] for run in runs.runs}
    assert times == pytest.approx({"a": 21.6, "b": 128 * 8192 / 96000, "c": 11.4})
    assert dict(runs.skipped) == {"d": "family moe is not modelled", "e": "projected"}


def test_a_table_may_name_scenarios_and_logs_beside_it():
    one, two = read_runs(DATA / "beside.csv").runs
    assert one.measured == read_runs(DATA / "torchtitan.log", BESIDE).runs[0].measured
    assert two.measured == {"step_time_s": 21.9, "power_w": 633}
    assert one.scenario == two.scenario


def test_a_single_logged_step_counts():
    assert steady([2.0], "log") == (2.0, 0.0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello\nworld\n", "no measured step in it (its first line is 'hello'); expected are a table"),
        (b"", "its first line is 'nothing'"),
        (b"\x00\xff\x1b[31m", "no measured step in it"),
        (b"{not json", "no measured step in it (its first line is '{not json')"),
        (b"{}", "JSON without traceEvents"),
        (b'{"traceEvents": [1, null, {"ts": "x", "dur": 1}]}', "a trace without ProfilerStep#N"),
        (
            b'[{"name": "ProfilerStep#1", "cat": "user_annotation", "ts": 0, "dur": 5}]',
            "a trace without device kernels",
        ),
        (b"\x1f\x8b\x08damaged", "the compressed file is damaged"),
        (b"run_id,duration,energy_consumed\n", "no run can be used (it has no rows)"),
        (b"iteration 1/ 2 | elapsed time per iteration (ms): 0.0 |\n", "no measured step in it"),
        (b"log\nlog.csv\n", "a table within a table"),
        (b"step_time_s,flag\n1.5,projected\n", "no row can be used (log.csv row 1: projected)"),
        (b"[" * 10_000, "no measured step in it"),
    ],
)
def test_files_without_runs_say_so_in_one_line(tmp_path, content, said):
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_runs(path, BESIDE)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_so():
    with pytest.raises(RunError, match="cannot be read"):
        read_runs(DATA / "absent.log", BESIDE)


def test_a_log_needs_a_scenario_that_fits_it():
    with pytest.raises(RunError, match="does not say model and layout; give them with --scenario FILE"):
        read_runs(DATA / "torchtitan.log")
    with pytest.raises(RunError, match="global batch 128 here, 64 in the scenario"):
        read_runs(DATA / "megatron.log", load(BESIDE, ["workload.global_batch=64"]))
    with pytest.raises(RunError, match=r"state workload\.sequence"):
        read_runs(DATA / "megatron.log", {"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "workload": "train"})
    with pytest.raises(RunError, match="of workload serve"):
        read_runs(DATA / "megatron.log", {"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "workload": "serve"})


def test_a_bad_table_names_line_and_column(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("step_time_s\nfast\n", encoding="utf-8")
    with pytest.raises(TableError, match=r"runs\.csv:2:1: step_time_s"):
        read_runs(path, BESIDE)


# The fit


def made_runs(true, noise=0.0, seed=0):
    """Runs of several sizes, as they would measure if the knobs stood at `true`."""
    cases = [scenario(sequence=s, global_batch=b) for s in (1024, 4096, 8192) for b in (64, 256, 1024)]
    blank = [Run(f"run {i}", case, {"step_time_s": 1.0}) for i, case in enumerate(cases)]
    model = Forward(blank, BASE)
    settings = np.array([[true.get(knob, 0.0)] for knob in model.knobs])
    logs = model(settings)[:, 0] + noise * np.random.default_rng(seed).standard_normal(len(blank))
    runs = [
        dataclasses.replace(run, measured={"step_time_s": float(np.exp(t))}) for run, t in zip(blank, logs, strict=True)
    ]
    return Runs("made.csv", "table", tuple(runs))


def settings_of(fit):
    """Where a fit put each knob, in s.d. of its prior, from the profile that it made."""
    prior = profile.load(BASE)["laws"]["framework"]["time_factor"]
    value = fit.profile["laws"]["framework"]["time_factor"]["value"]
    end = prior["high"] if value > prior["value"] else prior["low"]
    return Z90 * abs(np.log(value / prior["value"]) / np.log(end / prior["value"])) * np.sign(value - prior["value"])


def test_constants_that_made_the_runs_are_found():
    fit = calibrate(made_runs({"framework.time_factor": 1.2}, noise=0.02), "mine", BASE)
    moved = {m.name: m for m in fit.moved}
    error = np.sqrt(1 - moved["framework.time_factor"].told)
    assert abs(settings_of(fit) - 1.2) < 2 * error
    summary = fit.as_dict()["errors"]
    assert summary["left_out"]["median"] < 0.05 < summary["before"]["median"]


def test_what_runs_do_not_tell_stays():
    fit = calibrate(made_runs({"framework.time_factor": 1.2}), "mine", BASE)
    base = profile.load(BASE)["laws"]
    assert "power.active" in fit.held
    assert "link.latency" in fit.held
    assert fit.profile["laws"]["power"] == base["power"]
    assert COMPUTE_EFFICIENCY not in fit.held


def test_runs_as_predicted_move_nothing():
    fit = calibrate(made_runs({}), "mine", BASE)
    assert np.abs(fit.errors["after"]).max() < 1e-3
    assert all(m.after == pytest.approx(m.before, rel=2e-3) for m in fit.moved)


def test_one_wild_run_moves_others_less_than_the_prior_allows():
    runs = made_runs({})
    wild = dataclasses.replace(runs.runs[4], measured={"step_time_s": 10 * runs.runs[4].measured["step_time_s"]})
    alone = calibrate(Runs("wild", "table", (wild,)), "alone", BASE)
    model = Forward(runs.runs, alone.profile["name"] if alone.write() else "")
    shift = model(np.zeros((len(model.knobs), 1)))[:, 0] - model.measured
    assert 0 < shift.max() < 0.6  # ln: the range of one run at a new site is ×/÷ 1.5
    among = calibrate(Runs("wild", "table", (*runs.runs[:4], wild, *runs.runs[5:])), "among", BASE)
    others = np.delete(among.errors["after"], 4)
    assert np.abs(others).max() < 0.08


def test_more_runs_tell_more():
    runs = made_runs({"framework.time_factor": 1.0}, noise=0.02).runs
    few, many = (calibrate(Runs("some", "table", runs[:n]), "mine", BASE) for n in (2, 9))
    assert sum(m.told for m in many.moved) > sum(m.told for m in few.moved)
    assert many.scatter < few.scatter < SCATTER["step_time_s"]


def test_repeats_count_once():
    first, second, *_ = made_runs({"framework.time_factor": 1.0}).runs
    once = calibrate(Runs("once", "table", (first, second)), "mine", BASE)
    repeated = calibrate(Runs("repeated", "table", (first,) * 5 + (second,)), "mine", BASE)
    assert [m.name for m in repeated.moved] == [m.name for m in once.moved]
    assert [m.after for m in repeated.moved] == pytest.approx([m.after for m in once.moved], rel=1e-5)


def test_after_a_fit_the_advice_is_not_to_fit():
    fit = calibrate(made_runs({"framework.time_factor": 1.2}), "mine", BASE)
    fit.write()

    def advice(name):
        answer = estimate(load(scenario(), [("profile", name)]))
        return {words for drivers in answer.drivers.values() for words, _ in narrowing(answer.resolved, drivers)}

    assert any("own steps" in words for words in advice(BASE))
    assert not any("own steps" in words for words in advice("mine"))
    assert f"with profile {BASE}" in fit.report()


def test_one_run_cannot_be_left_out():
    fit = calibrate(read_runs(DATA / "megatron.log", BESIDE), "mine", BASE)
    assert fit.errors["left_out"] is None
    assert "one configuration: cannot be told" in fit.report()
    assert fit.as_dict()["errors"]["left_out"] is None
    json.dumps(fit.as_dict(), allow_nan=False)


def test_power_moves_the_constants_of_power():
    said = scenario(sequence=256, global_batch=64)  # so little work that devices stay below the cap of their power
    blank = Run("e", said, {"power_w": 1.0})
    watts = float(np.exp(Forward([blank], BASE)(np.zeros((len(Forward([blank], BASE).knobs), 1)))[0, 0]))
    fit = calibrate(
        Runs("e.csv", "codecarbon", (dataclasses.replace(blank, measured={"power_w": 0.8 * watts}),)), "mine", BASE
    )
    assert watts < 600
    assert fit.errors["before"][0] == pytest.approx(-np.log(0.8))
    assert 0 < fit.errors["after"][0] < 0.7 * fit.errors["before"][0]
    assert any(m.name.startswith("power.") for m in fit.moved)


def test_the_profile_is_kept_and_found_by_name():
    fit = calibrate(read_runs(DATA / "runs.csv"), "my-cluster", BASE)
    path = fit.write()
    assert json.loads(path.read_text(encoding="utf-8")) == profile.load("my-cluster")
    before, after = (estimate(BESIDE, [f"profile={name}"]).outcome.performance for name in (BASE, "my-cluster"))
    assert after["step_time_s"] != before["step_time_s"]
    model = Forward(read_runs(DATA / "runs.csv").runs, "my-cluster")
    now = model(np.zeros((len(model.knobs), 1)))[:, 0] - model.measured
    assert now == pytest.approx(fit.errors["after"], abs=2e-3)  # constants are written to four digits
    for law, section in fit.profile["laws"].items():
        for constant, record in section.items():
            if record["source"] == "measured-here":
                assert record["low"] < record["value"] < record["high"], (law, constant)


@pytest.mark.parametrize("base", [BASE, None])
def test_a_profile_that_was_fitted_on_another_device_is_told(base):
    calibrate(read_runs(DATA / "runs.csv"), "site", base).write()  # runs on H100

    def told(hardware, said="site"):
        answer = estimate(BESIDE, [f"hardware={hardware}", f"profile={said}", "ranges=false"])
        return [warning for warning in answer.warnings if "was fitted on" in warning]

    assert not told("h100-sxm")
    (warning,) = told("a100-sxm-80gb")
    assert warning.startswith("profile site was fitted on h100-sxm, not on a100-sxm-80gb")
    assert "leave profile out, or fit one to runs on a100-sxm-80gb" in warning
    assert told("a100-sxm-80gb", "h100-sxm")  # one that ships, too
    assert not told("a100-sxm-80gb", "prior")  # which is of no device


def test_without_a_base_the_profile_of_the_device_is_the_start():
    assert calibrate(read_runs(DATA / "runs.csv"), "mine").base == profile.shipped("h100-sxm")


@pytest.mark.parametrize("name", ["prior", "h100-sxm", "t4", "../x", "", "a b"])
def test_names_that_cannot_be_are_refused(name):
    with pytest.raises(profile.ProfileError, match="write a new name"):
        calibrate(read_runs(DATA / "runs.csv"), name, BASE)


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        # 128 sequences of 8,192 tokens, 8 billion parameters, 8 devices of 989 TFLOP/s: 6 N D / peak = 6.4 s and more.
        ("1e-9", r"step_time_s = 1e-12 is impossible, at its peak rate the device takes 6.8"),
        ("5000", r"step_time_s = 5 is impossible"),
        ("1e9", r"step_time_s = 1e\+06 is more than 1000 times off"),
        ("1e999", "a step of inf cannot be"),
    ],
)
def test_times_that_cannot_be_are_refused_with_the_figure(tmp_path, milliseconds, said):
    path = tmp_path / "run.log"
    line = " iteration {}/ 9 | elapsed time per iteration (ms): {} | global batch size: 128 |\n"
    path.write_text("".join(line.format(i, milliseconds) for i in range(3)), encoding="utf-8")
    with pytest.raises(RunError, match=said) as caught:
        calibrate(read_runs(path, BESIDE), "mine")
    assert str(path) in str(caught.value)


def test_a_row_of_a_table_that_cannot_be_is_named(tmp_path):
    text = (DATA / "runs.csv").read_text(encoding="utf-8")
    (tmp_path / "runs.csv").write_text(text.replace(",21.6,", ",0.5,"), encoding="utf-8")
    with pytest.raises(RunError, match=r"runs\.csv: a: step_time_s = 0\.5 is impossible"):
        calibrate(read_runs(tmp_path / "runs.csv"), "mine")


def test_runs_of_several_architectures_are_predicted_as_an_estimate_predicts_each():
    images = load({"model": "resnet-50", "hardware": "a100-sxm-80gb", "devices": 8, "workload": "train"})
    runs = [Run(name, said, {"step_time_s": 1.0}) for name, said in (("text", scenario()), ("images", images))]
    model = Forward(runs, BASE)
    predicted = np.exp(model(np.zeros((len(model.knobs), 1))))[:, 0]
    answers = [estimate(load(run.scenario, [f"profile={BASE}"])) for run in runs]
    assert predicted == pytest.approx([answer.outcome.performance["step_time_s"] for answer in answers])


def test_repeats_are_predicted_once_and_count_as_one_configuration():
    one = Run("a", scenario(), {"step_time_s": 20.0})
    model = Forward([one] * 500, BASE)
    assert len(model.groups) == len(model.groups[0].places) == 1
    assert model.weights().sum() == pytest.approx(1)
    many, single = (calibrate(Runs("x", "table", (one,) * n), "mine", BASE) for n in (500, 1))
    assert [m.after for m in many.moved] == pytest.approx([m.after for m in single.moved], rel=1e-3)
    assert "8 of 10 other runs" not in single.report()
    assert "one configuration cannot tell" in many.report()


@pytest.mark.slow
def test_published_sources_predict_themselves_better_after_a_few_runs():
    """Honest: a few runs of a published source move the constants, its other runs are predicted."""
    if not (folder := os.environ.get("COSTMODEL_DATA")):
        pytest.skip("COSTMODEL_DATA does not name the folder with training_runs_lm.csv")
    from costmodel.calibration.runs.trial import trial

    table = trial(Path(folder) / "training_runs_lm.csv", draws=2)
    for count, result in table.items():
        assert result["after"]["median"] < result["before"]["median"], count
        assert result["after"]["p90"] < 1.05 * result["before"]["p90"], count


def test_samples_survive_being_copied(tmp_path):
    """A table finds what it names beside itself, wherever it lies."""
    for name in ("beside.csv", "scenario.yaml", "torchtitan.log"):
        shutil.copy(DATA / name, tmp_path)
    assert len(read_runs(tmp_path / "beside.csv").runs) == 2
