"""The command line as a user meets it: answers, exit codes, one clear line for bad input."""

import json
import re
import subprocess
import sys

import pytest

from costmodel.cli.main import COMMANDS

QUICK = ["--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--devices", "64", "--workload", "train"]


def run(*arguments, text=None):
    return subprocess.run(
        [sys.executable, "-m", "costmodel", *arguments], capture_output=True, text=True, input=text, check=False
    )


def test_answer_is_the_first_line():
    done = run("estimate", *QUICK)
    assert done.returncode == 0, done.stderr
    assert re.match(r"Training llama-3\.1-8b on 64 × h100-sxm takes .* and costs .*USD", done.stdout)
    assert done.stderr == ""


def test_json_contract():
    done = run("estimate", *QUICK, "-o", "json")
    found = json.loads(done.stdout)
    assert found["schema"] == "costmodel/estimate/1"
    assert {"totals", "ranges", "breakdown", "performance", "memory", "assumptions", "warnings", "sources"} <= set(
        found
    )
    assert found["memory"]["fits"] is True
    for parts_of, parts in found["breakdown"].items():
        assert sum(parts.values()) == pytest.approx(found["totals"][parts_of])
    for assumption in found["assumptions"]:
        assert assumption["source"]
        assert assumption["status"] in ("given", "catalog", "default", "inferred", "fitted")


def test_does_not_fit():
    done = run("estimate", *QUICK, "--set", "devices=1")
    assert done.returncode == 3
    assert "does not fit" in done.stdout
    assert "--set devices=" in done.stdout


TOO_BIG = [*QUICK, "--set", "devices=1"]


def test_what_does_not_fit_has_no_figures_that_look_like_an_answer():
    done = run("estimate", *TOO_BIG, "-o", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 3
    assert found["fits"] is found["memory"]["fits"] is False
    assert found["memory"]["used_bytes"] > found["memory"]["capacity_bytes"]
    for figures in (found["totals"], found["performance"], *found["breakdown"].values()):
        assert set(figures.values()) == {None}
    table = dict(line.split(",")[:2] for line in run("estimate", *TOO_BIG, "-o", "csv").stdout.splitlines()[1:])
    assert table.pop("fits") == "False"
    assert float(table.pop("memory_used_bytes")) > 80e9
    assert set(table.values()) == {""}


@pytest.mark.parametrize("command", [["explain", "totals.cost_usd"], ["roofline"]])
def test_the_working_of_what_does_not_fit_says_so(command):
    done = run(*command, *TOO_BIG)
    assert done.returncode == 3
    assert "does not fit" in done.stdout.splitlines()[0]


def test_standard_input_and_set():
    scenario = "model: llama-3.1-8b\nhardware: h100-sxm\ndevices: 64\nworkload: {kind: train, tokens: 1e12}\n"
    done = run("estimate", "-", "--set", "devices=128", text=scenario)
    assert done.returncode == 0, done.stderr
    assert "128 × h100-sxm" in done.stdout


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["hardware=h100"], "h100-sxm"),
        (["hardware=h100-sxn"], "h100-sxm"),
        (["model=llama-3.1-9b"], "llama-3.1-8b"),
        (["model=mixtral-8x7b"], "not modelled"),
        (["precision=nvfp4"], "fp8"),
        (["devics=8"], "devices"),
        (["devices=0"], "devices"),
        (["devices=nan"], "devices"),
        (["costs.price=3"], "USD/h"),
        (["costs.price=3 USDs/h"], "USD"),
        (["parallelism.tp=3"], "divide"),
        (["profile=nobody"], "prior"),
    ],
)
def test_bad_input_is_one_line(changes, says):
    done = run("estimate", *QUICK, *(part for change in changes for part in ("--set", change)))
    assert done.returncode == 2, done.stdout
    assert done.stdout == ""
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert all(line.startswith("costmodel: ") for line in done.stderr.splitlines())


@pytest.mark.parametrize(
    "arguments", [["estimate"], ["nonsense"], ["estimate", "--nonsense"], ["estimate", "missing.yaml"]]
)
def test_bad_usage(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example(name):
    done = run(name, "--help")
    assert done.returncode == 0
    assert "Example:\n  costmodel " in re.sub(r"\n +", "\n  ", done.stdout)


@pytest.mark.parametrize(
    "line",
    [
        "explain totals.cost_usd examples/llama-3.1-8b.yaml",
        "compare examples/llama-3.1-8b.yaml examples/gpt-3.yaml",
        "sweep examples/llama-3.1-8b.yaml --over devices=64,128,256",
        "catalog hardware h100-sxm",
        "catalog models",
        "formulas ring_time",
        "formulas",
        "documents",
        "schema",
    ],
)
def test_commands_answer(line):
    done = run(*line.split())
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("arguments", [["--help"], ["estimate", "examples/llama-3.1-8b.yaml"]])
def test_start_stays_light(arguments):
    code = (
        "import sys; from costmodel.cli.main import cli\n"
        f"try: cli.main({arguments!r}, standalone_mode=False)\nexcept SystemExit: pass\n"
        "heavy = {'sympy', 'scipy', 'pandas', 'plotly', 'streamlit', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
