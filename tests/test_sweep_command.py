"""costmodel sweep: axes as they are typed, and what comes out as text, data, files and charts."""

import csv
import io
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import costmodel
from costmodel.cli.main import run
from costmodel.report.sweep import as_text
from costmodel.sweeping import MOST_KEPT, SweepError, typed

BASE = costmodel.load({"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": "train"})
QUICK = ["sweep", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--devices", "64", "--workload", "train"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("devices=8, 2 k", [8, 2000]),
        ("model=gpt2,llama-3.1-8b", ["gpt2", "llama-3.1-8b"]),
        ("parallelism.sequence_parallel=true,False", [True, False]),
        ("costs.price=2 USD/h,3 USD/h", ["2 USD/h", "3 USD/h"]),
        ("costs.staff=none,{people: 2, rate: 1e5 USD/year}", ["none", {"people": "2", "rate": "1e5 USD/year"}]),
        ("compression=none,2:4", ["none", "2:4"]),
        ("devices=8:64:x2", [8, 16, 32, 64]),
        ("devices=8:63:x2", [8, 16, 32]),
        ("devices=4,8:32:x2,64", [4, 8, 16, 32, 64]),
        ("devices=1:4:7", [1, 2, 3, 4]),  # 1.5, 2.5, 3.5 round to even
        ("costs.pue=1:1.5:3", [1, 1.25, 1.5]),
        ("workload.tokens=1e11:1e13:3:log", [1e11, 1e12, 1e13]),
        ("workload.tokens=1 T:3 T:3", [1e12, 2e12, 3e12]),
        ("costs.price=1 USD/h:2 USD/h:3", ["1.0 USD/h", "1.5 USD/h", "2.0 USD/h"]),
        ("costs.grid=100 g/kWh:400 g/kWh:x2", ["100.0 g/kWh", "200.0 g/kWh", "400.0 g/kWh"]),
        ("assumptions.costs.data_bytes=2 B,4 B", ["2 B", "4 B"]),  # bytes, not billions
        ("assumptions.costs.data_bytes=2 B:4 B:x2", ["2.0 B", "4.0 B"]),
        ("assumptions.profile.framework.time_factor=1:2:3", [1, 1.5, 2]),
    ],
)
def test_axes_as_typed(text, values):
    assert typed(BASE, [text]) == {text.partition("=")[0]: pytest.approx(values) if len(values) == 3 else values}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("devices", "write for example devices=8,16,32 or devices=8:512:x2"),
        ("=8", "is no axis"),
        ("devices=", "is no axis"),
        ("devices={", "is no axis"),
        ("devices=1:8:0", "write FROM:TO:N, FROM:TO:N:log, or FROM:TO:x2"),
        ("devices=1:8:2.5", "is no range"),
        ("devices=1:8:nan", "is no range"),
        ("devices=1:8:3:lin", "is no range"),
        ("devices=1:8:x1", "is no range"),
        ("devices=1:8:xinf", "is no range"),
        ("devices=8:1:x2", "needs 0 < FROM < TO"),
        ("costs.pue=0:2:3:log", "needs 0 < FROM < TO"),
        ("devices=1:1e7:1e10", "10,000,000,000 values"),
        ("devices=1:1e300:x1.0000000001", "values, more than"),
        ("costs.price=1 USD/h:2 USD/s:3", "the same unit at both ends"),
        ("costs.price=1 USD/h:2:3", "the same unit at both ends"),
    ],
)
def test_axes_that_say_nothing(text, says):
    with pytest.raises(SweepError) as caught:
        typed(BASE, [text])
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_an_axis_is_given_once():
    with pytest.raises(SweepError, match="given twice"):
        typed(BASE, ["devices=8", "devices=16"])


