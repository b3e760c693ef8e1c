"""The web app without a browser: what a page shows is what the library says."""

import json
import shlex
import warnings
from pathlib import Path

import pytest

from costmodel import loading
from costmodel.api import estimate
from costmodel.report.quantities import show
from costmodel.report.text import sentence

pytest.importorskip("streamlit", reason="streamlit is not installed (extra: app)")
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of other projects
    import costmodel.app
    from costmodel.app import parts
    from streamlit.testing.v1 import AppTest

MAIN = Path(next(iter(costmodel.app.__path__))) / "main.py"


def opened(**query):
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def tree(workload, **changes):
    return {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": workload} | changes


def shown(app):
    """The coloured boxes, without the marks of Markdown."""
    return "\n".join(box.value for boxes in (app.success, app.error, app.info) for box in boxes).replace("\\", "")


@pytest.mark.parametrize(
    ("query", "scenario"),
    [
        ({}, tree({"kind": "train"})),
        ({"devices": "256", "tokens": "1 T"}, tree({"kind": "train", "tokens": "1 T"}, devices=256)),
        ({"workload": "finetune", "tokens": "1e8"}, tree({"kind": "finetune", "tokens": 1e8})),
        ({"workload": "serve", "input_tokens": "4096"}, tree({"kind": "serve", "input_tokens": 4096})),
        ({"workload": "infer", "requests": "1e6"}, tree({"kind": "infer", "requests": 1e6})),
        ({"hardware": "h200-sxm", "precision": "fp8"}, tree({"kind": "train"}, hardware="h200-sxm", precision="fp8")),
    ],
)
def test_an_address_is_answered_as_the_library_answers(query, scenario):
    app, answer = opened(**query), estimate(scenario)
    assert sentence(answer) in shown(app)
    assert {"time": show(answer.totals["time_s"], "s"), "cost": show(answer.totals["cost_usd"], "USD")}.items() <= {
        card.label: card.value for card in app.metric
    }.items()


def test_an_input_changes_the_answer():
    app = opened()
    app.number_input(key="devices").set_value(512).run()
    assert sentence(estimate(tree("train", devices=512))) in shown(app)
    app.radio(key="workload").set_value("serve").run()
    assert sentence(estimate(tree("serve", devices=512))) in shown(app)
    assert not app.exception


def test_what_does_not_fit_says_so_and_what_would():
    app = opened(model="llama-3.1-70b", devices="1")
    answer = estimate(tree("train", model="llama-3.1-70b", devices=1))
    assert "does not fit" in shown(app)
    assert answer.remedy in shown(app)
    assert not app.metric


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"tokens": "many"}, "workload.tokens: 'many' is not a number"),
        ({"tokens": "<b>$x$</b>"}, "is not a number"),
        ({"tokens": "-1"}, "workload.tokens"),
        ({"hardware": "a100-sxm-80gb", "precision": "fp8"}, "has no peak for fp8"),
    ],
)
def test_bad_input_is_named_in_plain_words(query, said):
    app = opened(**query)
    assert said in shown(app)
    assert not app.metric


@pytest.mark.parametrize("query", [{"devices": "-3"}, {"devices": "x"}, {"model": "../etc/x.json"}, {"workload": "no"}])
def test_a_bad_address_is_answered_with_the_default(query):
    assert sentence(estimate(tree("train"))) in shown(opened(**query))


def test_no_server_path_is_read(tmp_path):
    secret = tmp_path / "config.json"
    secret.write_text("{}")
    with pytest.raises(loading.ScenarioError, match="files are not read here"):
        parts._estimate(json.dumps(tree("train", model=str(secret))))


def test_every_figure_is_explained():
    app = opened(levels="8")
    for figure in app.selectbox(key="explain").options:
        app.selectbox(key="explain").set_value(figure).run()
        assert not app.exception, figure
    app.selectbox(key="explain").set_value("performance.mfu").run()
    assert any(f"{estimate(tree('train')).outcome.performance['mfu']:.4f}" in block.value for block in app.latex)


def test_the_command_line_and_the_file_give_the_same_scenario():
    scenario = tree({"kind": "serve", "input_tokens": "2 k"}, precision="fp8")
    words = shlex.split(parts.command_line(scenario))
    assert words[:2] == ["costmodel", "estimate"]
    flags = dict(zip(words[2:10:2], words[3:10:2], strict=True))
    changes = [f"{name.removeprefix('--')}={value}" for name, value in flags.items()] + words[11::2]
    assert set(words[10::2]) == {"--set"}
    expected = loading.load(scenario)
    assert loading.load({}, changes) == expected
    assert loading.loads(loading.to_yaml(scenario)) == expected


def test_parts_of_the_cost_add_up():
    app = opened()
    costs = app.table[0].value
    assert list(costs["part"])[-1] == "total"
    assert list(costs["cost"])[-1] == show(estimate(tree("train")).totals["cost_usd"], "USD")
