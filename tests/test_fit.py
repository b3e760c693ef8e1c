"""Fitting laws, priors and profiles: what goes in comes out, and what cannot be told is said."""

import gzip
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from costmodel import profile
from costmodel.calibration import accuracy, eager, facts, prior, profiles, records
from costmodel.calibration.fit import FitError, fit, judged, predict
from costmodel.calibration.laws import every
from costmodel.calibration.laws.matmul import NARROW, PLAIN
from costmodel.calibration.measure.record import BadFile
from costmodel.job import MatmulLaw, leaves
from costmodel.operators.matmul import matmul_time

pytest.importorskip("scipy")
TRUE = {
    "compute_efficiency": 0.6,
    "bandwidth_efficiency": 0.9,
    "launch": 4e-6,
    "step_per_depth": 1.2e-9,
    "overlap_power": 1.7,
    "write_cost": 2.2,
}


def made(n=200, noise=0.0, seed=1):
    """Records of an H100 whose times the law itself makes, with log-normal scatter."""
    random = np.random.default_rng(seed)
    environment = {"id": "e", "hardware": "h100-sxm", "source": "synthetic"}
    found = []
    for m, k, n_ in (2 ** random.uniform(0, 14, (n, 3))).astype(int):
        shape = {"m": int(m), "k": int(k) + 32, "n": int(n_) + 32}
        found.append({"kind": "matmul", "dtype": "bf16", "shape": shape, "backend": "x/y", "environment": environment})
    columns = PLAIN.columns(found, facts.datasheet("h100-sxm"))
    times = predict(PLAIN, TRUE, columns) * np.exp(noise * random.standard_normal(n))
    return [r | {"time_s": float(t)} for r, t in zip(found, times, strict=True)], columns, times


def test_constants_come_back_within_their_errors():
    _, columns, times = made(noise=0.05)
    found = fit(PLAIN, columns, times)
    for name, value in TRUE.items():
        assert abs(np.log(found.constants[name] / value)) < 3 * found.errors[name] + 0.01, name
        assert found.errors[name] < 0.2
    assert not found.warnings
    assert found.summary()["median"] < 0.06


def test_outliers_do_not_move_a_fit():
    _, columns, times = made(noise=0.02)
    times[::20] *= 5  # one record in twenty was disturbed
    found = fit(PLAIN, columns, times)
    for name in ("compute_efficiency", "bandwidth_efficiency", "launch"):
        assert found.constants[name] == pytest.approx(TRUE[name], rel=0.1)


def test_a_constant_that_no_record_feels_is_said_to_be_the_priors():
    small = [r for r in made(400)[0] if r["shape"]["m"] * r["shape"]["n"] * r["shape"]["k"] < 1e6]
    columns = PLAIN.columns(small, facts.datasheet("h100-sxm"))
    start = {"compute_efficiency": (0.5, 0.1)}
    found = fit(PLAIN, columns, np.array([r["time_s"] for r in small]), start)
    assert found.constants["compute_efficiency"] == pytest.approx(0.5, rel=0.05)
    assert any("compute_efficiency is not identifiable" in w for w in found.warnings)
    assert "compute_efficiency" in found.report()


def test_a_constant_on_its_bound_is_said():
    _, columns, times = made()
    constants = tuple(replace(c, high=0.3, start=0.2) if c.name == "compute_efficiency" else c for c in PLAIN.constants)
    found = fit(replace(PLAIN, constants=constants), columns, times)
    assert "compute_efficiency lies on its bound" in found.warnings


def test_an_informative_prior_holds_few_records():
    few, columns, times = made(6)
    start = {name: (value, 0.05) for name, value in TRUE.items()}
    found = fit(PLAIN, columns, times, start)
    assert few
    assert all(found.constants[name] == pytest.approx(value, rel=0.05) for name, value in TRUE.items())


@pytest.mark.parametrize("times", [np.array([]), np.array([1.0, -1.0]), np.array([1.0, np.nan])])
def test_a_fit_needs_positive_times(times):
    with pytest.raises(FitError, match="positive"):
        fit(PLAIN, {}, times)