@pytest.mark.parametrize(
    ("axis", "says"),
    [
        ("parallelism.tp=1,3", "axis parallelism.tp: 3: "),
        ("precision=bf16,nvfp4", "axis precision: nvfp4: precision.compute: hardware h100-sxm has no peak for nvfp4"),
        ("compression=none,int4", "axis compression: int4: "),
        ("devics=8,16", "did you mean 'devices'"),
        ("costs.price=2 EUR/h", "axis costs.price: 2 EUR/h: unknown unit 'EUR'"),
    ],
)
def test_a_wrong_value_is_bad_input(axis, says, capsys):
    assert run([*QUICK, "--over", axis]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert says in shown.err
    assert len(shown.err.splitlines()) == 1


def test_a_billion_points_are_refused_with_their_number(capsys, tmp_path):
    axes = ["--over", "workload.tokens=1e9:1e12:1e5", "--over", "devices=1:1e4:1e4"]
    for more in ([], ["--out", str(tmp_path / "much.csv")]):
        assert run([*QUICK, *axes, *more]) == 2
        assert "1,000,000,000 points" in capsys.readouterr().err
    assert MOST_KEPT < 1_000_000_000
    assert not list(tmp_path.iterdir())


def test_text_says_what_is_best_and_what_is_missing(capsys):
    assert run([*QUICK, "--over", "devices=1:64:x4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("3 of 4 points are feasible: least time ")
    assert lines[2].split() == ["devices", "time", "cost", "memory", "energy", "carbon"]
    assert lines[3].endswith("memory: 66 GB too little per device")
    assert run([*QUICK, "--workload", "serve", "--over", "devices=8,16"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "most tokens/s" in lines[0]
    assert "cost / M tokens" in lines[2]


def test_bars_are_in_proportion():
    found = costmodel.sweep(BASE, {"costs.price": ["1 USD/h", "2 USD/h"], "costs.staff": ["none"]})
    one, two = (line.count("█") for line in as_text(found, ["costs.price"], bars=True).splitlines()[3:])
    assert two == 20
    ratio = found["totals.cost_usd"][0] / found["totals.cost_usd"][1]
    assert one == pytest.approx(20 * ratio, abs=1)


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_files_hold_the_columns(form, tmp_path, capsys):
    file = tmp_path / f"table.{form}"
    if form == "parquet":
        pandas = pytest.importorskip("pandas")
        pytest.importorskip("pyarrow")
    assert run([*QUICK, "--over", "devices=1,64", "--over", "hardware=h100-sxm", "--out", str(file)]) == 0
    assert capsys.readouterr().out == ""
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
        found = {name: [row[name] for row in rows] for name in rows[0]}
    elif form == "json":
        found = json.loads(file.read_text(encoding="utf-8"))
    else:
        found = {name: column.tolist() for name, column in pandas.read_parquet(file).items()}
    whole = costmodel.sweep(BASE, {"devices": [1, 64], "hardware": ["h100-sxm"]})
    assert list(found) == list(whole)
    assert float(found["totals.cost_usd"][1]) == costmodel.estimate(BASE).totals["cost_usd"]
    assert found["totals.cost_usd"][0] is None or math.isnan(float(found["totals.cost_usd"][0]))
    assert found["reason"] == list(whole["reason"])
    assert list(tmp_path.iterdir()) == [file]


def test_what_needs_a_library_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert run([*QUICK, "--over", "devices=64", "--out", str(tmp_path / "a.parquet")]) == 2
    assert "pip install pyarrow" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run([*QUICK, "--over", "devices=64", "--executor", "dask:tcp://127.0.0.1:1"]) == 2
    assert "[cluster]" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["nowhere/a.csv", "a.txt"])
def test_files_that_cannot_be(name, tmp_path, capsys):
    assert run([*QUICK, "--over", "devices=64", "--out", str(tmp_path / name)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("names", [("a.json", "a.json", "b.html"), ("a.yaml", "b.csv", "b.csv")])
def test_no_file_is_overwritten_by_another(names, tmp_path, capsys):
    scenario, out, plot = (tmp_path / name for name in names)
    scenario.write_bytes(said := Path("examples/llama-3.1-8b.yaml").read_bytes())
    asked = ["sweep", str(scenario), "--over", "devices=64", "--out", str(out), "--plot", str(plot)]
    assert run(asked) == 2
    assert "one file is named twice" in capsys.readouterr().err
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [said]


@pytest.mark.parametrize(
    "axes",
    [["devices=64,128"], ["devices=64,128", "hardware=h100-sxm,a100-sxm-80gb"], ["devices=1:10:10", "costs.pue=1:2:9"]],
)
def test_a_chart_is_a_page_of_its_own(axes, tmp_path, capsys):
    pytest.importorskip("plotly")
    file = tmp_path / "chart.html"
    assert run([*QUICK, "--ranges", *(word for axis in axes for word in ("--over", axis)), "--plot", str(file)]) == 0
    page = file.read_text(encoding="utf-8")
    assert capsys.readouterr().out.splitlines()[0].split(":")[0] in page
    assert "<script src" not in page


def test_a_chart_shows_two_axes_at_most(tmp_path, capsys):
    pytest.importorskip("plotly")
    axes = ["--over", "devices=64", "--over", "costs.pue=1", "--over", "workload.tokens=1e12"]
    assert run([*QUICK, *axes, "--plot", str(tmp_path / "a.html")]) == 2
    assert "one or two axes" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("more", [[], ["--executor", "processes"]])
def test_interrupted_the_finished_rows_are_kept(form, more, tmp_path):
    if form == "parquet":
        pandas = pytest.importorskip("pandas")
        pytest.importorskip("pyarrow")
    file = tmp_path / f"table.{form}"
    axes = ["--over", "workload.tokens=1e11:1e12:20000", "--over", "costs.pue=1:2:1000"]
    command = [sys.executable, "-m", "costmodel", *QUICK, *axes, *more, "--out", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as child:
        until = time.monotonic() + 60
        while not any(part.stat().st_size > 1e5 for part in tmp_path.glob("*.part")) and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does, to the workers too
        said = child.communicate(timeout=60)[1]
    assert child.returncode == 130, said
    assert len(said.split("\n")) <= 3  # click ends the line of ^C
    rows = int(said.partition("row ")[2].partition(" of 20,000,000")[0].replace(",", ""))
    assert rows > 0
    found = pandas.read_parquet(file).to_dict("list") if form == "parquet" else None
    if found is None:
        lines = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
        found = {name: [line[name] for line in lines] for name in ("totals.cost_usd", "reason")}
    assert len(found["reason"]) == rows
    assert math.isfinite(float(found["totals.cost_usd"][-1]))
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(("form", "blocks"), [("csv", 30_000), ("parquet", 8_000)])  # room for a part of the rows
def test_a_full_disk_leaves_the_file_before(form, blocks, tmp_path):
    out = tmp_path / f"rows.{form}"
    out.write_text("before")
    points = "--over workload.tokens=1e11:1e13:60000:log"
    command = f"ulimit -f {blocks}; exec {sys.executable} -m costmodel sweep examples/llama-3.1-8b.yaml {points}"
    done = subprocess.run(["sh", "-c", f"{command} --out {out}"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "is whole up to" not in done.stderr
    assert list(tmp_path.iterdir()) == [out]
    assert out.read_text() == "before"


def test_an_axis_that_moves_nothing_is_told(capsys):
    axis = "--over=costs.utilisation=0.2,0.5"
    assert run(["sweep", "examples/llama-3.1-8b.yaml", axis]) == 0
    assert "costs.utilisation: of bought hardware, without effect on rented" in capsys.readouterr().err
    assert run(["sweep", "examples/llama-3.1-8b.yaml", axis, "--set", "costs.pricing=own"]) == 0
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("axis", "flags"),
    [
        ("hardware=h100-sxm,a100-sxm-80gb", ["--devices", "8", "--model", "llama-3.1-8b", "--workload", "serve"]),
        ("devices=8:16:x2", ["--hardware", "h100-sxm", "--model", "llama-3.1-8b", "--workload", "serve"]),
        (
            "workload={kind: train},{kind: serve}",
            ["--hardware", "h100-sxm", "--model", "llama-3.1-8b", "--devices", "8"],
        ),
    ],
)
def test_an_axis_supplies_what_a_scenario_lacks(axis, flags, tmp_path, capsys):
    assert run(["sweep", *flags, "--over", axis, "-o", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    names = dict(zip((flag.removeprefix("--") for flag in flags[::2]), flags[1::2], strict=True))
    (tmp_path / "s.yaml").write_text(json.dumps(names))
    assert run(["sweep", str(tmp_path / "s.yaml"), "--over", axis, "-o", "csv"]) == 0
    assert run(["sweep", *flags[:-2], "--over", axis]) == 2
    assert f"or {flags[-2]};" in capsys.readouterr().err


def test_mappings_are_written_as_in_a_scenario(capsys):
    axis = "workload={kind: train},{kind: train, tokens: 1e12}"
    assert run(["sweep", "examples/llama-3.1-8b.yaml", "--over", axis]) == 0
    shown = capsys.readouterr().out
    assert "workload = {kind: train}" in shown
    assert "\n{kind: train, tokens: 1e12} " in shown
