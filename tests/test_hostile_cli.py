"""Whatever is typed at the command line: an answer, or one clear line for each thing that is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from costmodel.cli.main import run
from costmodel.fields import figure
from costmodel.scenario import (
    Costs,
    DeviceSpec,
    Engine,
    Inference,
    ModelShape,
    Parallelism,
    Precision,
    Serving,
    Traffic,
    Training,
)
from costmodel.source import MOST_PROBLEMS

QUICK = ["--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--devices", "64", "--workload", "train"]
# What is typed for a value: numbers, quantities, names, and nonsense of each kind.
TYPED = [
    *("0", "-1", "1", "3", "64", "1.5", "1e7", "1e18", "1e400", "nan", ".inf", "1_0", "0x10", "2 T", "12%", "9" * 400),
    *("80 GB", "1 PB", "0 W", "1 mW", "2 USD/h", "0 USD/h", "1e6 USD/h", "1 EUR/h", "5 /s", "1 kg/J", "60 s", "GB"),
    *("", "none", "full", "null", "true", "[]", "{}", "[", "{a: b}", "fp8", "nvfp4", "own", "spot", "academic", "DE"),
    *(
        "serve",
        "infer",
        "finetune",
        "gpt2",
        "a100-sxm-80gb",
        "cpu",
        "/etc/passwd",
        "x.json",
        "a\nb",
        "\x1b[31m",
        "é",
        "'",
    ),
]
SECTIONS = {
    "workload": (Training, Serving, Inference),
    "parallelism": (Parallelism,),
    "costs": (Costs,),
    "precision": (Precision,),
    "engine": (Engine,),
    "traffic": (Traffic,),
    "hardware": (DeviceSpec,),
    "model": (ModelShape,),
}
FIELDS = {
    f"{section}.{name}": info
    for section, kinds in SECTIONS.items()
    for kind in kinds
    for name, info in kind.model_fields.items()
}
PATHS = [*FIELDS, *SECTIONS, "devices", "profile", "ranges", "slo", "a.b.c.d.e", "", ".", "=", "1"]
# Values at the bounds of what a scenario accepts.
FIGURES = {path: rule for path, info in FIELDS.items() if (rule := figure(info))}
EXTREMES = [f"{path}={end}" for path, rule in FIGURES.items() for end in (rule.low, rule.high, rule.example)]
EXTREMES += ["devices=1", "devices=1e7", "costs.staff={people: 1e5, rate: 1e8 USD/year}", "costs.pricing=own"]
SHAPED = {
    "model": {"layers": 32, "hidden": 4096, "heads": 32, "ffn": 14336, "vocab": 128256},
    "hardware": {
        "memory": "80 GB",
        "memory_bandwidth": "3.35 TB/s",
        "peak": {"bf16": "989 TFLOP/s"},
        "tdp": "700 W",
    },
    "costs": {"price": "2 USD/h", "hardware_price": "30000 USD"},
    "devices": 64,
    "workload": "train",
}
values = st.sampled_from(TYPED) | st.text(max_size=12)
paths = st.sampled_from(PATHS) | st.text(max_size=12)
changes = st.lists(st.builds("{}={}".format, paths, values) | values, max_size=4)
listed = st.lists(values, max_size=3).map(",".join)
axes = st.lists(st.builds("{}={}".format, paths, listed), min_size=1, max_size=2)
words = st.text(max_size=10) | st.sampled_from(["-", "--set", "-o", "json", "--over", "devices=1", "\udc80"])


def ended(arguments, given=b""):
    """Exit code, stdout and stderr of a command run in this process."""
    with CliRunner().isolation(input=given) as streams:
        code = run(arguments)
        sys.stdout.flush(), sys.stderr.flush()
        return code, streams[0].getvalue().decode(), streams[1].getvalue().decode()


def check(arguments, given=b""):
    code, out, err = ended(arguments, given)
    assert code in (0, 2, 3), (arguments, err)
    assert "Traceback" not in out + err
    lines = err.splitlines()
    if code == 2:
        assert out == ""
        assert 1 <= len(lines) <= MOST_PROBLEMS + 1
        for line in lines:
            assert line.startswith("costmodel: ")
            assert line.isprintable()
            assert len(line) < 1000
    else:
        assert lines == []
        assert out.strip()
    return code, out, err


@settings(max_examples=90, deadline=None)
@given(changes, st.sampled_from(["train", "finetune", "serve", "infer", "x"]), st.sampled_from(["text", "json", "csv"]))
@example(["costs.price=0 USD/h", "costs.staff=none", "costs.storage=0 USD/GB-month"], "train", "json")
@example(["devices=1e7", "workload.tokens=1e18"], "finetune", "csv")
@example(["workload.requests=1e15", "devices=1e7"], "infer", "text")
def test_hostile_estimates(changes, workload, output):
    sets = [word for change in [f"workload={workload}", *changes] for word in ("--set", change)]
    check(["estimate", *QUICK, *sets, "-o", output])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(EXTREMES), min_size=1, max_size=5), st.sampled_from(["train", "serve", "infer"]))
def test_extremes(changes, workload):
    sets = [word for change in [f"workload={workload}", *changes] for word in ("--set", change)]
    code, out, _ = check(["estimate", "-", *sets, "-o", "json"], json.dumps(SHAPED).encode())
    if code != 2:
        cost = json.loads(out)["totals"]["cost_usd"]
        assert (cost is None) if code == 3 else cost >= 0


@settings(max_examples=60, deadline=None)
@given(axes, changes, st.sampled_from(["train", "serve"]), st.sampled_from(["text", "json", "csv"]))
@example(["devices=1,2,3"], [], "train", "json")
@example(["devices = 8,16"], [], "train", "text")
def test_hostile_sweeps(axes, changes, workload, output):
    words = [word for change in [f"workload={workload}", "ranges=false", *changes] for word in ("--set", change)]
    check(["sweep", *QUICK, *words, *(word for axis in axes for word in ("--over", axis)), "-o", output])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["estimate", "explain", "compare", "sweep", "formulas", "catalog", "schema"]),
    st.lists(words, max_size=5),
)
def test_hostile_arguments(command, words):
    check([command, *words], b"model: gpt2\n")


def test_fifty_changes():
    sets = [word for n in range(50) for word in ("--set", f"devices={64 * (n + 1)}")]
    code, out, _ = check(["estimate", *QUICK, *sets, "--set", "ranges=false"])
    assert code == 0
    assert "3,200 × h100-sxm" in out
    wrong = [word for n in range(50) for word in ("--set", f"key{n}=1")]
    assert check(["estimate", *QUICK, *wrong])[0] == 2


@pytest.mark.parametrize("text", ["devices=64=64", "devices==64", "costs.price=a=b=c"])
def test_more_than_one_equals_sign(text):
    assert check(["estimate", *QUICK, "--set", text])[0] == 2


@pytest.mark.parametrize("command", ["estimate", "explain", "sweep", "compare"])
def test_files_that_are_no_scenario(tmp_path, command):
    binary, large, unreadable = tmp_path / "binary.yaml", tmp_path / "large.yaml", tmp_path / "unreadable.yaml"
    binary.write_bytes(bytes(range(256)) * 64)
    with large.open("wb") as file:
        file.truncate(100_000_000)
    unreadable.write_text("model: gpt2")
    unreadable.chmod(0)
    files = [binary, large, tmp_path, tmp_path / "missing.yaml", Path("/dev/null"), "a\0b", "x" * 5000, ""]
    if os.geteuid() != 0:  # root reads everything
        files.append(unreadable)
    more = {"explain": ["totals.cost_usd"], "sweep": ["--over", "devices=1,2"]}.get(command, [])
    for file in files:
        code, _, err = check([command, *more, str(file)] if command != "sweep" else [command, str(file), *more])
        assert code == 2
        assert len(err.splitlines()) == 1


def test_standard_input():
    scenario = b"model: llama-3.1-8b\nhardware: h100-sxm\ndevices: 64\nworkload: train\nranges: false\n"
    assert check(["estimate", "-"], scenario)[0] == 0
    assert check(["sweep", "-", "--over", "devices=8,16"], scenario)[0] == 0
    for data in (b"", b"\xff\xfe", b"\0" * 2_000_000, b"[" * 10_000, scenario * 2):
        assert check(["estimate", "-"], data)[0] == 2


def test_a_sweep_of_a_billion_points_is_refused():
    axes = [
        f"{path}={','.join(map(str, range(1, 1001)))}" for path in ("devices", "workload.tokens", "workload.sequence")
    ]
    code, _, err = check(["sweep", *QUICK, *(word for axis in axes for word in ("--over", axis))])
    assert code == 2
    assert "1,000,000,000 points" in err


def test_changes_of_one_design(tmp_path):
    file = "examples/llama-3.1-8b.yaml"
    both = ["compare", file, file, "--set", "ranges=false", "-o", "csv"]
    _, same, _ = check(both)
    _, other, _ = check([*both, "--set", "2:devices=128"])
    assert same.splitlines()[1].split(",")[1:] == same.splitlines()[2].split(",")[1:]
    assert other.splitlines()[1] == same.splitlines()[1]
    assert other.splitlines()[2] != same.splitlines()[2]
    for wrong in ("3:devices=8", "0:devices=8", "2:", "2:devices", "99999999999:devices=8"):
        assert check([*both, "--set", wrong])[0] == 2


def test_interrupted():
    tokens, batches = (",".join(str(n) for n in range(start, start + 4000)) for start in (10**9, 64))
    axes = ["--over", f"workload.tokens={tokens}", "--over", f"workload.global_batch={batches}"]
    child = subprocess.Popen(
        [sys.executable, "-m", "costmodel", "sweep", *QUICK, *axes],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(2)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert (out, err.strip()) == ("", "")
