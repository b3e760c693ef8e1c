"""Sweeps: an array of scenarios gives what the scenarios give one by one."""

import math
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel
from costmodel.api import estimate
from costmodel.source import ScenarioError
from costmodel.sweeping import MOST_POINTS, SweepError

BASE = {
    "model": "llama-3.1-8b",
    "hardware": "h100-sxm",
    "devices": 64,
    "workload": {"kind": "train", "tokens": 1e12},
    "ranges": False,
}
SERVE = BASE | {"workload": "serve"}
SHAPE = {"layers": 32, "hidden": 4096, "heads": 32, "kv_heads": 8, "ffn": 14336, "vocab": 128256}
DEVICE = {
    "memory": "80 GB",
    "memory_bandwidth": "3.35 TB/s",
    "peak": {"bf16": "989 TFLOP/s"},
    "tdp": "700 W",
    "link_bandwidth": "450 GB/s",
}
OWN = BASE | {"model": SHAPE, "hardware": DEVICE, "costs": {"price": "2 USD/h"}}
OVER = {"devices": [8, 64], "workload.tokens": [1e11, 1e12], "parallelism.tp": [1, 4]}


def answer(base, changes):
    """The estimate of one point; None when its values contradict each other."""
    try:
        return estimate(costmodel.load(base, changes))
    except ScenarioError as error:
        if error.clash:
            return None
        raise


def check(base, over):
    """Each point of a sweep against the scenario of its own; returns the column `feasible`."""
    paths = [path for key in over for path in ((key,) if isinstance(key, str) else key)]
    try:
        found = costmodel.sweep(base, over, strict=False)
    except SweepError:
        points = product(*over.values())
        assert not any(answer(base, list(zip(paths, point, strict=True))) for point in points)
        return None
    for i, feasible in enumerate(found["feasible"]):
        changes = [(path, found[path][i]) for path in paths]
        changes = [(p, v.item() if isinstance(v, np.generic) else v) for p, v in changes]
        alone = answer(base, changes)
        assert feasible == (alone is not None and alone.fits), changes
        if alone is None or not feasible:
            assert math.isnan(found["totals.time_s"][i])
            continue
        for name, value in alone.totals.items():
            assert found[f"totals.{name}"][i] == pytest.approx(value, rel=1e-12), (changes, name)
    return found["feasible"]


@pytest.mark.parametrize(
    ("base", "over"),
    [
        (BASE, OVER),
        (BASE, {"parallelism.dp": [1, 2, 3, 64], "parallelism.pp": [1, 2, 5]}),
        (BASE, {"parallelism.dp": [4, 64], "devices": [24, 64]}),
        (BASE, {"parallelism.vp": [1, 4], "parallelism.pp": [1, 2], "parallelism.micro_batch": [1, 1024]}),
        (BASE, {"parallelism.recompute": ["none", "full"], "parallelism.tp": [1, 3, 8], "devices": [24, 64]}),
        (BASE, {"parallelism.sequence_parallel": [True, False], "parallelism.tp": [1, 8]}),
        (
            BASE,
            {"precision": ["bf16", "fp8"], "hardware": ["a100-sxm-80gb", "h100-sxm"], "workload.tokens": [1e11, 2e11]},
        ),
        (BASE, {"costs.price": ["2 USD/h", "0.001 USD/s"], "costs.grid": ["DE", "100 g/kWh"], "costs.pue": [1, 1.5]}),
        (BASE, {"costs.staff": ["none", {"people": 2, "rate": "1e5 USD/year"}], "devices": [32, 64]}),
        (BASE, {("devices", "workload.global_batch"): [(64, 512), (128, 1024), (64, 1)]}),
        (BASE, {("hardware", "devices"): [("h100-sxm", 64), ("a100-sxm-80gb", 128)], "parallelism.tp": [2, 3]}),
        (BASE, {"model": ["gpt2", "llama-3.1-8b"], "parallelism.tp": [1, 8, 12], "devices": [24]}),
        (OWN, {"hardware.memory": ["40 GB", "80 GB"], "hardware.tdp": ["300 W", "700 W"], "devices": [16, 64]}),
        (OWN, {"hardware.idle": ["80 W", "900 W"], "hardware.memory_bandwidth": ["1 TB/s", "4 TB/s"]}),
        (OWN, {"model.hidden": [4096, 4100, 8192], "model.heads": [32, 48], "model.layers": [2, 33]}),
        (OWN, {"model.kv_heads": [8, 7], "model.head_dim": [64, 128], "parallelism.pp": [1, 4]}),
        (SERVE, {"traffic.request_rate": ["1 requests/s", "50 /s"], "workload.output_tokens": [64, 512]}),
        (SERVE, {"traffic.utilisation": [0.2, 1], "engine.max_sequences": [16, 256], "engine.host_time": ["1 ms"]}),
        (BASE, {"workload": ["train", "serve", "infer", "finetune"], "devices": [16, 64]}),
    ],
)
def test_each_point_equals_its_scenario(base, over):
    assert check(base, over).any()


