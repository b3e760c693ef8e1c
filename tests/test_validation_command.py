"""`costmodel validate`: what it prints, and tables that are wrong."""

import csv
import json
import re
import subprocess
import sys

import pytest
from test_validation import STATISTICS, STEP, TABLES, steps, table

import costmodel
from costmodel.report.validation import as_csv, as_html, as_text
from costmodel.validation.summary import Validation


def run(*arguments, text=None):
    command = [sys.executable, "-m", "costmodel", "validate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, input=text, check=False)


def test_json_contract():
    done = run(TABLES["training"], "--kind", "training", "-o", "json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "costmodel/validation/1"
    assert found["kind"] == "training"
    fields = {"row_id", "source", "metric", "measured", "predicted", "p10", "p90", "naive", "weight"}
    assert all(fields | {"excluded", "skipped"} <= set(row) for row in found["rows"])
    assert set(found["summary"]) == {"by_metric", "by_source", "by_accelerator", "by_family"}
    assert set(found["summary"]["by_metric"]["step_time_s"]) == STATISTICS
    assert done.stderr == ""


def test_leave_out_is_accepted_and_says_what_it_does():
    done = run(TABLES["training"], "--kind", "training", "--leave-out", "source", "-o", "csv")
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1
    assert "changes nothing" in done.stderr
    assert next(csv.reader(done.stdout.splitlines()))[:3] == ["row_id", "source", "metric"]


def test_standard_input():
    done = run("-", "--kind", "inference", text=TABLES["inference"].read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stderr
    assert "by metric" in done.stdout


def test_report_is_one_page_that_runs_nothing_from_the_table(tmp_path):
    path = table(tmp_path, {**STEP, "row_id": "<script>alert(1)</script>", "source": "<img src=x>"})
    page = tmp_path / "page.html"
    done = run(path, "--kind", "training", "--report", page)
    assert done.returncode == 0, done.stderr
    html = page.read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert "<img src=x>" not in html
    assert "&lt;img src=x&gt;" in html
    assert not re.search(r'<(script|link)[^>]+(src|href)="http', html)
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


def test_report_that_cannot_be_written(tmp_path):
    done = run(TABLES["training"], "--kind", "training", "--report", tmp_path / "none" / "page.html")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_interrupted(monkeypatch):
    import costmodel.cli.validate
    from costmodel.cli.main import main

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(costmodel.cli.validate, "validate", stop)
    monkeypatch.setattr(sys, "argv", ["costmodel", "validate", str(TABLES["training"]), "--kind", "training"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130


HEADER = "row_id,source,model,accelerator,devices,seq_len,global_batch,step_time_s\n"


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", "1:1", "empty"),
        ("\n\n", "1:1", "empty"),
        (HEADER, "2:1", "no rows"),
        (HEADER.replace("accelerator", "card") + "a,b,c,d,1,1,1,1\n", "1:8", "'accelerator'"),
        (HEADER.replace("step_time_s", "step_time") + "a,b,c,d,1,1,1,1\n", "1:8", "add one of"),
        (HEADER.replace("devices", "source") + "a,b,c,d,1,1,1,1\n", "1:5", "twice"),
        (HEADER + "a,b,c,d,8,1,1,fast\n", "2:8", "step_time_s: 'fast'"),
        (HEADER + "a,b,c,d,0,1,1,1\n", "2:5", "devices: '0'"),
        (HEADER + "a,b,c,d,1,1,1,-3\n", "2:8", "step_time_s: '-3'"),
        (HEADER + "a,b,c,d,1,1,1,nan\n", "2:8", "nan"),
        (HEADER + "a,b,c,d,1,1,1,1e999\n", "2:8", "1e999"),
        (HEADER + "a,b,c,d,1_0,1,1,1\n", "2:5", "1_0"),
        (HEADER + '\n"x\ny",b,c,d,1,1,1,1\na,b,c,d,1,1,1,x\n', "5:8", "'x'"),
        (HEADER + "a,b,c\n", "2:4", "3 cells"),
        (HEADER + '"a,b,c,d,1,1,1,1\n', "2:1", "CSV"),
        (HEADER.encode() + b"a,b,\xff\xfe,d,1,1,1,1\n", "2:5", "0xff"),
        (b"\x7fELF\x02\x01\x00\x00", "1:7", "0x00"),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path, text, place, says):
    path = table(tmp_path, text=text)
    done = run(path, "--kind", "training")
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"costmodel: {path}:{place}: ")
    assert says in line


@pytest.mark.parametrize("path", ["/nowhere.csv", "/", "a\0b"])
def test_a_table_that_cannot_be_read(path):
    with pytest.raises(ValueError, match="path of a CSV file"):
        costmodel.validate(path, "training")


def test_unknown_kind():
    done = run(TABLES["training"], "--kind", "trainings")
    assert done.returncode == 2
    assert "training" in done.stderr
    with pytest.raises(ValueError, match="known are training, inference"):
        costmodel.validate(TABLES["training"], "walking")


def test_hostile_cells_are_only_text(tmp_path):
    row = {**STEP, "row_id": "=1+1", "model": "{{7*7}}\u202e" * 50, "source": "x" * 100_000, "extra": "ignored"}
    (found,) = steps(tmp_path, row)
    assert found.predicted or found.skipped
    shown = Validation("training", [found])
    assert as_text(shown)
    assert as_csv(shown)
    assert as_html(shown)
