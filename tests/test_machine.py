"""What is said of a machine that was measured: facts, fit, verification; one calibration at a time."""

import json
import os
import signal
import subprocess
import sys

import pytest

from costmodel import profile
from costmodel.calibration import lock
from costmodel.calibration.verify import run as verification
from costmodel.cli.main import run
from costmodel.report import catalog, evidence, machine

EXAMPLE = "cpu-epyc-2core"


def test_devices_with_a_profile_of_their_own(folder):
    assert machine.measured()[0] == EXAMPLE
    assert {"h100-sxm", "b200-sxm"} < set(machine.measured())
    assert "prior" not in machine.measured()


def test_this_machine_comes_first(local):
    assert machine.measured()[:2] == ["local", EXAMPLE]
    assert "local" in catalog.listing("hardware")
    assert catalog.entry("hardware", "local")["hardware"] == local["hardware"]


def test_a_machine_that_was_not_measured_says_what_to_run(folder, capsys):
    assert "local" not in catalog.listing("hardware")
    assert run(["catalog", "hardware", "local"]) == 2
    assert "costmodel calibrate" in capsys.readouterr().err


def test_facts_have_units_and_come_from_the_profile(folder):
    facts = dict(machine.facts(EXAMPLE))
    # 227.6e9 FLOP/s, 31.24e9 B/s, 33.84e6 B in the shipped profile
    assert facts["peak fp32"] == "228 GFLOP/s"
    assert facts["memory bandwidth"] == "31.2 GB/s"
    assert facts["last cache"] == "33.8 MB"
    assert facts["cores"] == "2"
    assert dict(machine.facts("h100-sxm"))["memory"] == "80 GB"


def test_the_sentence_names_peaks_bandwidth_and_fit(folder):
    said = machine.sentence(profile.load(EXAMPLE))
    assert said.startswith("AMD EPYC, 2 cores: computes fp32 228 GFLOP/s, ")
    assert "moves 31.2 GB/s" in said
    rows = profile.load(EXAMPLE)["fit"].values()
    assert f"{len(rows)} laws, fitted to {sum(row['n'] for row in rows):,} records" in said


def test_a_profile_without_a_fit_says_so(folder):
    made = {name: value for name, value in profile.load(EXAMPLE).items() if name != "fit"}
    assert "not recorded" in machine.sentence(made)
    assert machine.fit(made) == []


def test_shipped_fit_is_what_its_records_give():
    from costmodel.calibration import local
    from costmodel.calibration.records import EVIDENCE, read

    records = read(EVIDENCE / f"{EXAMPLE}-torch.jsonl")
    again = local.profile_of(local.fitted(records), records, "test", "")["fit"]
    shipped = profile.load(EXAMPLE)["fit"]
    assert again.keys() == shipped.keys()
    for law, row in again.items():
        assert row["n"] == shipped[law]["n"]
        assert row["median"] == pytest.approx(shipped[law]["median"], abs=0.01), law


@pytest.mark.parametrize("name", ["h100-sxm", "prior", EXAMPLE])
def test_a_profile_is_readable(folder, capsys, name):
    assert run(["catalog", "profiles", name]) == 0
    text = capsys.readouterr().out
    assert not set("{}'") & set(text)
    made = profile.load(name)
    for law, constants in made["laws"].items():
        for constant in constants:
            assert any(line.split()[:2] == [law, constant] for line in text.splitlines()), (law, constant)
    assert text.startswith(machine.sentence(made))
    assert run(["catalog", "profiles", name, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == made


def test_evidence_has_every_law_of_every_shipped_profile():
    rows = {row["law"]: row for row in evidence.overview()}
    for name in evidence.profiles():
        for law, row in profile.load(name)["fit"].items():
            assert rows[law][name] == f"{row['median']:.0%} / {row['p90']:.0%}"
    counted = sum(count for law, _, count in evidence.sources(profile.load("h100-sxm")) if law == "matmul:16bit")
    assert counted == profile.load("h100-sxm")["fit"]["matmul:16bit"]["n"]


# --- verification

ROWS = [
    verification.Row("small", "step_time_s", 0.010, 0.012, 0.008, 0.015),
    verification.Row("large", "latency_s", 0.5, 0.3, 0.2, 0.4),
    verification.Row("int8", "latency_s", skipped="emulated"),
    verification.Row("two-speed-up", "speed_up", 1.8, 1.7, 1.4, 1.9),
]


def test_a_verification_is_kept_beside_the_profile_and_is_none(local):
    assert machine.verification("local") is None
    before = profile.names()
    path = verification.keep(ROWS, "local")
    assert profile.names() == before
    assert machine.verification("local") == ROWS
    assert json.loads(path.read_text(encoding="utf-8")) == verification.document(ROWS)
    assert machine.verdict(ROWS).startswith("3 cases: median error 20%, largest 40%, 80% ranges hold 67%")


def test_a_row_says_error_and_range():
    # 0.012 / 0.010 is 20 % too long and 0.010 in 0.008–0.015; 0.3 / 0.5 is 40 % too short and 0.5 beyond 0.2–0.4
    small, large, skipped, faster = machine.verified(ROWS)
    assert small == ("small", "10 ms", "12 ms", "8–15 ms", "+20%", "yes")
    assert large == ("large", "500 ms", "300 ms", "200–400 ms", "-40%", "no")
    assert "emulated" in skipped[4]
    assert faster[1:4] == ("1.8", "1.7", "1.4–1.9")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": "other/1"}', "\x00", '{"schema": 1, "rows": [{}]}'])
def test_a_damaged_verification_is_named(local, content):
    path = verification.keep(ROWS, "local")
    path.write_text(content, encoding="utf-8")
    with pytest.raises(profile.ProfileError, match="calibrate --verify"):
        machine.verification("local")


# --- one at a time


def test_only_one_holds_the_lock(tmp_path):
    path = tmp_path / "new" / "lock"
    with lock.held(path):
        assert path.read_text() == f"{os.getpid()}\n"
        with pytest.raises(lock.Busy, match=f"process {os.getpid()}"), lock.held(path):
            pass
    with lock.held(path):
        pass


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    path = tmp_path / "lock"
    code = (
        "import sys, time; from pathlib import Path; from costmodel.calibration.lock import held\n"
        "with held(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(lock.Busy, match=f"process {holder.pid}"), lock.held(path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with lock.held(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_second_calibration_is_refused_in_one_line(folder, capsys):
    with lock.held(folder / "records.lock"):
        assert run(["calibrate", "--quick"]) == 2
    assert "another calibration is running" in capsys.readouterr().err