@settings(max_examples=25, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "devices": st.lists(st.sampled_from([1, 6, 8, 64, 96]), min_size=1, max_size=2),
            "parallelism.tp": st.lists(st.sampled_from([1, 2, 3, 8, 64]), min_size=1, max_size=2),
            "parallelism.pp": st.lists(st.sampled_from([1, 2, 3, 16, 64]), min_size=1, max_size=2),
            "parallelism.dp": st.lists(st.sampled_from([1, 2, 3, 8]), min_size=1, max_size=2),
            "parallelism.vp": st.lists(st.sampled_from([1, 2, 40]), min_size=1, max_size=2),
            "parallelism.zero": st.lists(st.sampled_from([0, 1, 3]), min_size=1, max_size=2),
            "parallelism.micro_batch": st.lists(st.sampled_from([1, 3, 16]), min_size=1, max_size=2),
            "workload.global_batch": st.lists(st.sampled_from([1, 64, 480]), min_size=1, max_size=2),
        },
    ).filter(bool)
)
def test_points_that_contradict_themselves(over):
    check(BASE, over)


def test_array_of_one_equals_the_scalar():
    found = costmodel.sweep(BASE, {"workload.tokens": [1e12]})
    assert found["totals.cost_usd"][0] == estimate(BASE).totals["cost_usd"]


def test_names_are_walked():
    found = costmodel.sweep(BASE, {"hardware": ["a100-sxm-80gb", "h100-sxm"], "devices": [64, 128]})
    assert list(found["hardware"]) == ["a100-sxm-80gb"] * 2 + ["h100-sxm"] * 2
    assert found["totals.time_s"][0] > found["totals.time_s"][2] > found["totals.time_s"][3]


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"parallelism.tp": [3, 5]}, "axis parallelism.tp: 3: tp = 3 must divide devices = 64"),
        (
            {"parallelism.tp": [1, 3], "devices": [24, 64]},
            "axis parallelism.tp: 3: 3 does not divide the model's 32 heads",
        ),
        ({"hardware": ["h100-sxm", "a100-sxm-80gb"], "precision": ["bf16", "nvfp4"]}, "axis precision: nvfp4: "),
        ({"compression": ["none", "int4"]}, "axis compression: int4: compression does not apply to workload train"),
        ({"hardware": ["h100-sxm", "h100-sxn"]}, "axis hardware: h100-sxn: "),
        ({"precision.gradients": ["bf16"], "hardware": ["nonsense"]}, "axis hardware: nonsense: "),
    ],
)
def test_a_value_that_is_wrong_everywhere_is_an_error(over, says):
    with pytest.raises(SweepError) as caught:
        costmodel.sweep(BASE, over)
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    ("over", "reasons"),
    [
        ({"parallelism.tp": [1, 16], "devices": [8, 16]}, ["", "", "layout: tp · pp · dp must equal devices", ""]),
        ({"parallelism.vp": [1, 2], "parallelism.pp": [1, 2]}, ["", "", "layout: vp above 1 needs pp above 1", ""]),
        # 16 B of state for each of 8.03e9 parameters, 15.7 GB of activations and workspace: 65 GB more than 80 GB
        ({"devices": [1, 8]}, ["memory: 66 GB too little per device", ""]),
        (
            {"hardware": ["h100-sxm", "a100-sxm-80gb"], "precision": ["bf16", "fp8"]},
            ["", "", "", "precision.compute: hardware a100-sxm-80gb has no peak for fp8; write one of "],
        ),
        (
            {"workload": ["train", "serve"], "compression": ["none", "int4"]},
            ["", "compression: compression does not apply to workload train; ", "", ""],
        ),
    ],
)
def test_a_point_that_is_not_feasible_says_why(over, reasons):
    found = costmodel.sweep(BASE, over)
    assert list(found["feasible"]) == [reason == "" for reason in reasons]
    for said, reason in zip(found["reason"], reasons, strict=True):
        assert said.startswith(reason)
        assert bool(said) == bool(reason)


