"""The command `costmodel calibrate` under hostile input: one line that says what is wrong, and exit code 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from costmodel import files, profile
from costmodel.api import estimate
from costmodel.calibration import local
from costmodel.calibration.measure.record import read as measured
from costmodel.calibration.records import EVIDENCE, read
from costmodel.cli.main import run
from costmodel.sweeping import sweep

RECORDS = EVIDENCE / "cpu-epyc-2core-numpy.jsonl"
RUNS = Path(__file__).parent / "data" / "runs" / "runs.csv"
TINY = {"layers": 2, "hidden": 64, "heads": 4, "ffn": 256, "vocab": 512, "max_sequence": 128}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COSTMODEL_PROFILES", str(tmp_path / "profiles"))
    return tmp_path / "profiles"


def refused(capsys, *arguments: object) -> str:
    assert run(["calibrate", *map(str, arguments)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("costmodel: ")
    assert err.count("\n") == 1
    return err


def records(tmp_path: Path, change) -> Path:
    """The shipped records of a small machine with each line changed."""
    lines = [json.loads(line) for line in RECORDS.read_text(encoding="utf-8").splitlines()]
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(change(line)) + "\n" for line in lines), encoding="utf-8")
    return path


def change(kind: str, **fields):
    return lambda line: line | fields if line["kind"] == kind and "skipped" not in line else line


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (change("matmul", flops=None), "flops must be a number"),
        (change("matmul", shape={}), "the shape of matmul needs 'm'"),
        (change("matmul", dtype="fp7"), "dtype 'fp7' is none of"),
        (change("bandwidth", shape={"operation": 3, "bytes": 8}), "shape.operation must be a text"),
        (change("launch", shape={"operation": "call"}), "the shape of launch needs 'count'"),
        (change("optimizer", shape={}), "the shape of optimizer needs 'operation'"),
        (change("environment", threads="two"), "threads must be a number above 0"),
        (change("environment", hardware="h100-sxm"), "published by others"),
        (change("environment", versions=None), "versions must be a mapping"),
    ],
)
def test_corrupt_records_are_named_by_line(tmp_path, capsys, changed, said):
    assert said in refused(capsys, "--refit", records(tmp_path, changed))


def test_a_profile_that_no_estimate_could_read_is_not_kept(tmp_path, folder, capsys):
    absurd = records(tmp_path, change("matmul", time_s=1e-300))
    assert "hardware.peak:fp32: must be a finite number" in refused(capsys, "--refit", absurd)
    assert not list(folder.glob("*.json"))


@pytest.mark.parametrize("name", ["h100-sxm", "prior", "cpu-epyc-2core", "t4", "a.json", "../x", "a b", "", "x\ny"])
def test_names_of_what_ships_are_refused(folder, capsys, name):
    assert "write a new name" in refused(capsys, "--refit", RECORDS, "--name", name)
    assert "write a new name" in refused(capsys, "--from-runs", RUNS, "--name", name)
    assert not folder.exists() or not list(folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--quick", "--thorough"], "exclude each other"),
        (["--refit", str(RECORDS), "--resume"], "measure nothing"),
        (["--verify", "--name", "h100-sxm"], "no profile of a machine that was measured"),
        (["--verify", "--name", "nobody"], "no profile of a machine that was measured"),
    ],
)
def test_what_does_not_go_together_is_refused(capsys, arguments, said):
    assert said in refused(capsys, *arguments)


def test_a_file_in_place_of_the_folder_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COSTMODEL_PROFILES", str(tmp_path / "file"))
    for arguments in (["--quick"], ["--verify"], ["--refit", RECORDS], ["--from-runs", RUNS]):
        assert f"{tmp_path / 'file'}: no folder to keep profiles in" in refused(capsys, *arguments)


def test_an_interrupted_calibration_says_how_to_go_on(monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "measure_local", stop)
    assert run(["calibrate", "--thorough"]) == 130
    assert "to go on, add --resume to the same command" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="no limit on the size of files here")
@pytest.mark.parametrize(("room", "file", "kept"), [(1024, "records.part.jsonl", 1), (1, "records.lock", None)])
def test_a_full_disk_is_named_with_its_file_and_measured_points_are_kept(folder, room, file, kept):
    def full():
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    command = [sys.executable, "-m", "costmodel", "calibrate", "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=full, check=False)
    assert done.returncode == 2
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"costmodel: {folder / file}: cannot be written (file too large); make room")
    if kept:
        assert "add --resume to the same command" in said
        assert len(measured(folder / file)) >= kept  # a last line that was cut short is left out


def test_a_busy_machine_is_told_kept_and_warned_of(tmp_path, capsys):
    share = iter(range(10_000))
    busy = records(tmp_path, lambda line: line | {"noisy": next(share) % 4 == 0} if "time_s" in line else line)
    assert run(["calibrate", "--refit", str(busy)]) == 0
    assert "the machine was busy in 2" in capsys.readouterr().out.splitlines()[0]
    (warning,) = profile.load("local")["warnings"]
    fp32 = dict.fromkeys(("compute", "weights", "activations", "gradients"), "fp32")
    work = {"kind": "train", "tokens": 1e6, "sequence": 64, "global_batch": 4}
    scenario = {"model": TINY, "hardware": "local", "devices": 1, "workload": work, "precision": fp32, "ranges": False}
    assert warning in estimate(scenario).as_dict()["warnings"]
    assert local.profile_of(local.fitted(read(RECORDS)), read(RECORDS), "x", "")["warnings"] == []


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(files.FileError, match=r"none/page\.html: cannot be written \(no such file or directory\)"):
        files.write(tmp_path / "none" / "page.html", "")


def test_a_link_and_a_pipe_are_written_to_and_stay(tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    link.symlink_to(tmp_path / "page.html")
    for path in (pipe, link):
        files.write(path, "answer")
    assert os.read(reader, 100) == b"answer"
    os.close(reader)
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert (tmp_path / "page.html").read_text() == "answer"


def test_ranges_of_shares_end_at_one_however_noisy_the_calibration(tmp_path, capsys):
    noise = iter(range(10_000))
    noisy = records(
        tmp_path,
        lambda line: line | {"time_s": line["time_s"] * (0.3, 1, 3)[next(noise) % 3]} if "time_s" in line else line,
    )
    assert run(["calibrate", "--refit", str(noisy)]) == 0
    made = profile.load("local")
    shares = [c for law in made["laws"].values() for c in law.values() if c["unit"] == "fraction" and "high" in c]
    assert any(share["high"] == 1 for share in shares)
    assert all(share["high"] <= max(1, share["value"]) for share in shares if share["source"] == profile.MEASURED)
    made["laws"]["framework"]["time_factor"] |= {"low": 0.01, "high": 100.0}
    profile.keep("noisy", made)
    fp32 = dict.fromkeys(("compute", "weights", "activations", "gradients"), "fp32")
    work = {"kind": "train", "tokens": 1e6, "sequence": 64, "global_batch": 4}
    scenario = {"model": TINY, "hardware": "noisy", "devices": 1, "workload": work, "precision": fp32}
    answer, swept = estimate(scenario), sweep(scenario, {"devices": [1]}, ranges=True)
    assert answer.ranges["mfu"]["p90"] == swept["performance.mfu.p90"][0] == 1


def test_records_that_are_not_there(capsys):
    assert run(["calibrate", "--refit", "nope"]) == 2
    assert "nope: cannot be read (no such file or directory); write the path of records" in capsys.readouterr().err
