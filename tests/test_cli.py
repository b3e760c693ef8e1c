"""The command line as a user meets it: answers, exit codes, one clear line for bad input."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from costmodel.cli import main
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
    "arguments",
    [
        ["estimate"],
        ["nonsense"],
        ["estimate", "--nonsense"],
        ["estimate", "missing.yaml"],
        ["explain", "examples/gpt-3.yaml"],
        ["formulas", "no-such-thing"],
        ["sweep", "examples/gpt-3.yaml"],
    ],
)
def test_bad_usage(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def shell(line, **environment):
    """Exit code of `costmodel` in a shell's line, where COSTMODEL stands for it, and all that was said."""
    line = line.replace("COSTMODEL", f"{shlex.quote(sys.executable)} -m costmodel")
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        env=os.environ | {"PYTHONUNBUFFERED": ""} | environment,  # unbuffered, Python takes half an answer for a whole
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "line", ["COSTMODEL --help >/dev/full", "COSTMODEL formulas >/dev/full", "COSTMODEL >/dev/full"]
)
def test_no_room_for_the_answer(line):
    assert shell(line) == (2, "", "costmodel: the answer cannot be written (no space left on device)\n")


def test_streams_that_are_closed():
    code, out, err = shell("COSTMODEL formulas >&-")
    assert (code, out) == (2, "")
    assert err.startswith("costmodel: standard output is closed")
    code, _, err = shell("COSTMODEL estimate - <&-")
    assert code == 2
    assert "nothing is written here" in err
    assert shell("COSTMODEL nonsense 2>&-") == (2, "", "")


def test_reader_that_goes_away():
    code, out, err = shell("COSTMODEL catalog models -o json | { read -r one && echo $one; }")
    assert (code, err) == (141, "")
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize(("encoding", "shown"), [("latin-1", "days (14-24 days)"), ("cp1252", "days (14\x9624 days)")])
def test_encodings_that_lack_characters(encoding, shown):
    line = "COSTMODEL estimate examples/llama-3.1-8b.yaml && COSTMODEL documents && COSTMODEL formulas"
    code, out, err = shell(line, PYTHONIOENCODING=encoding)
    assert (code, err) == (0, "")
    assert shown in out


def test_completion_of_a_shell():
    start = "import sys; sys.argv[0] = 'costmodel'; from costmodel.cli.main import main; main()"
    code, out, err = shell(
        f'{shlex.quote(sys.executable)} -c "{start}"',
        _COSTMODEL_COMPLETE="bash_complete",
        COMP_WORDS="costmodel estimate --hardware h100",
        COMP_CWORD="3",
    )
    assert (code, err) == (0, "")
    assert "plain,h100-sxm" in out.splitlines()


