"""What a user may write, what becomes of it, and that writing it back loses nothing."""

import io
import json
import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.fields import Base, Figure
from costmodel.loading import load, loads, to_yaml
from costmodel.scenario import Costs, Inference, ModelShape, Serving, Training, as_tree, schema
from costmodel.source import ScenarioError
from costmodel.units import DAY, HOUR, YEAR

CONFIGS = Path(__file__).with_name("configs")
BASE = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "workload": "train"}
SHAPE = {"layers": 32, "hidden": 4096, "heads": 32, "kv_heads": 8, "ffn": 14336, "vocab": 128256}
DEVICE = {"memory": "80 GB", "memory_bandwidth": "3.35 TB/s", "peak": {"bf16": "989 TFLOP/s"}, "tdp": "700 W"}
FULL = {
    "model": {**SHAPE, "name": "größer", "gated": False, "tied": True, "norm": "layernorm", "position": "learned"},
    "hardware": {**DEVICE, "idle": "80 W", "link_bandwidth": "450 GB/s", "network_bandwidth": "50 GB/s"},
    "devices": 64,
    "workload": {"kind": "serve", "input_tokens": 2048, "output_tokens": 128, "period": "1 week"},
    "precision": {"compute": "bf16", "weights": "fp8", "kv_cache": "fp8"},
    "parallelism": {"tp": 2, "pp": 4, "dp": 8, "cp": 1, "vp": 2, "sequence_parallel": True},
    "engine": {"max_sequences": 256, "host_time": "3 ms"},
    "traffic": {"request_rate": "5 requests/s"},
    "costs": {
        "price": "2.5 USD/h",
        "pricing": "spot",
        "grid": "400 g/kWh",
        "pue": 1.15,
        "electricity": "0.1 USD/kWh",
        "staff": {"people": 2.5, "rate": "150000 USD/year"},
        "storage": "0.023 USD/GB-month",
        "checkpoints_kept": 5,
        "hardware_price": "30000 USD",
        "hardware_life": "5 years",
    },
    "profile": "h100-sxm-bf16",
    "ranges": False,
}


def test_four_keys_are_enough():
    scenario = load(BASE)
    assert (scenario.model, scenario.hardware, scenario.devices) == ("llama-3.1-8b", "h100-sxm", 64)
    assert scenario.workload == Training(kind="train")
    assert scenario.parallelism.tp is None
    assert scenario.costs == Costs()
    assert scenario.ranges is True


# path to set, what is written, attribute to read, SI value worked out by hand
@pytest.mark.parametrize(
    ("path", "written", "value"),
    [
        ("devices", "64", 64),
        ("devices", "1e3", 1000),
        ("devices", "1_024", 1024),
        ("devices", "1 k", 1000),
        ("workload.tokens", "1e12", 1_000_000_000_000),
        ("workload.tokens", "2 T", 2_000_000_000_000),
        ("workload.tokens", "15.5B", 15_500_000_000),
        ("workload.sequence", "8192", 8192),
        ("hardware.memory", "80 GB", 80e9),
        ("hardware.memory", "80GiB", 80 * 2**30),
        ("hardware.peak.bf16", "989 TFLOP/s", 989e12),
        ("hardware.peak.fp8", "1.979 PFLOP/s", 1.979e15),
        ("hardware.network_bandwidth", "400 Gbit/s", 50e9),
        ("costs.price", "2.5 USD/h", 2.5 / HOUR),
        ("costs.price", "3.6 $/h", 0.001),
        ("costs.grid", "400 g/kWh", 0.4 / 3.6e6),
        ("costs.grid", "NO", "NO"),
        ("costs.grid", "us-ca", "us-ca"),
        ("costs.pue", "1.2", 1.2),
        ("costs.electricity", "0.1 USD/kWh", 0.1 / 3.6e6),
        ("costs.storage", "0.023 USD/GB-month", 0.023 / 1e9 / (YEAR / 12)),
        ("costs.staff", "academic", "academic"),
        ("costs.staff.rate", "150000 USD/year", 150000 / YEAR),
        ("costs.hardware_life", "5 years", 5 * YEAR),
        ("engine.host_time", "3 ms", 0.003),
        ("traffic.request_rate", "5 requests/s", 5.0),
        ("traffic.request_rate", "5 /s", 5.0),
        ("traffic.request_rate", "5/s", 5.0),
        ("traffic.request_rate", "300 1/min", 5.0),
        ("traffic.utilisation", "50%", 0.5),
        ("traffic.utilisation", "1", 1.0),
        ("workload.period", "30 days", 30 * DAY),
        ("model.head_dim", "128", 128),
        ("ranges", "false", False),
        ("ranges", "True", True),
        ("profile", "null", None),
    ],
)
def test_notation(path, written, value):
    kind = "train" if path in ("workload.tokens", "workload.sequence") else "serve"
    base = BASE | {"workload": kind, "model": SHAPE, "hardware": DEVICE}
    if path == "costs.staff.rate":
        base |= {"costs": {"staff": {"people": 1, "rate": "1 USD/year"}}}
    found = load(base, [f"{path}={written}"])
    for key in path.split("."):
        found = found[key] if isinstance(found, dict) else getattr(found, key)
    assert found == (pytest.approx(value, rel=1e-15) if isinstance(value, float) else value)


