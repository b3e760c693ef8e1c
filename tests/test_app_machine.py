"""The pages This machine and Evidence without a browser: what they show is what the library says."""

import json
import sys
import time
from math import expm1, log
from pathlib import Path
from types import SimpleNamespace

import pytest
from visiting import cells, drawn, opened, shown

from costmodel import profile
from costmodel.app import calibrating, parts
from costmodel.calibration.verify import run as verification
from costmodel.loading import load
from costmodel.report import evidence, machine, validation
from costmodel.report import roofline as place
from costmodel.roofline import roofline

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

EXAMPLE = "cpu-epyc-2core"
DEFAULT = {"model": "pythia-160m", "hardware": EXAMPLE, "devices": 1, "workload": "train"}


@pytest.fixture(autouse=True)
def _without_profiles(folder):
    """Every test has a user without profiles, unless it asks for `local`."""


@pytest.fixture
def at_home(monkeypatch):
    """A visitor who sits at the machine."""
    monkeypatch.setattr(parts, "at_home", lambda: True)


def said(app):
    return shown(app, "markdown")


def lines(table):
    return list(map(tuple, cells(table)))


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"workload": "infer"},
        {"device": "h100-sxm", "model": "llama-3.1-8b", "workload": "serve"},
        {"device": "gb200", "model": "qwen3-8b"},
    ],
)
def test_an_address_is_answered_as_the_library_answers(query):
    scenario = DEFAULT | {"hardware" if name == "device" else name: value for name, value in query.items()}
    app, found = opened("machine", **query), roofline(load(scenario))
    assert machine.sentence(profile.load(found.hardware)) in said(app)
    assert place.sentence(found) in said(app)
    tables = [lines(table) for table in app.dataframe]
    assert tables[: len(found.total)] == [place.cells(points) for points in place.runs(found).values()]
    assert tables[len(found.total)] == machine.fit(profile.load(found.hardware))
    assert lines(app.table[0]) == machine.facts(found.hardware)
    (chart,) = drawn(app)
    for trace, points in zip(chart[-len(found.total) :], place.runs(found).values(), strict=True):
        assert trace["hovertext"] == [p.operator for p in points if p.flops]
    flags = " ".join(f"--{name} {value}" for name, value in scenario.items())
    assert f"costmodel roofline {flags}" in [block.value for block in app.code]


def test_without_a_measurement_the_example_is_said_to_be_one():
    assert f"This machine has not been measured yet. Shown is {EXAMPLE}." in said(opened("machine"))


def test_a_machine_that_was_measured_is_shown_first(local):
    app = opened("machine")
    assert app.selectbox(key="device").value == "local"
    assert "not been measured" not in said(app)
    assert "pythia-160m on local:" in said(app)


@pytest.mark.parametrize(
    ("name", "value"),
    [("device", "../etc/passwd"), ("device", "prior"), ("model", "<script>"), ("workload", "rule")],
)
def test_what_the_address_cannot_say_is_told(name, value):
    assert f"The address says {name} = {value}, which is not possible here" in said(opened("machine", **{name: value}))


def test_the_device_of_another_page_is_not_taken_along():
    app = opened()
    app.switch_page("pages/machine.py").run()
    assert not app.exception
    assert f" on {EXAMPLE}:" in said(app)
    app.run()
    assert f" on {EXAMPLE}:" in said(app)


def test_what_does_not_fit_in_memory_is_shown_with_a_warning():
    assert "does not fit in the memory of one device" in said(opened("machine", model="llama-3.1-70b"))


def test_a_broken_profile_is_named(folder):
    (folder / "local.json").write_text('{"schema": "costmodel/profile/1", "hardware": {}}', encoding="utf-8")
    assert "local.json" in said(opened("machine"))


def test_a_verification_is_shown_where_one_was_kept(local):
    assert "No workloads were run here" in said(opened("machine"))
    rows = [
        verification.Row("small", "step_time_s", 0.010, 0.012, 0.008, 0.015),
        verification.Row("int8", "latency_s", skipped="emulated"),
        verification.Row("two-speed-up", "speed_up", 1.8, 1.7, 1.4, 1.9),
    ]
    verification.keep(rows, "local")
    app = opened("machine")
    assert machine.verdict(rows) in said(app)
    assert lines(app.dataframe[-1]) == machine.verified(rows)
    assert drawn(app)[1][-1]["text"] == ["small"]  # times alone have a place on the chart


# --- calibration from the page


@pytest.mark.parametrize(
    ("address", "host", "origin", "home"),
    [
        ("127.0.0.1", "localhost:8501", "http://localhost:8501", True),
        ("localhost", "127.0.0.1:8501", "http://127.0.0.1:8501", True),
        ("::1", "[::1]:8501", "http://[::1]:8501", True),
        (None, "localhost:8501", "http://localhost:8501", False),
        ("0.0.0.0", "localhost:8501", "http://localhost:8501", False),
        ("127.0.0.1", "example.org", "https://example.org", False),
        ("127.0.0.1", "127.0.0.1:8501", "https://example.org", False),
        ("127.0.0.1", "localhost.example.org", "http://localhost.example.org", False),
        ("127.0.0.1", None, None, False),
        ("127.0.0.1", "localhost", None, False),
    ],
)
def test_home_is_this_machine_alone(monkeypatch, address, host, origin, home):
    headers = {name: value for name, value in (("Host", host), ("Origin", origin)) if value}
    page = SimpleNamespace(context=SimpleNamespace(headers=headers), get_option=lambda name: address)
    monkeypatch.setattr(parts, "st", page)
    assert parts.at_home() is home


