"""Profiles are found by name or path, and refused in one line when they are not profiles."""

import json
import math
from pathlib import Path

import pytest

from costmodel import profile
from costmodel.api import estimate


@pytest.fixture
def content() -> dict:
    return json.loads((profile.FOLDER / "prior.json").read_text(encoding="utf-8"))


def test_a_users_profile_is_found_by_name_and_by_path(tmp_path: Path, monkeypatch, content):
    monkeypatch.setenv("COSTMODEL_PROFILES", str(tmp_path))
    (tmp_path / "mine.json").write_text(json.dumps(content | {"name": "mine"}), encoding="utf-8")
    assert profile.load("mine")["name"] == "mine"
    assert profile.load(str(tmp_path / "mine.json"))["name"] == "mine"
    assert {"mine", "prior", "h100-sxm"} <= set(profile.names())


def test_the_users_folder_follows_the_desktop_standard(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("COSTMODEL_PROFILES", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert profile.user_folder() == tmp_path / "costmodel" / "profiles"


def test_a_changed_file_is_read_anew(tmp_path: Path, content):
    import os

    path = tmp_path / "mine.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    profile.load(str(path))
    content["laws"]["link"]["latency"] |= {"value": 1e-6, "low": None, "high": None}
    path.write_text(json.dumps(content), encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert profile.load(str(path))["laws"]["link"]["latency"]["value"] == 1e-6


def test_the_devices_own_profile_is_the_default():
    assert profile.shipped("h100-sxm") == "h100-sxm"
    assert profile.shipped("t4") == "prior"
    assert profile.shipped(None) == "prior"
    assert profile.shipped("../../secrets") == "prior"


@pytest.mark.parametrize("name", ["nope", "../prior", "", "/etc/passwd", "prior\n", "x" * 10_000])
def test_unknown_names_list_what_there_is(name):
    with pytest.raises(profile.ProfileError, match=r"there are: .*h100-sxm") as error:
        profile.load(name)
    assert len(str(error.value)) < 500


FACTS = {"cores": 2.0, "memory_bandwidth": 3e10, "cache": 3e7, "cache_speedup": 5.0}


CONSTANT = {"value": 0.0, "unit": "s", "source": "a test"}


def change(path: str, value):
    def changed(content: dict) -> object:
        inner = content
        *way, last = path.split(".")
        for key in way:
            inner = inner[key]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
        return content

    return changed


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (change("schema", "costmodel/profile/2"), "no profile of this program (schema 'costmodel/profile/2')"),
        (change("schema", "something"), "no profile"),
        (lambda content: [content], "no profile"),
        (change("name", 5), "name: must be a valid string, not '5'"),
        (change("name", "../x"), "name: String should match pattern"),
        (change("laws", [1]), "laws: must be an object"),
        (change("laws.link", None), "laws.link.bandwidth_efficiency is missing"),
        (change("laws.link", {"latency": 1}), "laws.link.latency: must be an object"),
        (change("laws.matmul:16bit.launch.value", -1), "launch.value: must be greater than or equal to 0, not '-1'"),
        (change("laws.matmul:16bit.launch.value", "2 us"), "launch.value: must be a valid number"),
        (change("laws.matmul:16bit.launch.value", True), "launch.value: must be a valid number"),
        (change("laws.matmul:16bit.launch.value", math.nan), "launch.value: must be a finite number"),
        (change("laws.matmul:16bit.launch.value", 10**400), "launch.value: must be a finite number"),
        (change("laws.matmul:16bit.launch.value", 10**4000), "launch.value: must be a finite number"),
        (change("laws.matmul:16bit.launch.source", None), "launch.source is missing"),
        (change("laws.matmul:8bit.launch.unit", "us"), "must have the unit 's', not 'us'"),
        (change("laws.matmul:weight-only", None), "laws.matmul:weight-only.compute_efficiency is missing"),
        (change("laws.matmul:16bit.launch", CONSTANT | {"value": 1e300}), "launch.value: must be less than"),
        (
            change("laws.matmul:16bit.bandwidth_efficiency", CONSTANT | {"unit": "fraction"}),
            "bandwidth_efficiency must be at least 1e-06, not 0",
        ),
        (change("laws.link.latency.low", 1.0), "must lie between low and high"),
        (change("laws.link.latency.low", None), "must lie between low and high"),
        (change("hardware", 5), "hardware: must be a valid string"),
        (change("hardware", {}), "hardware.cores is missing"),
        (change("hardware", FACTS | {"cores": "two"}), "hardware.cores: must be a valid number, not 'two'"),
        (change("hardware", FACTS | {"cores": 0}), "hardware.cores: must be greater than"),
        (change("hardware", FACTS | {"peak:fp32": math.inf}), "hardware.peak:fp32: must be a finite number"),
        (change("hardware", FACTS), "bad.json: a machine's profile needs backend and calls"),
        (change("backend", "tensorflow"), "backend: must be 'torch' or 'numpy'"),
        (change("calls", []), "calls: must be an object"),
        (change("environment", "here"), "environment: must be an object"),
        (change("environment", {"versions": 1}), "environment.versions: must be an object"),
        (change("environment", {"date": 2026}), "environment.date: must be a valid string"),
        (change("fit", [1]), "fit: must be an object"),
        (change("fit", {"link": {"n": "many"}}), "fit.link.n: must be a valid integer"),
        (change("records", {"link": 3}), "records.link: must be an object"),
        (change("scatter", {"link": -1}), "scatter.link: must be greater"),
        (change("meaning", 7), "meaning: must be a valid string"),
    ],
)
def test_files_that_are_no_profiles_are_refused(tmp_path: Path, content, broken, said):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(broken(content)), encoding="utf-8")
    with pytest.raises(profile.ProfileError) as error:
        profile.load(str(path))
    assert said in str(error.value)
    assert "bad.json" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"schema": "costmodel/profile/1"}', b"9" * 5000, b"NaN"]
)
def test_damaged_files_are_refused(tmp_path: Path, data):
    path = tmp_path / "bad.json"
    path.write_bytes(data)
    with pytest.raises(profile.ProfileError, match=r"bad\.json"):
        profile.load(str(path))


