"""The roofline: ceilings, places of operators, and what the command and the chart make of them."""

import json

import pytest

from costmodel.cli.main import run
from costmodel.loading import load
from costmodel.operators import roofline as f
from costmodel.operators.matmul import matmul_bytes, matmul_flops
from costmodel.report import roofline as shown
from costmodel.roofline import roofline

CPU = {"model": "pythia-160m", "hardware": "cpu-epyc-2core", "devices": 1}
H100 = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 1}


@pytest.fixture(scope="module")
def served():
    return roofline(load(H100 | {"workload": "serve"}))


def test_ridge_of_an_h100():
    # 989.4 TFLOP/s of dense bf16 over 3.35 TB/s (NVIDIA's data sheet): 295 FLOP/B
    assert f.ridge_intensity(989.4e12, 3.35e12) == pytest.approx(295.3, abs=0.1)
    assert f.attainable_rate(100, 989.4e12, 3.35e12) == pytest.approx(335e12)
    assert f.attainable_rate(1000, 989.4e12, 3.35e12) == 989.4e12


def test_intensity_of_a_square_product_is_a_third_of_its_side_in_16_bits():
    # 2 n³ FLOP over 3 n² elements of 2 bytes
    flops, traffic = matmul_flops(4096, 4096, 4096), matmul_bytes(4096, 4096, 4096, 2, 2)
    assert f.arithmetic_intensity(flops, traffic) == pytest.approx(4096 / 3)


@pytest.mark.parametrize("workload", ["train", "finetune", "serve", "infer"])
@pytest.mark.parametrize("scenario", [CPU, H100])
def test_each_operator_stands_where_its_counts_and_its_time_put_it(scenario, workload):
    found = roofline(load(scenario | {"workload": workload}))
    assert set(found.total) == ({"training"} if workload in ("train", "finetune") else {"prefill", "decode"})
    for p in found.points:
        assert p.intensity * p.traffic == pytest.approx(p.flops)
        assert p.rate * p.time == pytest.approx(p.flops)
        assert p.bandwidth * p.time == pytest.approx(p.traffic)
        assert (p.number_format == "") == (p.flops == 0)
        assert p.bound == "memory" if not p.flops else p.bound in ("memory", "compute")
    for name, total in found.total.items():
        points = [p for p in found.points if p.run == name]
        assert total == pytest.approx(sum(p.times * p.time for p in points))
        assert found.share[name] * total == pytest.approx(sum(p.times * p.share * p.time for p in points))


def test_generation_is_bound_by_memory_and_prompts_by_compute(served):
    bound = {(p.run, p.operator): p.bound for p in served.points}
    assert bound["decode", "attention"] == bound["decode", "up"] == "memory"
    assert bound["prefill", "attention"] == bound["prefill", "up"] == "compute"
    assert 0.3 < served.share["decode"] < 1
    assert not served.measured
    assert served.fits


def test_a_measured_machine_has_the_ceiling_of_its_cache_too():
    found = roofline(load(CPU | {"workload": "infer"}))
    assert found.measured
    assert [c.name for c in found.bandwidths] == ["cache", "memory"]
    assert [c.name for c in found.peaks] == ["int8", "bf16", "fp32"]
    assert found.bandwidths[0].value > found.bandwidths[1].value


def test_lines_of_the_chart_meet_where_peak_and_bandwidth_do(served):
    lines = shown.curves(served)
    slope = lines["memory 3.35 TB/s"]
    for (x, y), ratio in zip(slope, (3.35e12, 3.35e12), strict=True):
        assert y == pytest.approx(x * ratio)
    assert slope[-1] == pytest.approx(lines["fp8, int8 1.98 PFLOP/s"][0])
    for p in served.points:
        if p.flops:
            assert slope[0][0] < p.intensity < lines["bf16, fp16 989 TFLOP/s"][1][0]


def test_every_operator_on_the_chart_is_named_once(served):
    for points in shown.runs(served).values():
        drawn = [p for p in points if p.flops]
        said = ", ".join(shown.labels(drawn).values()).split(", ")
        assert sorted(said) == sorted(p.operator for p in drawn)
        assert len(shown.labels(drawn)) < len(drawn)


def test_the_command_says_the_same_in_every_form(capsys, served):
    line = ["roofline", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--devices", "1", "--workload", "serve"]
    assert run(line) == 0
    text = capsys.readouterr().out
    assert text.startswith(shown.sentence(served))
    assert run([*line, "-o", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "costmodel/roofline/1"
    assert data["answer"] == shown.sentence(served)
    assert [p["time"] for p in data["points"]] == [p.time for p in served.points]
    assert run([*line, "-o", "csv"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].startswith("run,operator,kind,")
    assert len(rows) == 1 + len(served.points)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["--hardware", "nothing"], "nothing"),
        (["--model", "nothing"], "nothing"),
        (["--set", "precision=fp8"], "no peak for fp8"),
        (["--set", "devices=-1"], "devices"),
    ],
)
def test_bad_input_is_one_line(capsys, changes, said):
    given = ["roofline", "--model", "pythia-160m", "--hardware", "a100-sxm-80gb", "--devices", "1"]
    assert run([*given, "--workload", "train", *changes]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert said in captured.err