def test_elsewhere_calibration_is_not_offered():
    app = opened("machine")
    assert not app.button
    assert "costmodel calibrate" in app.caption[0].value


def started(monkeypatch, code):
    """The page after its button started a process that runs `code` in place of a calibration."""
    monkeypatch.setattr(calibrating, "COMMAND", (sys.executable, "-c", code))
    app = opened("machine")
    (button,) = app.button
    button.click().run()
    assert not app.exception
    return app


def until(app, found):
    end = time.monotonic() + 60
    while not found(app):
        assert time.monotonic() < end, said(app)
        time.sleep(0.1)
        app.run()
        assert not app.exception


def test_calibration_shows_its_progress_and_can_be_cancelled(monkeypatch, at_home):
    code = "import sys, time; print('matmul, 12 s left', file=sys.stderr, flush=True); time.sleep(600)"
    app = started(monkeypatch, code)
    until(app, lambda app: any("matmul, 12 s left" in box.label for box in app.status))
    (button,) = app.button
    assert button.label == "Cancel"
    button.click().run()
    until(app, lambda app: "No new profile: cancelled" in said(app))
    assert [button.label for button in app.button] == ["Measure this machine"]


def test_a_calibration_that_ends_shows_the_new_profile(monkeypatch, at_home, folder):
    content = json.dumps(profile.load(EXAMPLE) | {"name": "local"})
    (folder / "ready").write_text(content, encoding="utf-8")
    app = started(
        monkeypatch, f"from pathlib import Path; f = Path({str(folder)!r}); (f/'ready').rename(f/'local.json')"
    )
    until(app, lambda app: "pythia-160m on local:" in said(app))
    assert [button.label for button in app.button] == ["Measure this machine"]


def test_a_calibration_that_is_refused_says_why(monkeypatch, at_home):
    app = started(monkeypatch, "import sys; sys.exit('costmodel: another calibration is running (process 7); wait')")
    until(app, lambda app: "No new profile" in said(app))
    assert "another calibration is running (process 7)" in said(app)


def test_a_calibration_ends_with_its_session(monkeypatch):
    monkeypatch.setattr(calibrating, "COMMAND", (sys.executable, "-c", "import time; time.sleep(600)"))
    mine = calibrating.Calibration()
    mine.start()
    first = mine.process
    mine.start()  # at most one
    assert mine.process is first
    assert mine.running
    mine.stop()
    assert first.poll() is not None
    assert mine.failed
    assert not mine.finished()


# --- evidence


@pytest.mark.parametrize("name", ["h100-sxm", "prior", EXAMPLE])
def test_evidence_shows_the_fit_of_a_profile(name):
    app, made = opened("evidence", profile=name), profile.load(name)
    assert machine.sentence(made) in said(app)
    laws, overview = app.dataframe[2:4]
    assert lines(laws) == machine.fit(made)
    assert overview.value.to_dict("records") == evidence.overview()
    chart = drawn(app)[2]
    assert chart[1]["y"] == chart[2]["y"] == list(made["fit"])
    assert f"costmodel catalog profiles {name}" in [block.value for block in app.code]


@pytest.mark.parametrize("table", evidence.published())
def test_evidence_shows_published_runs_as_the_page_of_validation_has_them(table):
    app = opened("evidence", table=table)
    found = {group: evidence.in_words(judged) for group, judged in evidence.published()[table].items()}
    assert evidence.standing(table) in shown(app)
    assert "_" not in "".join((evidence.standing(table), *found["metric"]))
    page = (Path(__file__).parent.parent / "docs" / "validation.md").read_text(encoding="utf-8")
    section = page.partition(f"### {table}")[2].partition("\n### ")[0]
    for (group, judged), shown_table in zip(found.items(), app.dataframe[:2], strict=True):
        assert lines(shown_table) == list(map(tuple, validation.cells(judged)))
        for row in validation.cells(evidence.published()[table][group]):
            assert row[0] in section
    error, (equal, points) = drawn(app)[0][1]["x"], drawn(app)[1]
    assert error == [row["median"] for row in found["metric"].values()]
    chosen = app.selectbox(key="metric").value
    runs = [run for run in evidence.runs(table) if evidence.words(run.metric) == chosen]
    assert points["x"] == [run.measured for run in runs]
    assert points["y"] == [run.predicted for run in runs]
    assert equal["x"] == equal["y"]


def test_the_runs_that_are_drawn_are_those_that_are_judged():
    for table, groups in evidence.published().items():
        for metric, judged in groups["metric"].items():
            runs = [run for run in evidence.runs(table) if run.metric == metric]
            assert 0 < len(runs) <= judged["answered"]  # equal ones stand once
            worst = max(abs(log(run.predicted / run.measured)) for run in runs)
            assert expm1(worst) == pytest.approx(judged["worst"], abs=0.02 * (1 + judged["worst"]))


def test_an_unknown_profile_is_told():
    assert "The address says profile = ../x, which is not possible here" in said(opened("evidence", profile="../x"))
