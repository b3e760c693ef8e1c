"""The gallery's answers are today's, and the site builds."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from costmodel.catalog import rows
from costmodel.formula import load_all

DOCS = Path(__file__).parent.parent / "docs"


def module(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


gallery = module("gallery")
ASKED = dict(gallery.commands(gallery.PAGE.read_text(encoding="utf-8")))


def first_figures(text):
    """The first line that has a figure in it: a table's heading has none."""
    return next(line for line in text.splitlines() if re.search(r"\d", line))


@pytest.mark.parametrize("command", ASKED)
def test_gallery_answers(command):
    assert first_figures(gallery.answer(command)) == first_figures(ASKED[command]), (
        "python docs/gallery.py writes it anew"
    )


def test_report_page(capsys):
    text = (DOCS / "report.md").read_text(encoding="utf-8")
    pytest.importorskip("pandas", reason="pandas is not installed (extra: app)")
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], {})  # the project's own text
    assert "cost_usd" in capsys.readouterr().out


def test_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed (extra: docs)")
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=DOCS.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    pages = {
        path.relative_to(tmp_path).as_posix(): path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")
    }
    formulas = "".join(page for name, page in pages.items() if name.startswith("formulas/"))
    assert all(f'id="{name}"' in formulas for name in load_all())
    assert formulas.count("<math") == len(load_all())
    assert all(f'id="{row["id"]}"' in pages["publications.html"] for row in rows("bibliography"))
    loaded = re.compile(r'<(?:script|img|link)[^>]*(?:src|href)="https?:')  # nothing comes from elsewhere
    assert not [name for name, page in pages.items() if loaded.search(page)]
