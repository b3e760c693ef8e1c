"""Verification: what cases say of themselves is what torch counts; predictions follow from a profile; rows are data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from costmodel import profile as profiles
from costmodel.calibration import eager, local
from costmodel.calibration.fit import FitError, columns, judged, predict
from costmodel.calibration.law import Law, Record
from costmodel.calibration.measure.device import Device
from costmodel.calibration.records import EVIDENCE, read
from costmodel.calibration.verify import layers as op
from costmodel.calibration.verify import parity, run
from costmodel.calibration.verify.case import Case, Work
from costmodel.calibration.verify.predict import bounds, lacks, machine
from costmodel.calibration.verify.predict import predict as predicted

RECORDS = EVIDENCE / "cpu-epyc-2core-torch.jsonl"
EXTREMES = 0.2  # median error allowed on shapes larger or smaller than any that the fit has seen


@pytest.fixture(scope="module")
def made() -> dict[str, object]:
    return local.profile_from(RECORDS, "test", "from the shipped records")


@pytest.fixture(scope="module")
def numpy_made() -> dict[str, object]:
    return local.profile_from(EVIDENCE / "cpu-epyc-2core-numpy.jsonl", "test", "from the shipped records")


def numpy_case(name: str) -> Case:
    return next(case for case in run.cases("numpy") if case.id == name)


def linear_case(rows: float, inputs: int, outputs: int, **work: object) -> Case:
    stages = op.once(op.linear("fc", rows, inputs, outputs))
    return Case("one layer", "latency_s", replace(Work(stages), **work), lambda device: lambda: None)


# --- what a case says of its network


def test_counts_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    from costmodel.calibration.verify import images, small, transformer

    tiny = {"layers": 2, "hidden": 32, "heads": 2, "length": 16, "inputs": 50, "classes": 50}
    gpt = op.transformer(**tiny, causal=False, sequences=3, queries=16, head_queries=16)
    networks = (
        (small.network((20, 12, 5)), torch.rand(4, 20), small.mlp((20, 12, 5), 4)),
        (images.Cnn(), torch.rand(2, 1, 28, 28), images.cnn(2)),
        (images.ResNet18(), torch.rand(1, 3, 224, 224), images.resnet_18(1, False)),
        (transformer.Transformer(**tiny, causal=False), torch.randint(50, (3, 16)), gpt),
    )
    for network, x, stages in networks:
        with FlopCounterMode(display=False) as counter:
            network.eval()(x)
        assert op.parameters(stages) == sum(p.numel() for p in network.parameters())
        attention = sum(s.times * x.operator.flops for s in stages for x in s.layers if x.operator.kind == "attention")
        # torch counts attention on a CPU as nothing
        assert op.flops(stages) - attention == pytest.approx(counter.get_total_flops(), rel=1e-9)


def test_attention_without_a_mask_counts_every_pair() -> None:
    def flops(causal: bool) -> float:
        stages = op.transformer(1, 8, 2, 16, 50, 50, causal, sequences=3, queries=16)
        return sum(x.operator.flops for s in stages for x in s.layers if x.operator.kind == "attention")

    assert flops(causal=False) == 4 * 3 * 2 * 16 * 16 * 4  # two products of 2 FLOP, 3 sequences, 2 heads, 4 features
    assert flops(causal=True) == flops(causal=False) * 17 / 32


def test_every_torch_case_runs_and_is_predicted(made: dict[str, object]) -> None:
    pytest.importorskip("torch")
    on, device = machine(made), Device("torch", "cpu")
    cases = {case.id: case for case in run.cases("torch")}
    assert len(cases) >= 16
    for name, case in cases.items():
        if not device.lacks(case.dtype):
            assert not lacks(case, on), name
            assert predicted(case, on) > 0
    for name in ("linear-regression-epoch", "mlp-train-step", "mlp-inference-fp32"):
        cases[name].prepare(device)()


@pytest.mark.slow
def test_large_torch_cases_run() -> None:
    pytest.importorskip("torch")
    device = Device("torch", "cpu")
    for case in run.cases("torch"):
        if not device.lacks(case.dtype):
            case.prepare(device)()


# --- predictions


def test_a_prediction_is_the_sum_of_its_parts(made: dict[str, object]) -> None:
    on = machine(made)
    one = predicted(linear_case(32, 64, 64), on)
    assert predicted(linear_case(32, 64, 64, times=10.0), on) == pytest.approx(10 * one)
    stages = linear_case(32, 64, 64).work.stages
    modules = predicted(linear_case(32, 64, 64, modules=1.0), on) - one
    factor = on.calls.get("forward_factor", 1.0)
    assert modules == pytest.approx(factor * on.calls["module"])
    assert predicted(linear_case(32, 64, 64, stages=(op.Stage(stages[0].layers, 3.0),)), on) == pytest.approx(
        3 * one, rel=1e-3
    )


def test_weights_that_do_not_stay_in_the_cache_take_longer(made: dict[str, object]) -> None:
    on = machine(made)
    few, many = (predicted(linear_case(1, 1024, 1024, stages=_repeated(n)), on) / n for n in (1, 64))
    assert many > 1.2 * few


def _repeated(times: int) -> tuple[op.Stage, ...]:
    return (op.Stage((op.linear("fc", 1, 1024, 1024),), float(times)),)


def test_ranges_hold_the_prediction_and_grow_with_scatter(made: dict[str, object]) -> None:
    case = linear_case(256, 512, 512)
    low, high = bounds(case, machine(made, drawn=True))
    assert low < predicted(case, machine(made)) < high
    wider = {**made, "scatter": {law: 3 * value for law, value in made["scatter"].items()}}  # type: ignore[attr-defined]
    wide_low, wide_high = bounds(case, machine(wider, drawn=True))
    assert wide_high / wide_low > high / low


def test_a_law_that_was_not_measured_is_said(numpy_made: dict[str, object]) -> None:
    stages = op.once(op.convolution("conv", 1, 3, 8, 4, 3))
    case = Case("conv", "latency_s", Work(stages), lambda device: lambda: None)
    assert lacks(case, machine(numpy_made)) == "the profile has no law convolution:32bit"


# --- rows


def test_rows_are_data(numpy_made: dict[str, object]) -> None:
    told = list[str]()
    rows = run.verify(numpy_made, lambda what, share: told.append(what), limit_s=0.02, only="mlp")
    assert [row.id for row in rows] == told
    assert len(rows) >= 4
    for row in rows:
        assert row.skipped is None
        assert 0 < row.p10 < row.predicted < row.p90
        assert row.measured > 0
    document = json.loads(json.dumps(run.document(rows), allow_nan=False))
    assert document["schema"] == "costmodel/verification/1"
    assert set(document["rows"][0]) == {"id", "metric", "measured", "predicted", "p10", "p90", "skipped"}


def test_a_case_that_fails_says_why(numpy_made: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(device: Device) -> Callable[[], object]:
        raise ValueError("no such operator\nand more")

    case = replace(numpy_case("numpy-mlp-inference"), prepare=broken)
    monkeypatch.setattr(run, "cases", lambda backend: iter([case]))
    (row,) = run.verify(numpy_made, limit_s=0.01)
    assert row.skipped == "failed: ValueError: no such operator"
    assert row.measured is None


def test_emulated_dtypes_are_skipped(numpy_made: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    case = replace(numpy_case("numpy-mlp-inference"), dtype="bf16")
    monkeypatch.setattr(run, "cases", lambda backend: iter([case]))
    (row,) = run.verify(numpy_made, limit_s=0.01)
    assert row.skipped == "numpy has no bf16 kernels of its own"


def test_speed_up_is_the_ratio_of_times() -> None:
    rows = [
        run.Row("data-parallel-1", "step_time_s", 4.0, 4.0, 3.0, 5.0),
        run.Row("data-parallel-2", "step_time_s", 2.5, 2.0, 1.6, 2.5),
        run.Row("other", "step_time_s", 1.0, 1.0, 0.9, 1.1),
    ]
    (made,) = run.speed_ups(rows)
    assert made == run.Row("data-parallel-2-speed-up", "speed_up", 1.6, 2.0, 1.6, 2.5)


def test_parity_says_error_and_coverage() -> None:
    rows = [
        run.Row("a", "latency_s", 1.0, 1.1, 0.9, 1.3),
        run.Row("b", "latency_s", 2.0, 1.0, 0.8, 1.2),
        run.Row("c", "latency_s", skipped="no unit"),
    ]
    assert parity.summary(rows) == "2 cases: median error 30%, largest 50%, 80% ranges hold 50%"
    text = parity.text(rows)
    assert "skipped: no unit" in text
    assert "-50%" in text
    assert parity.summary([]) == "no case could be measured"


def test_parity_chart_is_a_page() -> None:
    pytest.importorskip("plotly")
    page = parity.html([run.Row("a <case>", "latency_s", 1.0, 1.1, 0.9, 1.3)])
    assert "<html>" in page
    assert "median error 10%" in page


# --- fits of one machine


def test_fit_is_kept_as_the_local_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTMODEL_PROFILES", str(tmp_path / "kept"))
    made = local.fit_local(EVIDENCE / "cpu-epyc-2core-numpy.jsonl")
    assert profiles.load("local") == made
    assert profiles.constants("local", "fp32")["profile.matmul.compute_efficiency"].status == "fitted"
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["local.json"]


def test_shipped_profile_is_what_its_records_say(made: dict[str, object]) -> None:
    """To what another version of the fitter may change."""
    shipped = profiles.load("cpu-epyc-2core")
    for law, constants in made["laws"].items():  # type: ignore[attr-defined]
        for name, constant in constants.items():
            if constant["source"] == profiles.MEASURED:
                assert shipped["laws"][law][name]["value"] == pytest.approx(constant["value"], rel=0.02), (law, name)
    assert shipped["hardware"] == pytest.approx(made["hardware"], rel=0.02)


def test_records_of_two_machines_are_refused() -> None:
    records = [*read(RECORDS), *read(EVIDENCE / "cpu-epyc-2core-numpy.jsonl")]
    other = [r | {"environment": r["environment"] | {"id": "another"}} for r in records[:3]]
    with pytest.raises(FitError, match="one machine, not of 2"):
        local.fitted([*records, *other])


def test_records_without_products_are_refused() -> None:
    with pytest.raises(FitError, match="no products or no copies"):
        local.fitted([r for r in read(RECORDS) if r["kind"] == "launch"])


@pytest.mark.parametrize("law", [law for law in eager.LAWS if law.name != "optimizer"], ids=lambda law: law.name)
def test_extremes_that_a_fit_has_not_seen(law: Law) -> None:
    """Largest and smallest third of the shapes of each format or class from the other two thirds, pooled by law.

    Classes of fewer than six records (every optimizer) are too few.
    """
    groups: dict[str, list[Record]] = {}
    for record in (records := read(RECORDS)):
        key = law.group(record)
        if key and (key == eager.TABLE or not eager.is_backward(record)):
            groups.setdefault(key, []).append(record)
    ends: tuple[list[Record], list[Record]] = ([], [])
    for group in groups.values():
        ordered, third = sorted(group, key=law.size), len(group) // 3
        if third >= 2:
            ends[0].extend(ordered[:third])
            ends[1].extend(ordered[-third:])
    errors = list[float]()
    for held in ends:
        found = local.fitted([r for r in records if r not in held])
        for key in {law.group(r) for r in held}:
            made, times = columns(law, [r for r in held if law.group(r) == key], found.facts)
            errors += list(np.log(predict(law, found.fits[str(key)].constants, made) / times))
    assert judged(np.array(errors))["median"] < EXTREMES