def test_the_shared_prior_is_the_median_and_never_narrower_than_its_fits():
    fits = [fit(PLAIN, *made(noise=0.05, seed=s)[1:]) for s in range(3)]
    shared = prior.shared(PLAIN, fits)
    values = sorted(f.constants["launch"] for f in fits)
    centre, spread = shared["launch"]
    assert centre == pytest.approx(values[1])
    assert spread > min(f.errors["launch"] for f in fits)
    assert prior.shared(PLAIN, [])["launch"][0] == next(c.start for c in PLAIN.constants if c.name == "launch")


def test_errors_are_those_of_the_ratio():
    assert judged(np.log([1.1, 0.9, 1.0])) == pytest.approx({"n": 3, "median": 0.1, "p90": 0.1, "bias": 0.0})


def test_arrays_and_scalars_agree_through_the_law():
    found, columns, times = made(20)
    for i in range(len(found)):
        one = {name: float(values[i]) for name, values in columns.items()}
        assert matmul_time(**one, **TRUE) == pytest.approx(times[i], rel=1e-12)


def test_hand_computed_time():
    # 4096³ on H100: 137.4 GFLOP at 0.5 · 989.4 TFLOP/s = 277.8 µs; walk of 1e-9·1000·4.096^0.8 = 3.09 µs;
    # 100.7 MB at 3.35 TB/s = 30.05 µs; power 1 adds them to a launch of 2 µs.
    n = 4096.0
    time = matmul_time(2 * n**3, 6 * n**2, 0, 2 * n**2, n, 989.4e12, 3.35e12, 0.5, 1, 2e-6, 1e-9, 1, 1, 0)
    assert time == pytest.approx(2e-6 + 277.84e-6 + 30.05e-6 + 3.09e-6, rel=1e-3)


def test_what_a_fit_can_find_is_what_the_engine_takes():
    engine = {path.split(".")[-1] for path in leaves(MatmulLaw)}
    told = {c.name for c in NARROW.constants} - {"timer"}  # of the timing
    # no forward record tells of the backward pass, and only a core lays weights out anew
    assert told == engine - {"backward", "packing_rows"}
    assert "packing_rows" in {c.name for c in eager.LAWS[1].constants}


@pytest.fixture(scope="module")
def evidence():
    return records.evidence("matmul")


@pytest.mark.parametrize("law", [PLAIN, NARROW], ids=lambda law: law.name)
def test_thirds_held_out_of_the_shipped_evidence(evidence, law):
    own = [r for r in evidence if r["environment"].get("hardware") in ("h100-sxm", "b200-sxm", "a100-sxm-80gb")]
    errors = accuracy.judge(law, accuracy.cells(law, own))
    for split in ("random", "largest", "smallest"):
        naive, own, inside = (np.concatenate(e) for e in zip(*errors[split].values(), strict=True))
        assert judged(own)["median"] < min(0.20, judged(naive)["median"]), split
        assert split != "random" or inside.mean() == pytest.approx(0.8, abs=0.05)


def test_a_shipped_profile_is_what_the_shipped_evidence_gives(evidence):
    group = "matmul:16bit"
    found = [r for r in evidence if any(law.group(r) == group for law in every())]
    again = profiles.refit(found, ["h100-sxm"])
    for name in ("prior", "h100-sxm"):
        kept = profile.load(name)
        for constant, entry in again[name]["laws"][group].items():
            assert entry["value"] == pytest.approx(kept["laws"][group][constant]["value"], rel=2e-3), (name, constant)
        assert again[name]["fit"][group]["n"] == kept["fit"][group]["n"]


@pytest.mark.parametrize("name", ["prior", *profiles.SHIPPED])
def test_shipped_profiles_say_where_they_come_from(name):
    content = profile.load(name)
    assert content["name"] == name
    assert content["fit"]["matmul:16bit"]["n"] > 100
    assert sum(content["records"]["matmul:16bit"].values()) == content["fit"]["matmul:16bit"]["n"]
    for compute in ("bf16", "fp8", "nvfp4", "fp32"):
        assert profile.constants(name, compute)["profile.matmul.compute_efficiency"].value > 0.1


def header(**more):
    machine = {"date": "2026-11-21", "cpu": "Z80", "cores": 1, "threads": 1, "versions": {}}
    return {"schema": "costmodel/record/1", "kind": "environment", "id": "e"} | machine | more


def timed(**more):
    return point(timing="wall", flops=2.0, bytes=6.0) | more