def test_files_text_and_mappings_are_read_alike(tmp_path, monkeypatch):
    text = to_yaml(FULL)
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "a.json").write_text(json.dumps(FULL), encoding="utf-8")
    (tmp_path / "bom.json").write_text(json.dumps(FULL, indent="\t"), encoding="utf-8-sig")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    expected = load(FULL)
    files = (tmp_path / "a.yaml", str(tmp_path / "a.json"), tmp_path / "bom.json", "-")
    assert all(load(file) == expected for file in files)
    assert loads(text) == load(expected) == expected


def test_writing_back_loses_nothing():
    for scenario in (load(FULL), load(BASE), load(BASE | {"workload": {"kind": "infer", "requests": "1 M"}})):
        assert load(as_tree(scenario)) == scenario
        assert loads(to_yaml(scenario)) == scenario
        assert loads(json.dumps(as_tree(scenario))) == scenario


def test_yaml_is_written_in_its_least_form():
    scenario = load(BASE, ["precision=bf16", "costs.price=2.50 USD/h", "workload.tokens=null"])
    assert to_yaml(load(BASE)) == "model: llama-3.1-8b\nhardware: h100-sxm\ndevices: 64\nworkload: train\n"
    assert to_yaml(scenario).endswith("workload: train\nprecision: bf16\ncosts:\n  price: 2.5 USD/h\n")


FIGURES = {
    f"{model.__name__}.{name}": figure
    for model in Base.__subclasses__()
    for name, info in model.model_fields.items()
    for part in (info, *get_args(info.annotation))
    for figure in (*getattr(part, "metadata", ()), *getattr(part, "__metadata__", ()))
    if isinstance(figure, Figure)
}


@given(st.data())
def test_every_figure_survives_writing(data):
    figure = data.draw(st.sampled_from(sorted(FIGURES.items())))[1]
    low, high = figure.read(figure.low), figure.read(figure.high)
    value = data.draw(st.floats(low, high))
    value = int(value) if figure.whole else value  # whole numbers are exact as far as floats are
    assert figure.read(figure.write(value)) == value
    assert figure.read(str(figure.write(value))) == value


def test_the_figures_were_found():
    assert len(FIGURES) > 40
    assert all(figure.read(figure.example) for figure in FIGURES.values())


def test_overrides_come_in_order_and_reach_below_one_word():
    scenario = load(BASE, ["devices=8", "workload.tokens=1e9", "devices=16", "precision=bf16", "precision.weights=fp8"])
    assert scenario.devices == 16
    assert scenario.workload == Training(kind="train", tokens=10**9)
    assert (scenario.precision.compute, scenario.precision.weights) == ("bf16", "fp8")


def test_overrides_alone_make_a_scenario():
    said = ["model=llama-3.1-8b", "hardware=h100-sxm", "devices=64", "workload=train"]
    assert load({}, said) == load(BASE)
    assert load({}, [*said, "workload={kind: serve, input_tokens: 10}"]).workload == Serving(
        kind="serve", input_tokens=10
    )


def test_what_lacks_in_a_section_that_an_override_made_is_told_of_the_override():
    with pytest.raises(ScenarioError) as refused:
        load(BASE, ["costs.staff.people=3"])
    assert (
        str(refused.value)
        == "costs.staff.people=3: costs.staff.rate: is missing; add for example 'rate: 150000 USD/year'"
    )


def test_overrides_leave_the_mapping_as_it_was():
    tree = {**BASE, "parallelism": {"tp": 2}}
    assert load(tree, ["parallelism.tp=4"]).parallelism.tp == 4
    assert tree["parallelism"] == {"tp": 2}


def test_empty_sections_and_nulls_leave_things_unsaid():
    text = "model: a\nhardware: b\ndevices: 1\nworkload: infer\ncosts:\nparallelism: {tp: ~}\nprofile: null\n"
    scenario = loads(text)
    assert scenario.workload == Inference(kind="infer", requests=1000, input_tokens=1024, output_tokens=256)
    assert scenario.costs == Costs()
    assert scenario.parallelism.tp is None


def test_shape_defaults():
    model = ModelShape(**SHAPE, attention_bias=True)
    assert (model.head_dim, model.output_bias, model.max_sequence) == (128, True, 8192)
    assert ModelShape(**{k: v for k, v in SHAPE.items() if k != "kv_heads"}).kv_heads == 32


