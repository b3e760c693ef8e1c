"""What the pages ask of a model, without a browser."""

import shlex

import pytest
from visiting import opened, shown

from costmodel import loading
from costmodel.api import estimate
from costmodel.report import text

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")


@pytest.mark.parametrize(
    ("model", "kind", "asked", "not_asked"),
    [
        ("llama-3.1-8b", "train", {"tokens", "sequence"}, {"samples", "epochs"}),
        ("torchvision-resnet50", "train", {"samples", "epochs"}, {"tokens", "sequence"}),
        ("torchvision-vit-b-16", "serve", {"period"}, {"input_tokens", "output_tokens"}),
        ("whisper-large-v3", "infer", {"requests", "output_tokens"}, {"input_tokens"}),
    ],
)
def test_a_model_is_asked_for_what_it_takes(model, kind, asked, not_asked):
    app = opened(model=model, workload=kind, devices="64")
    keys = {field.key for field in app.text_input}
    assert asked <= keys
    assert not not_asked & keys
    assert not app.error


@pytest.mark.parametrize(
    ("workload", "key", "value", "hint"),
    [
        ("serve", "traffic.request_rate", "20/s", "50% of the most in flight"),
        ("finetune", "workload.adapters.rank", "16", "all weights are trained"),
    ],
)
def test_a_rate_and_a_rank_have_inputs_that_the_address_carries(workload, key, value, hint):
    asked = ["--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--devices", "64", "--workload", workload]
    app = opened(workload=workload)
    assert app.text_input(key=key).placeholder == hint
    app.text_input(key=key).set_value(value).run()
    base = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": workload}
    answer = estimate(base, [f"{key}={value}"])
    assert text.sentence(answer) in shown(app)
    assert text.sentence(answer) in shown(opened(workload=workload, **{key: value}))
    assert shlex.split(app.code[0].value) == ["costmodel", "estimate", *asked, "--set", f"{key}={value}"]
    again = opened(scenario=loading.to_yaml(answer.resolved.scenario))
    assert float(again.text_input(key=key).value.split("/")[0].split()[0]) == float(value.split("/")[0])
    assert not again.multiselect(key="set").value
    assert key not in {field.key for field in opened(workload="train", **{key: value}).text_input}


def test_one_press_fills_in_the_rank_that_fits():
    app = opened(workload="finetune", devices="1")
    app.button[0].click().run()
    assert app.text_input(key="workload.adapters.rank").value == "16"
    assert app.success


def test_a_speech_model_is_not_asked_for_adapters():
    assert "workload.adapters.rank" not in {
        field.key for field in opened(model="whisper-large-v3", workload="finetune").text_input
    }


def test_what_a_model_has_no_use_for_is_refused_where_it_was_said():
    app = opened(model="torchvision-resnet50", tokens="1e9")
    assert "takes images, not tokens" in shown(app)
    app.text_input(key="tokens").set_value("").run()
    assert app.success
    assert "tokens" not in {field.key for field in app.text_input}


def test_the_shape_of_another_model_among_the_changes_is_asked_for_everything():
    app = opened(set=["model=torchvision-resnet50"])
    assert {"tokens", "samples"} <= {field.key for field in app.text_input}


def test_the_value_moved_is_that_of_one_assumption():
    app = opened("sensitivity", moved="costs.price", **{"value_costs.price": "5 USD/h"})
    app.selectbox(key="moved").set_value("costs.storage").run()
    assert not app.error
    assert len(app.dataframe) == 1


def test_compress_says_which_models_it_is_for():
    app = opened("compress", model="torchvision-resnet50")
    assert app.selectbox(key="model").value == "llama-3.1-70b"
    assert "torchvision-resnet50" in shown(app)
