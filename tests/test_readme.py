"""The README's examples run, and say what the README says."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from costmodel.api import estimate
from costmodel.cli.main import run
from costmodel.report.text import sentence

README = Path(__file__).parent.parent.joinpath("README.md").read_text(encoding="utf-8")

LINES = re.findall(r"^costmodel (?!app|calibrate)([^#\n]*)", README, re.MULTILINE)  # those take minutes, or stay


def test_first_answer():
    shown = re.search(r"^Training .*$", README, re.MULTILINE)
    assert shown
    assert shown.group() == sentence(estimate("examples/llama-3.1-8b.yaml"))


def test_python_example(capsys):
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block
    exec(block.group(1), {})  # the project's own text
    assert "64 × h100-sxm" in capsys.readouterr().out


@pytest.mark.parametrize("line", LINES)
def test_commands_answer(line, tmp_path, capsys):
    scenario = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert scenario
    assert yaml.safe_load(scenario.group(1))["devices"] == 64
    file = tmp_path / "scenario.yaml"
    file.write_text(scenario.group(1), encoding="utf-8")
    assert run([str(file) if word == "scenario.yaml" else word for word in shlex.split(line)]) == 0
    assert capsys.readouterr().out
