"""The README's examples run, and say what the README says."""

import re
from pathlib import Path

from costmodel.api import estimate
from costmodel.report.text import sentence

README = Path(__file__).parent.parent.joinpath("README.md").read_text(encoding="utf-8")


def test_first_answer():
    shown = re.search(r"^Training .*$", README, re.MULTILINE)
    assert shown
    assert shown.group() == sentence(estimate("examples/llama-3.1-8b.yaml"))


def test_python_example(capsys):
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block
    exec(block.group(1), {})  # the project's own text
    assert "64 × h100-sxm" in capsys.readouterr().out