@pytest.mark.parametrize(
    ("shape", "path"),
    [
        ({"kv_heads": 5}, "model.kv_heads"),
        ({"kv_heads": 64}, "model.kv_heads"),
        ({"hidden": 4000, "heads": 64}, "model.heads"),
        ({"layers": 10_001}, "model.layers"),
        ({"norm": "batch"}, "model.norm"),
        ({"tied": 1}, "model.tied"),
    ],
)
def test_shapes_that_cannot_be(shape, path):
    with pytest.raises(ScenarioError) as caught:
        load(BASE | {"model": SHAPE | shape})
    assert [p.path for p in caught.value.problems] == [path]


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ({"parallelism": {"tp": 64}}, "parallelism.tp"),  # 64 divides the devices, not the 32 heads
        ({"parallelism": {"pp": 16, "vp": 4}}, "parallelism.pp"),  # 64 stages, 32 layers
        ({"parallelism": {"pp": 1, "vp": 2}}, "parallelism.vp"),
        ({"parallelism": {"zero": 4}}, "parallelism.zero"),
        ({"precision": "fp8"}, "precision.compute"),
        ({"engine": {"max_sequences": 8}}, "engine.max_sequences"),
    ],
)
def test_choices_that_do_not_fit(section, path):
    with pytest.raises(ScenarioError) as caught:
        load(BASE | {"model": SHAPE, "hardware": DEVICE} | section)
    assert [p.path for p in caught.value.problems] == [path]


def test_layouts_that_fit():
    for layout in ({"tp": 8, "pp": 4}, {"dp": 64}, {"tp": 8, "pp": 4, "dp": 2}, {"pp": 8, "vp": 4}, {"tp": 1, "cp": 1}):
        load(BASE | {"model": SHAPE, "parallelism": layout})


def test_a_scenario_does_not_change():
    with pytest.raises(ValueError, match="frozen"):
        load(BASE).devices = 3


def test_schema_explains_every_field():
    tree = schema()
    sections = [tree, *tree["$defs"].values()]
    assert {"Scenario", "ModelShape", "DeviceSpec", "Costs"} <= {s["title"] for s in sections}
    for section in sections:
        for name, field in section["properties"].items():
            assert field.get("description"), f"{section['title']}.{name}"
    assert tree["required"] == ["model", "hardware", "devices", "workload"]
    assert "80 GB" in tree["$defs"]["DeviceSpec"]["properties"]["memory"]["examples"]
    json.dumps(tree, allow_nan=False)


@pytest.mark.parametrize("source", [None, 5, ["model"], b"a.yaml", object()], ids=str)
def test_what_is_no_scenario_at_all(source):
    with pytest.raises(ScenarioError, match="is no scenario; give a path, a mapping or a Scenario"):
        load(source)


@pytest.mark.parametrize("use", ["compute", "weights", "activations", "gradients"])
@pytest.mark.parametrize("kind", ["train", "finetune"])
def test_integers_are_no_format_to_train_in(use, kind):
    with pytest.raises(ScenarioError, match=rf"precision\.{use}: training needs a floating-point format, not int4"):
        load(BASE | {"workload": kind, "precision": {use: "int4"}})
    assert load(BASE | {"workload": "serve", "precision": {use: "int4"}})
    frozen = {"kind": "finetune", "adapters": {"rank": 16}}
    assert load(BASE | {"workload": frozen, "precision": {"weights": "int4"}})


def test_examples_in_messages_can_be_written():
    described = {name: value for name, value in DEVICE.items() if name != "peak"}
    with pytest.raises(ScenarioError) as caught:
        load(BASE | {"hardware": described})
    assert str(caught.value).endswith("add for example 'peak: {bf16: 989 TFLOP/s}'")
    assert load(BASE | {"hardware": described}, ["hardware.peak={bf16: 989 TFLOP/s}"])


def test_a_missing_step_of_compression_is_named():
    with pytest.raises(ScenarioError) as caught:
        load(BASE | {"workload": "serve", "compression": [{"method": "quantise"}]}, ["compression.9.weights=int4"])
    assert caught.value.problems[0].path == "compression.9"
    assert "there is no step '9'; those of compression, counted from 0, are 0" in str(caught.value)


def test_a_student_may_be_the_path_of_a_configuration(tmp_path):
    (tmp_path / "config.json").write_bytes((CONFIGS / "llama-3.1-8b.json").read_bytes())
    step = {"method": "distil", "student": "config.json", "tokens": 1e10}
    for chain in (step, [step]):
        student = load(BASE | {"workload": "serve"} | {"compression": chain}, base=tmp_path).compression[0].student
        assert (student.layers, student.hidden) == (32, 4096)
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"compression\.0\.student: config\.json is not valid JSON"):
        load(BASE | {"workload": "serve"} | {"compression": [step]}, base=tmp_path)
