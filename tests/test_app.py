"""The web app without a browser: what a page shows is what the library says."""

import json
import shlex
import subprocess
import sys

import pytest
from visiting import cells, drawn, opened, shown

from costmodel import loading
from costmodel.api import estimate
from costmodel.app import parts
from costmodel.report import text
from costmodel.report.quantities import show

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

DEFAULT = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": "train"}


def charts(app):
    """The bars of each chart: name and figure, as drawn."""
    return [[bar.replace("<b>", "").replace("</b>", "") for bar in traces[0]["y"]] for traces in drawn(app)]


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ({}, {}),
        ({"devices": "256", "tokens": "1 T"}, {"devices": 256, "workload": {"kind": "train", "tokens": "1 T"}}),
        ({"workload": "finetune", "tokens": "1e8"}, {"workload": {"kind": "finetune", "tokens": 1e8}}),
        ({"optimizer": "sgd"}, {"workload": {"kind": "train", "optimizer": "sgd"}}),
        ({"workload": "serve", "period": "1 day"}, {"workload": {"kind": "serve", "period": "1 day"}}),
        ({"workload": "infer", "requests": "1e6"}, {"workload": {"kind": "infer", "requests": 1e6}}),
        ({"hardware": "h200-sxm", "precision": "fp8"}, {"hardware": "h200-sxm", "precision": "fp8"}),
    ],
)
def test_an_address_is_answered_as_the_library_answers(query, changes):
    app, answer = opened(**query), estimate(DEFAULT | changes)
    assert shown(app).startswith(f"**{text.sentence(answer)}**")
    assert [(card.label, card.value, card.delta) for card in app.metric] == text.totals(answer)
    assert cells(app.table[-1]) == [list(row) for row in text.performance(answer)]


def test_an_input_changes_the_answer():
    app = opened()
    app.text_input(key="devices").set_value("512").run()
    assert text.sentence(estimate(DEFAULT | {"devices": 512})) in shown(app)
    app.radio(key="workload").set_value("serve").run()
    assert text.sentence(estimate(DEFAULT | {"devices": 512, "workload": "serve"})) in shown(app)
    assert not app.exception


def test_other_assumptions_suggest_what_the_workload_asks_for_and_stay_when_it_changes():
    app = opened(workload="train", set="costs.pue=1.1")
    app.radio(key="workload").set_value("serve").run()
    others = app.multiselect(key="set")
    assert others.value == ["costs.pue=1.1"]
    assert "traffic.concurrency=32" in others.proto.placeholder
    answer = estimate(DEFAULT | {"workload": "serve", "traffic": {"concurrency": 32}})
    assert text.sentence(answer) in shown(opened(workload="serve", set="traffic.concurrency=32"))


def test_each_total_is_broken_down_into_what_it_consists_of():
    app, answer = opened(), estimate(DEFAULT)
    memory = charts(app)[1]
    for label in app.button_group(key="total").options:
        app.button_group(key="total").set_value(label).run()
        (name,) = (name for name in text.LABELS if text.LABELS[name] == label)
        bars, rest = charts(app)
        unit, value = text.UNITS[name], answer.totals[name]
        causes = sorted(answer.outcome.breakdown[name].items(), key=lambda part: -part[1])
        assert bars == [f"{part} {show(v, unit)}" for part, v in causes if v] + [f"total {show(value, unit)}"]
        assert sum(v for _, v in causes) == pytest.approx(value)
        drivers = [path for path, share in answer.drivers[name] if share >= parts.CLEAR]
        assert [block.value.count(f"`{path}`") for block in app.markdown for path in drivers] == [1] * len(drivers)
        assert rest == memory
    assert memory[-2] == f"total {show(answer.outcome.memory_used, 'B')}"
    assert memory[-1] == f"capacity {show(answer.outcome.job.hardware.memory, 'B')}"


def test_what_does_not_fit_says_so_and_one_press_makes_it_fit():
    app = opened(model="llama-3.1-70b", devices="1")
    assert "does not fit" in shown(app)
    assert not app.metric
    (button,) = app.button
    assert button.label.startswith("Nearest change that fits: use ")
    button.click().run()
    changes = estimate(DEFAULT | {"model": "llama-3.1-70b", "devices": 1}).changes
    assert text.sentence(estimate(DEFAULT | {"model": "llama-3.1-70b"} | changes)) in shown(app)
    assert app.metric
    assert not app.button


def test_a_service_that_cannot_keep_up_says_so_and_one_press_gives_it_enough_devices():
    app = opened(workload="serve", devices="4", set="traffic.request_rate=1000/s")
    assert "does not keep up" in shown(app)
    assert not app.metric
    app.button[0].click().run()
    assert app.metric