def test_a_service_whose_requests_queue_up_is_no_answer():
    rates = ["1 requests/s", "1e6 requests/s"]
    found = costmodel.sweep(SERVE, {"traffic.request_rate": rates}, ranges=True)
    assert list(found["feasible"]) == [True, False]
    assert found["reason"][1].startswith("overload: ")
    assert np.isnan(found["totals.cost_usd.p90"][1])
    assert [estimate(SERVE, [f"traffic.request_rate={rate}"]).fits for rate in rates] == [True, False]


def test_what_is_wrong_without_the_axes_is_not_blamed_on_them():
    with pytest.raises(ScenarioError, match=r"^hardware: 'h100' fits several products"):
        costmodel.sweep(BASE | {"hardware": "h100"}, {"workload.tokens": [1e11]})


@pytest.mark.parametrize("over", [{"devices": [8, 16]}, {"hardware": ["h100-sxm", "a10"]}, {"workload.tokens": [1e9]}])
@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("profile: nobody", "profile: no profile is called 'nobody'"),
        ("profile: nowhere.json", "profile: no profile file"),
        ("costs: {grid: Atlantis}", "costs.grid: unknown grid 'Atlantis'"),
    ],
)
def test_an_unknown_name_in_the_base_file_is_named_where_it_stands(tmp_path, over, line, says):
    file = tmp_path / "base.yaml"
    file.write_text(f"model: llama-3.1-8b\nhardware: h100-sxm\ndevices: 8\nworkload: train\n{line}\n")
    for ask in (lambda: costmodel.sweep(str(file), over), lambda: costmodel.estimate(str(file))):
        with pytest.raises(ScenarioError, match=re.escape(f"{file}:5:") + r"\d+: " + re.escape(says)):
            ask()


@pytest.mark.parametrize(
    ("base", "over"),
    [
        (BASE, {"devices": [1, 32, 64], "hardware": ["h100-sxm", "a100-sxm-80gb"]}),
        (SERVE, {"costs.price": ["2 USD/h", "3 USD/h"], "devices": [1, 8]}),
        (OWN, {"model.layers": [16, 32]}),
    ],
)
def test_ranges_are_those_of_each_estimate(monkeypatch, base, over):
    monkeypatch.setattr("costmodel.sweeping.grid.CHUNK", 512)  # two points at a time
    found = costmodel.sweep(base, over, ranges=True)
    for i, feasible in enumerate(found["feasible"]):
        changes = [(path, v.item() if isinstance(v := found[path][i], np.generic) else v) for path in over]
        alone = estimate(costmodel.load(base | {"ranges": True}, changes))
        assert feasible == alone.fits
        for name in alone.totals:
            columns = {p: found[f"totals.{name}.{p}"][i] for p in ("p10", "p90")}
            if feasible:
                assert columns == pytest.approx({p: alone.ranges[name][p] for p in columns}, rel=1e-9), name
            else:
                assert all(map(math.isnan, columns.values()))


def test_chunks_do_not_change_the_answer(monkeypatch):
    whole = costmodel.sweep(BASE, OVER)
    monkeypatch.setattr("costmodel.sweeping.grid.CHUNK", 3)
    same(whole, costmodel.sweep(BASE, OVER))


MIXED = {"workload.tokens": [1e11, 1e12], "hardware": ["h100-sxm", "a100-sxm-80gb"], "devices": [1, 8, 64]}


def same(one, other):
    assert list(one) == list(other)
    for name, column in one.items():
        np.testing.assert_array_equal(column, other[name], err_msg=name)


@pytest.mark.parametrize("executor", ["processes", ThreadPoolExecutor(2)])
def test_workers_do_not_change_the_answer(monkeypatch, executor):
    monkeypatch.setattr("costmodel.sweeping.grid.CHUNK", 2)
    same(costmodel.sweep(BASE, MIXED), costmodel.sweep(BASE, MIXED, executor=executor))


def test_workers_hand_errors_back():
    with pytest.raises(SweepError, match="axis hardware: nonsense: unknown hardware"):
        costmodel.sweep(BASE, {"hardware": ["h100-sxm", "nonsense"]}, executor="processes")