@pytest.mark.parametrize("line", ["", "plan"])
def test_nothing_said_is_help(line):
    done, asked = run(*line.split()), run(*line.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == asked.stdout


def test_port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        pytest.importorskip("streamlit")
        done = run("app", "--port", str(port))
    assert done.returncode == 2
    assert done.stderr.startswith(f"costmodel: port {port} cannot be used (address already in use)")


def test_package_in_a_clone_is_whole(tmp_path):
    """`costmodel` as the folder in a clone, not as pip installs it."""
    names = ["costmodel.app.main", "costmodel.calibration.law"]
    code = f"from importlib.util import find_spec; print(all(map(find_spec, {names})))"
    root = Path(__file__).parent.parent
    bare = "import sys; sys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f).lower()];"
    done = subprocess.run(
        [sys.executable, "-c", f"{bare} sys.path.insert(0, {str(root)!r}); {code}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.stdout == "True\n", done.stderr


CI = Path(__file__).parent.parent.joinpath("docs/ci.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("tokens", "code"), [("1e12", 0), ("3e12", 3)])
def test_the_documented_job_fails_above_its_budget(tokens, code, tmp_path):
    """The steps of docs/ci.md that run costmodel, in a shell as the runner starts it."""
    job = yaml.safe_load(re.search(r"```yaml\n(.*?)```", CI, re.DOTALL).group(1))["jobs"]["budget"]
    lines = [step["run"] for step in job["steps"] if "run" in step]
    scenario = "model: llama-3.1-8b\nhardware: h100-sxm\ndevices: 64\nworkload: {kind: train, tokens: %s}\n"
    for command, changed in (("init -q -b main", "1e12"), ("checkout -q -b change", tokens)):
        (tmp_path / "scenario.yaml").write_text(scenario % changed, encoding="utf-8")
        git = f"git {command} && git add -A && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x"
        subprocess.run(["bash", "-ec", git], cwd=tmp_path, check=True)
    subprocess.run(["git", "remote", "add", "origin", str(tmp_path)], cwd=tmp_path, check=True)
    here = f'cd {tmp_path}; costmodel() {{ COSTMODEL "$@"; }}; set -eo pipefail; '
    codes = [shell(here + line, GITHUB_BASE_REF="main")[0] for line in lines if "pip install" not in line]
    assert codes == [0, code]


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
        "formulas ring",
        "formulas ring_time -o json",
        "formulas -o json",
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
        "heavy = {'sympy', 'scipy', 'pandas', 'plotly', 'streamlit', 'rich', 'jinja2', 'math_core'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("precision: mxfp4", ":4:12: precision.compute: hardware h100-sxm has no peak for mxfp4"),
        ("parallelism: {tp: 3}", ":4:19: parallelism.tp: 3 does not divide"),
    ],
)
def test_what_does_not_fit_together_has_its_place_in_the_file(line, says, tmp_path, capsys):
    file = tmp_path / "scenario.yaml"
    file.write_text("{model: llama-3.1-8b, hardware: h100-sxm, devices: 48,\nworkload: train,\n\n" + line + "}")
    assert main.run(["estimate", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"costmodel: {file}{says}")


def test_a_comparison_says_what_the_scenarios_state_differently(capsys):
    file = "examples/llama-3.1-8b.yaml"
    assert main.run(["compare", file, file, "--set", "2:devices=32", "--set", "2:workload.tokens=2e12"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[3:5] == [["devices", "64", "32"], ["workload.tokens", "1", "T", "2", "T"]]
    assert rows[5][0] == "time"


def test_a_missing_option_is_one_plain_line(capsys):
    assert main.run(["validate", "tests/data/training_runs.csv"]) == 2
    assert "Choose from: training, inference." in capsys.readouterr().err


def test_a_comparison_starts_with_a_sentence_and_says_by_how_much_each_figure_differs(capsys):
    file = "examples/llama-3.1-8b.yaml"
    assert main.run(["compare", file, file, "--set", "2:costs.staff=none", "--set", "ranges=false"]) == 0
    sentence, _, *table = capsys.readouterr().out.splitlines()
    less = re.match(r".* \(2\) against .* \(1\): cost (−\d\d%), (.* USD) instead of (.* USD); time ±0%", sentence)
    assert less
    change, value, base = map(re.escape, less.groups())
    assert any(re.fullmatch(rf"cost +{base} +{value} \({change}\)", line) for line in table)


@pytest.mark.parametrize("first", ["train", "serve"])
def test_what_is_no_question_of_the_same_kind_is_not_compared_in_words(capsys, first):
    said = [word for n, kind in enumerate(("train", "serve"), 1) for word in ("--set", f"{n}:workload={kind}")]
    said = said if first == "train" else [*said[2:], *said[:2]]
    file = "examples/llama-3.1-8b.yaml"
    assert main.run(["compare", file, file, *said, "--set", "ranges=false"]) == 0
    assert capsys.readouterr().out.startswith("Scenarios of different kinds")


def test_one_scenario_is_nothing_to_compare(capsys):
    assert main.run(["compare", "examples/gpt-3.yaml"]) == 2
    assert "two or more scenarios" in capsys.readouterr().err