@pytest.mark.parametrize("name", ["prior", "h100-sxm", "t4", "../x", "a b", "", "x.json", "x\ny", "x" * 65, "é", "\0"])
def test_names_that_are_taken_or_not_plain_are_refused(tmp_path: Path, monkeypatch, content, name):
    monkeypatch.setenv("COSTMODEL_PROFILES", str(tmp_path))
    with pytest.raises(profile.ProfileError, match="write a new name of letters, digits"):
        profile.keep(name, content)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere", "/dev/null/x"])
def test_a_folder_that_cannot_be_is_named(tmp_path: Path, monkeypatch, content, place):
    (tmp_path / "file").touch()
    monkeypatch.setenv("COSTMODEL_PROFILES", str(tmp_path / place))
    assert "prior" in profile.names()  # reading goes on without the user's own
    assert profile.machine("h100-sxm") is None
    with pytest.raises(profile.ProfileError, match="set COSTMODEL_PROFILES") as error:
        profile.keep("site", content)
    assert place.split("/")[0] in str(error.value)
    with pytest.raises(profile.ProfileError, match="no profile yet"):
        profile.machine("local")


def test_without_a_home_shipped_profiles_are_there(monkeypatch):
    for name in ("COSTMODEL_PROFILES", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert "prior" in profile.names()
    with pytest.raises(profile.ProfileError, match="set COSTMODEL_PROFILES"):
        profile.own_folder()


def test_measured_machine_meets_a_whole_network():
    # GPT of 6 layers and width 384, timed with torch on the machine of cpu-epyc-2core: 607 ms a step on 4 × 256 tokens.
    shape = {"layers": 6, "hidden": 384, "heads": 6, "ffn": 1536, "vocab": 8192, "gated": False, "norm": "layernorm"}
    shape |= {"tied": False, "position": "learned", "max_sequence": 512}
    fp32 = dict.fromkeys(("compute", "weights", "activations", "gradients"), "fp32")
    work = {"kind": "train", "tokens": 1e6, "sequence": 256, "global_batch": 4}
    scenario = {"model": shape, "hardware": "cpu-epyc-2core", "devices": 1, "workload": work, "precision": fp32}
    found = estimate(scenario | {"parallelism": {"micro_batch": 4}, "ranges": False}).outcome
    assert found.performance["step_time_s"] == pytest.approx(0.607, rel=0.25)
    assert found.memory_parts["framework"] == 0.4e9
    assert found.job.profile.framework.time_factor == 1