def test_a_dask_cluster_does_not_change_the_answer(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    monkeypatch.setattr("costmodel.sweeping.grid.CHUNK", 2)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        same(costmodel.sweep(BASE, MIXED), costmodel.sweep(BASE, MIXED, executor=f"dask:{cluster.scheduler_address}"))


@pytest.mark.parametrize(
    ("executor", "says"),
    [
        ("threads", "executor 'threads' is none; write processes or dask:tcp://HOST:8786"),
        ("dask:tcp://127.0.0.1:1", "no dask scheduler answers at 'tcp://127.0.0.1:1'"),
        ("dask:", "no dask scheduler answers at ''"),
    ],
)
def test_workers_that_are_not_there(monkeypatch, executor, says):
    if executor.startswith("dask"):
        pytest.importorskip("distributed", reason="dask.distributed is not installed")
    monkeypatch.setattr("costmodel.sweeping.executors.PATIENCE", 0.5)
    with pytest.raises(SweepError, match=re.escape(says)):
        costmodel.sweep(BASE, OVER, executor=executor)


@pytest.mark.parametrize("address", ["x", "10.0.0.1", "tcp://host"])
def test_a_scheduler_without_a_port_is_not_asked(monkeypatch, address):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    monkeypatch.setattr(distributed, "Client", lambda *args, **options: pytest.fail("asked"))
    with pytest.raises(SweepError, match="missing port number"):
        costmodel.sweep(BASE, OVER, executor=f"dask:{address}")


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({}, "nothing to sweep"),
        ({"devices": []}, "devices has no values"),
        ({"devices": 8}, "devices needs a list"),
        ({1: [8]}, "axis 1 is no path"),
        ({("devices", 1): [(8, 8)]}, "axis 1 is no path"),
        ({"traffic.concurrency": [8, 16]}, "traffic does not apply to workload train"),
        ({"devices": "8"}, "devices needs a list"),
        ({("a", "b"): [(1,)]}, "needs 2 values"),
        ({("devices", "workload.tokens"): [1, 2]}, "needs 2 values"),
        ({"devices": [8], ("devices", "workload.tokens"): [(8, 1e9)]}, "devices is given twice"),
        ({"devices": [8, 1.5]}, "axis devices: 1.5: must be a whole number"),
        ({"devices": [8, 0]}, "axis devices: 0: must be at least 1"),
        ({"devices": [8, float("nan")]}, "axis devices: nan: is not a finite number"),
        ({"devices": [8, 10**400]}, "axis devices: 1000"),
        ({"devices": [8, True]}, "axis devices: True: needs a number"),
        ({"devices": ["8", "many"]}, "axis devices: many: 'many' is not a number"),
        ({"workload.tokens": [1e12, -1.0]}, "axis workload.tokens: -1.0: must be at least 1"),
        ({"workload.tokens": np.array([1e12, np.inf])}, "axis workload.tokens: inf: is not a finite number"),
        ({"parallelism.micro_batch": [0]}, "axis parallelism.micro_batch: 0: must be at least 1"),
        ({"parallelism.zero": [1, 4]}, "axis parallelism.zero: 4: must be at most 3"),
        ({"costs.pue": [0.9]}, "axis costs.pue: 0.9: must be at least 1"),
        ({"costs.price": [2.5]}, "axis costs.price: 2.5: needs a unit; write for example '2.5 USD/h'"),
        ({"costs.price": ["2.5 USD"]}, "wrong dimension"),
        ({"hardware.memory": ["80 GB"]}, "hardware is 'h100-sxm' and has no parts"),
        ({"devics": [8]}, "did you mean 'devices'"),
        ({"traffic.max_sequences": [8]}, "unknown key 'max_sequences'"),
        ({"hardware": ["h100-sxm", "h100"]}, "h100-sxm"),
        ({"parallelism.recompute": ["none", "some"]}, "'some' is not accepted"),
        ({"parallelism.recompute": ["some"], "devices": [8]}, "'some' is not accepted"),
        ({"devices": range(1, 10_001), "workload.tokens": range(1, 10_001)}, f"more than {MOST_POINTS:,}"),
        ({"hardware": ["h100-sxm"] * 1000, "model": ["llama-3.1-8b"] * 1000}, "combinations of names"),
    ],
)
def test_bad_axes(over, says):
    with pytest.raises((SweepError, ScenarioError, costmodel.catalog.CatalogError)) as caught:
        costmodel.sweep(BASE, over)
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_an_axis_supplies_what_a_scenario_lacks():
    devices = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "workload": "serve"}
    found = costmodel.sweep(devices, {"devices": [2, 4]})
    assert found["totals.cost_usd"][1] == pytest.approx(costmodel.estimate(devices | {"devices": 4}).totals["cost_usd"])