def test_what_no_number_of_devices_makes_fit_says_what_else():
    app = opened(model="llama-3.1-70b", devices="1", sequence="1e9")
    assert not app.exception
    assert text.OTHER_REMEDY in shown(app)
    assert not app.button


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"tokens": "many"}, "workload.tokens: 'many' is not a number"),
        ({"tokens": "<b>$x$</b>"}, "is not a number"),
        ({"tokens": "-1"}, "workload.tokens"),
        ({"tokens": "1e400"}, "workload.tokens"),
        ({"devices": "-3"}, "devices"),
        ({"devices": "NaN"}, "devices"),
        ({"devices": "1e99"}, "devices"),
        ({"devices": "2.5"}, "devices"),
        ({"devices": "<script>alert(1)</script>"}, "devices"),
        ({"devices": "\x00"}, "devices"),
        ({"devices": ""}, "devices"),
        ({"devices": "9" * 10_000}, "devices: must be at most"),
        ({"tokens": "x" * 10_000}, "workload.tokens"),
        ({"workload": "serve", "period": "30"}, "workload.period"),
        ({"hardware": "a100-sxm-80gb", "precision": "fp8"}, "has no peak for fp8"),
    ],
)
def test_bad_input_is_named_in_plain_words(query, said):
    app = opened(**query)
    assert said in app.error[0].value.replace("\\", "")
    assert len(shown(app)) < 500
    assert not app.metric


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "../etc/config.json"),
        ("model", "no-such-model"),
        ("model", "<script>alert(1)</script>"),
        ("hardware", "h100"),
        ("workload", "no"),
        ("precision", "fp3"),
        ("optimizer", "[x](javascript:alert(1))"),
    ],
)
def test_what_the_address_cannot_say_is_told_and_the_default_stands(name, value):
    app = opened(**{name: value})
    assert f"The address says {name} = {value[:60]}, which is not possible here" in shown(app)
    assert text.sentence(estimate(DEFAULT)) in shown(app)


@pytest.mark.parametrize(
    "query",
    [
        {"total": "nonsense"},
        {"total": "staff"},
        {"explain": "totals.nonsense"},
        {"explain": "performance.ttft_s"},
        {"levels": "-1"},
        {"levels": "1e9"},
        {"requests": "1000"},
        {"unknown": "<script>"},
    ],
)
def test_stale_and_unknown_parts_of_the_address_do_no_harm(query):
    assert text.sentence(estimate(DEFAULT)) in shown(opened(**query))


@pytest.mark.parametrize(
    ("page", "query"),
    [
        *(("estimate", {name: "x"}) for name in ("", "$$ID-x")),
        *(("estimate", {"total": ""}), ("compare", {"total": "", "scenarios": ""}), ("explore", {"form": ""})),
    ],
)
def test_names_and_values_that_are_none_are_answered(page, query):
    assert opened(page, **query).success


def test_pandas_is_whole_before_a_chart_is_drawn():
    # Plotly takes a pandas that another visitor's thread has loaded in part, and fails.
    script = "import sys, costmodel.app.drawing; sys.exit('pandas' not in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(("key", "said"), [("model", "files are not read here"), ("hardware", "unknown hardware")])
def test_no_server_path_is_read(tmp_path, key, said):
    secret = tmp_path / "config.json"
    secret.write_text("{}")
    with pytest.raises(ValueError, match=said):
        parts._estimate(json.dumps(DEFAULT | {key: str(secret)}))


def test_every_figure_is_explained():
    app, answer = opened(levels="8"), estimate(DEFAULT)
    for figure in app.selectbox(key="explain").options:
        app.selectbox(key="explain").set_value(figure).run()
        assert not app.exception, figure
    app.selectbox(key="explain").set_value("performance.mfu").run()
    assert any(f"{answer.outcome.performance['mfu']:.4f}" in block.value for block in app.latex)
    app.selectbox(key="explain").set_value("totals.cost_usd").run()
    assert show(answer.totals["cost_usd"], "USD", 4) in app.latex[0].value


def test_the_command_line_and_the_file_give_the_same_scenario():
    scenario = DEFAULT | {"workload": {"kind": "serve", "input_tokens": "2 k"}, "precision": "fp8"}
    words = shlex.split(parts.command_line(scenario))
    assert words[:2] == ["costmodel", "estimate"]
    flags = dict(zip(words[2:10:2], words[3:10:2], strict=True))
    changes = [f"{name.removeprefix('--')}={value}" for name, value in flags.items()] + words[11::2]
    assert set(words[10::2]) == {"--set"}
    expected = loading.load(scenario)
    assert loading.load({}, changes) == expected
    assert loading.loads(loading.to_yaml(expected)) == expected
