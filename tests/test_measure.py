import ast
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from itertools import accumulate, count, cycle
from pathlib import Path

import numpy as np
import pytest

from costmodel.calibration import measure
from costmodel.calibration.measure import (
    __main__ as command,
)
from costmodel.calibration.measure import (
    bench,
    collect,
    launch,
    power,
    quiet,
    record,
    timing,
)
from costmodel.calibration.measure.device import Device, Point
from costmodel.calibration.measure.effort import SHARES, Effort

FOLDER = Path(measure.__file__).parent
NUMPY = Device("numpy", "cpu")


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """The collector as on a bare node: its folder copied, nothing else of the product used."""
    if not (folder / "measure").exists():
        shutil.copytree(FOLDER, folder / "measure", ignore=shutil.ignore_patterns("__pycache__"))
    given = [sys.executable, "-m", "measure", "--backend", "numpy", "--threads", "1", *arguments]
    return subprocess.Popen(given, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of records, really measured."""
    folder = tmp_path_factory.mktemp("node")
    out, err = start(folder, "--quick", "--only", "launch,power").communicate(timeout=60)
    assert "points measured" in err
    (folder / "records.jsonl").write_text(out)
    return folder / "records.jsonl"


def test_imports_are_relative_or_need_only_numpy() -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "torch", "threadpoolctl"}
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, path
            elif isinstance(node, ast.ImportFrom) and not node.level:
                assert str(node.module).split(".")[0] in allowed, path


def test_first_the_environment_then_records(collected: Path) -> None:
    environment, *records = record.read(collected)
    assert environment["kind"] == "environment"
    assert environment["threads"] == 1
    assert environment["versions"]["numpy"] == np.__version__
    assert {r["environment"] for r in records} == {environment["id"]}
    measured = [r for r in records if "skipped" not in r]
    assert all(0 < r["time_s"] < 1 and r["spread_s"] >= 0 and r["repeats"] >= 3 for r in measured)
    assert [r["reference"] for r in records if "reference" in r] == [True] * 3  # at the start and after each phenomenon
    assert {r["shape"]["operation"] for r in records if r["kind"] == "launch"} >= {"call", "linear", "index"}


def test_records_name_no_host_and_no_path(collected: Path) -> None:
    text = collected.read_text()
    assert socket.gethostname() not in text
    assert str(collected.parent) not in text
    assert str(Path.home()) not in text


def test_resume_completes_a_file_that_was_cut(collected: Path, tmp_path: Path) -> None:
    whole = collected.read_text().splitlines(keepends=True)
    launches = [n for n, text in enumerate(whole) if '"kind": "launch"' in text]
    cut = tmp_path / "cut.jsonl"
    cut.write_text("".join(whole[: launches[1]]) + whole[launches[1]][:50])  # the second launch is cut short
    process = start(tmp_path, "--quick", "--only", "launch,power", "--resume", "cut.jsonl")
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    keys = {record.key(r) for r in record.read(collected) if r["kind"] == "launch"}
    settled = {
        key for key, (_, undisturbed) in quiet.settled(map(json.loads, whole[: launches[1]])).items() if undisturbed
    }
    again = [record.key(r) for r in record.read(cut) if "time_s" in r and not r.get("reference")]
    assert len([r for r in record.read(cut) if r["kind"] == "environment"]) == 1
    assert all(again.count(key) == 1 for key in settled)  # what a quiet machine has measured stands
    assert {record.key(r) for r in record.read(cut) if r["kind"] == "launch"} == keys


def test_resume_refuses_another_machine(collected: Path, tmp_path: Path) -> None:
    environment, *rest = collected.read_text().splitlines(keepends=True)
    changed = json.loads(environment) | {"id": "0123456789ab", "cpu": "Z80"}
    (tmp_path / "other.jsonl").write_text(record.line(changed) + "".join(rest))
    process = start(tmp_path, "--resume", "other.jsonl")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == "measure: other.jsonl: measured under another environment (cpu); begin a new file\n"


def test_interrupt_keeps_what_was_measured(tmp_path: Path) -> None:
    with start(tmp_path, "--thorough", "--only", "launch") as process:
        assert process.stdout
        assert process.stderr
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        lines += process.stdout.readlines()
        message = process.stderr.read()
    assert process.returncode == 130
    assert "interrupted" in message
    assert "Traceback" not in message
    assert all(json.loads(text)["schema"] == record.SCHEMA and text.endswith("\n") for text in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "matmal"], "did you mean matmul?"),
        (["--only", ""], "choose from power"),
        (["--threads", "0"], "--threads 0: give a number from 1"),
        (["--threads", "many"], "invalid int value"),
        (["--quick", "--thorough"], "not allowed with"),
        (["--backend", "jax"], "invalid choice"),
        (["--backend", "numpy", "--device", "cuda"], "runs on the CPU only"),
        (["--backend", "numpy", "--resume", "nowhere.jsonl"], "nowhere.jsonl: No such file"),
        (["records.jsonl"], "unrecognized arguments"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    try:
        code = command.main(arguments)
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", ":1: not a JSON line"),
        ("[1, 2]\n", ":1: schema is 'None'"),
        ('{"schema": "costmodel/record/9"}\n', ":1: records of version 9; this program reads version 1"),
        ('{"schema": "costmodel/record/1", "kind": "matmul"}\n', ":1: a record needs the field 'shape'"),
        ("\n\xff\xfe\x00\n", ":2: not a JSON line"),
    ],
)
def test_foreign_files_are_refused_by_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "foreign.jsonl"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(record.BadFile, match="foreign") as refused:
        record.read(path)
    assert message in str(refused.value)


def test_a_last_line_cut_short_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    point = Point("matmul", {"m": 1, "k": 2, "n": 3}, "fp32", NUMPY)
    path.write_text(record.line(point.record("e", time_s=1 / 3)) + '{"schema": "costm')
    (only,) = record.read(path)
    assert only["time_s"] == 0.333333
    path.write_text("")
    assert record.read(path) == []


def test_timing_is_median_and_interquartile_range() -> None:
    steady = timing.measure(lambda calls: calls * 2e-3, limit_s=1, target=0.01)
    assert (steady.time_s, steady.spread_s, steady.repeats, steady.noisy) == (2e-3, 0.0, timing.REPEATS, False)
    course = cycle([1e-3, 2e-3, 3e-3, 4e-3, 5e-3])
    rough = timing.measure(lambda calls: calls * next(course), limit_s=0.01, target=1e-9)
    assert rough.time_s == pytest.approx(3e-3, rel=0.35)
    assert rough.noisy
    assert timing.quantile([1, 2, 3, 4], 0.25) == 1.75  # as numpy.quantile


def test_short_calls_are_timed_in_batches_and_long_ones_stop_at_the_limit() -> None:
    asked: list[int] = []

    def short(calls: int) -> float:
        asked.append(calls)
        return calls * 1e-6

    assert timing.measure(short, 1, 0.01).time_s == pytest.approx(1e-6)
    assert set(asked[-timing.REPEATS :]) == {1000}
    growing = iter(range(1, 100))
    assert timing.measure(lambda calls: float(next(growing)), limit_s=0, target=1e-9).repeats == timing.SLOW_REPEATS


def test_watts_are_joules_over_the_window() -> None:
    def busy(calls: int) -> float:
        began = timing.time.perf_counter()
        while timing.time.perf_counter() - began < 0.01:
            pass
        return calls * 0.01

    counter = lambda: 30 * timing.time.perf_counter()  # noqa: E731
    timed = timing.measure(busy, 0.3, 0.01, at_least_s=0.3, meter=counter)
    assert timed.watts == pytest.approx(30, rel=0.2)
    assert timing.measure(busy, 0.01, 0.01, meter=counter).watts is None  # too short to trust a counter


def test_samples_that_waited_for_a_core_are_left_out() -> None:
    times = iter([2e-3, 2e-3] + [9e-3, 2e-3] * 1000)  # two to warm up, then every other one slow
    readings = accumulate(cycle([0.0, 1.0, 0.0, 0.0]))  # before and after each sample: the slow ones waited
    mixed = timing.measure(lambda _: next(times), 1, 0.01, waited=lambda: next(readings))
    assert (mixed.time_s, mixed.spread_s, mixed.noisy) == (2e-3, 0.0, False)
    always = timing.measure(lambda _: 2e-3, 0.02, 0.01, waited=count().__next__)
    assert (always.time_s, always.noisy) == (2e-3, True)


def test_this_process_knows_how_long_it_waited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert quiet.waited_s() >= 0
    for task, text in (("1", "5 1500000000 7\n"), ("2", "9 500000000 1\n")):
        (tmp_path / task).mkdir()
        (tmp_path / task / "schedstat").write_text(text)
    monkeypatch.setattr(quiet, "TASKS", tmp_path)
    assert quiet.waited_s() == 2.0
    monkeypatch.setattr(quiet, "TASKS", tmp_path / "nowhere")
    assert quiet.waited_s() == 0.0


def test_the_last_undisturbed_record_counts() -> None:
    def made(m: int, time_s: float, **fields: object) -> record.Record:
        return Point("matmul", {"m": m}, "fp32", NUMPY).record("e", time_s=time_s, **fields)

    records = [
        made(1, 10.0, probe_s=1.0),
        made(1, 20.0, probe_s=1.3),  # slower than usual
        made(2, 30.0, probe_s=1.0, noisy=True),
        made(2, 40.0, probe_s=2.0),
        made(3, 50.0, probe_s=1.1),
        made(3, 60.0, probe_s=1.1),
        made(4, 70.0, reference=True, probe_s=1.0),
        Point("matmul", {"m": 5}, "fp32", NUMPY).record("e", skipped="too slow"),
        made(6, 80.0),  # on a GPU there is no probe
    ]
    chosen = quiet.settled(records).values()
    assert [(r["time_s"], ok) for r, ok in chosen] == [(10.0, True), (40.0, False), (60.0, True), (80.0, True)]


def test_a_run_skips_what_does_not_fit_or_fails_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = Device("numpy", "cpu")
    small.__dict__["memory_bytes"] = 1e6  # what the property would find
    monkeypatch.setattr(launch, "prepare", lambda point: 1 / 0)
    for name, value in {"REFERENCE_N": 64, "PROBE_N": 64, "REFERENCE_S": 0.01}.items():
        monkeypatch.setattr(bench, name, value)
    written: list[record.Record] = []
    run = collect.Run(small, Effort("tiny", 0, 4.0, 0.5), "e", written.append, [], timing.time.perf_counter())
    run.collect(["memory", "launch"])
    skipped = {r["kind"]: r["skipped"] for r in written if "skipped" in r}
    assert skipped["bandwidth"] == "needs 0.27 GB, 0.001 GB may be used"
    assert skipped["launch"] == "failed: ZeroDivisionError: division by zero"
    assert {r["shape"]["bytes"] for r in written if r["kind"] == "bandwidth" and "time_s" in r} == {2**14, 2**18}
    assert "2 points measured" in capsys.readouterr().err


def test_rapl_counters_add_up_and_wrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "RAPL", tmp_path)
    with pytest.raises(OSError, match="no RAPL"):
        power.Rapl()
    for zone, name in (("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "core"), ("intel-rapl:0:1", "dram")):
        (tmp_path / zone).mkdir()
        for file, text in (("name", name), ("energy_uj", "900"), ("max_energy_range_uj", "1000")):
            (tmp_path / zone / file).write_text(text + "\n")
    counters = power.Rapl()
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("950\n")
    (tmp_path / "intel-rapl:0:1" / "energy_uj").write_text("100\n")  # wrapped: 200 further
    assert counters.energy_j() == pytest.approx(250e-6)


def test_shares_make_a_whole() -> None:
    assert sum(SHARES.values()) == pytest.approx(1)
    assert all((FOLDER / f"{name}.py").exists() for name in SHARES)