def point(**more):
    return {
        "schema": "costmodel/record/1",
        "kind": "matmul",
        "shape": {"m": 1, "k": 1, "n": 1},
        "dtype": "bf16",
        "backend": "torch",
        "device": "cuda",
        "time_s": 1e-6,
        "timing": "published",
        "environment": "e",
        **more,
    }


def test_records_carry_their_environment(tmp_path: Path):
    path = tmp_path / "r.jsonl.gz"
    records.write(path, [point(environment=header(hardware="h100-sxm"))])
    assert records.read(path)[0]["environment"]["hardware"] == "h100-sxm"
    first = path.read_bytes()
    records.write(path, records.read(path))
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([header(schema="costmodel/record/2")], "r.jsonl:1: records of version 2; this program reads version 1"),
        ([header(schema="other/thing/1")], "r.jsonl:1: schema is 'other/thing/1'"),
        (["not json"], "r.jsonl:1: not a JSON line"),
        ([["a", "list"]], "r.jsonl:1: schema is"),
        ([point()], "r.jsonl:1: environment 'e' is not described"),
        ([header(), point(time_s=0)], "r.jsonl:2: time_s must be a number above 0"),
        ([header(), point(time_s=True)], "r.jsonl:2: time_s must be a number above 0"),
        ([header(), point(shape=3)], "r.jsonl:2: shape must be a mapping, not '3'"),
        ([header(), {"schema": "costmodel/record/1", "kind": "matmul"}], "r.jsonl:2: a record needs the field 'shape'"),
        ([header()], "r.jsonl: holds no timed record"),
        ([header(), point(environment=["e"])], "r.jsonl:2: environment must be a text"),
        ([header(id=3)], "r.jsonl:1: id must be a text"),
        ([header(), timed(flops=None)], "r.jsonl:2: flops must be a number of at least 0, not 'None'"),
        ([header(), timed(bytes="many")], "r.jsonl:2: bytes must be a number"),
        ([header(), timed(bytes=10**400)], "r.jsonl:2: bytes must be a number"),
        ([header(), timed(time_s=math.nan)], "r.jsonl:2: time_s must be a number above 0, not 'nan'"),
        ([header(), timed(time_s=10**400)], "r.jsonl:2: time_s must be a number above 0"),
        ([header(), timed(probe_s=0)], "r.jsonl:2: probe_s must be a number above 0"),
        ([header(), timed(shape={})], "r.jsonl:2: the shape of matmul needs 'm'"),
        ([header(), timed(shape={"m": 1, "n": "x", "k": 1})], "r.jsonl:2: shape.n must be a number above 0, not 'x'"),
        ([header(), timed(shape={"m": 1, "n": 0, "k": 1})], "r.jsonl:2: shape.n must be a number above 0"),
        ([header(), timed(shape={"m": 1, "n": 1, "k": 1, "copies": []})], "r.jsonl:2: shape.copies must be a number"),
        ([header(), timed(kind="launch", shape={"count": 1})], "r.jsonl:2: the shape of launch needs 'operation'"),
        ([header(), timed(dtype="fp33")], "r.jsonl:2: dtype 'fp33' is none of fp32"),
        ([header(), timed(dtype=None)], "r.jsonl:2: dtype must be a text"),
        ([header(threads=0)], "r.jsonl:1: threads must be a number above 0"),
        ([header(accelerator=3)], "r.jsonl:1: accelerator must be a mapping"),
        (["[" * 100_000], "r.jsonl:1: not a JSON line"),
        (["9" * 5000], "r.jsonl:1: not a JSON line"),
    ],
)
def test_files_that_hold_no_records_are_refused(tmp_path: Path, lines, said):
    path = tmp_path / "r.jsonl"
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    with pytest.raises(BadFile) as error:
        records.read(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_damaged_archives_are_refused(tmp_path: Path):
    path = tmp_path / "r.jsonl.gz"
    path.write_bytes(gzip.compress(b"x" * 1000)[:-12])
    with pytest.raises(BadFile, match="damaged"):
        records.read(path)
    path.write_bytes(b"\x80\x81\n")
    with pytest.raises(BadFile, match="not a JSON line"):
        records.read(path)
    with pytest.raises(BadFile, match="no such file"):
        records.read(tmp_path / "none")
