"""Steps of compression as a user writes them: what is refused and where, files, the command line."""

import itertools
import json
from typing import get_args

import pytest
from test_compression import BIG, CHAIN, LORA, QUANTISE, compressed

from costmodel.api import estimate
from costmodel.cli.main import run
from costmodel.compression.schema import Computed, Recipe, Stored
from costmodel.loading import load, loads, to_yaml
from costmodel.scenario import as_tree
from costmodel.source import ScenarioError


@pytest.mark.parametrize(
    ("compression", "path", "words"),
    [
        ("int44", "compression", "is no compression; write one of none, fp8"),
        ("qlora", "compression", "write workload={kind: finetune, adapters: {rank: 16}} and compression=nf4"),
        (5, "compression", "needs a list of steps"),
        (["int4"], "compression.0", "needs a step"),
        ([{}], "compression.0.method", "is missing; write distil, prune, sparsify, quantise"),
        ([{"method": "quantize"}], "compression.0.method", "did you mean 'quantise'"),
        ([QUANTISE], "compression.0.method", "says nothing to quantise"),
        ([QUANTISE | {"weights": "int4", "gruop": 8}], "compression.0.gruop", "did you mean 'group'"),
        ([QUANTISE | {"weights": "fp8", "group": 128}], "compression.0.group", "leave it out"),
        ([QUANTISE | {"weights": "int8", "recipe": "k-quant"}], "compression.0.recipe", "does not make weights = int8"),
        ([QUANTISE | {"weights": "q4-k-m", "recipe": "gptq"}], "compression.0.recipe", "leave it out"),
        ([QUANTISE | {"kv_cache": "fp8", "recipe": "gptq"}], "compression.0.recipe", "weights = unsaid"),
        ([QUANTISE | {"activations": "fp8"}], "compression.0.activations", "write weights: fp8"),
        ([QUANTISE | {"weights": "int4", "activations": "int4"}], "compression.0.activations", "no peak for int4"),
        ([QUANTISE | {"weights": "int8", "activations": "int4"}], "compression.0.activations", "write weights: int4"),
        ([QUANTISE | {"weights": "int4"}] * 2, "compression.1", "write it in one of them"),
        ([{"method": "prune"}], "compression.0.method", "says nothing to remove"),
        ([{"method": "prune", "layers": 0}], "compression.0.layers", "must be at least 0.001"),
        ([{"method": "prune", "layers": 1}], "compression.0.layers", "must be at most 0.99"),
        ([{"method": "prune", "layers": "nan"}], "compression.0.layers", "'nan' is not a number"),
        ([{"method": "sparsify"}], "compression.0.method", "either a pattern or a share"),
        ([{"method": "sparsify", "share": 1.5}], "compression.0.share", "must be at most 0.99"),
        ([{"method": "sparsify", "pattern": "1:4"}], "compression.0.pattern", "2:4"),
        ([{"method": "distil", "student": "llama-3.1-8b"}], "compression.0.tokens", "is missing"),
        ([{"method": "distil", "student": {"layers": 2}, "tokens": 1}], "compression.0.student.hidden", "is missing"),
        ([*CHAIN[3:], *CHAIN[:1]], "compression.1", "write distil first"),
        ([CHAIN[1]] * 100_000, "compression", "write at most 5"),
        ([CHAIN[1], CHAIN[1]], "compression.1", "write it in one of them"),
    ],
)
def test_hostile_chains_are_refused_in_one_line(compression, path, words):
    with pytest.raises(ScenarioError) as refused:
        estimate(BIG | {"compression": compression})
    problem = next(p for p in refused.value.problems if p.path == path)
    assert words in problem.message
    assert "\n" not in str(problem)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"hardware": "v100-sxm2-32gb", "compression": "2:4", "devices": 8}, "compression.0.pattern"),
        ({"hardware": "a100-sxm-80gb", "compression": "fp8"}, "compression.0.activations"),
        ({"precision": "fp8", "compression": "int4"}, "compression.0.weights"),
        ({"precision": {"weights": "fp8"}, "compression": "int4"}, "compression.0.weights"),
        ({"precision": {"kv_cache": "fp8"}, "compression": [QUANTISE | {"kv_cache": "fp8"}]}, "compression.0.kv_cache"),
        ({"workload": "train", "compression": "int4"}, "compression"),
        ({"workload": "finetune", "compression": "int4"}, "compression"),
        ({"workload": LORA["workload"], "compression": "fp8"}, "compression.0"),
        ({"workload": LORA["workload"], "compression": "2:4"}, "compression.0"),
        ({"workload": {"kind": "train", "adapters": {"rank": 16}}}, "workload.adapters"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, path):
    with pytest.raises(ScenarioError) as refused:
        estimate(BIG | changes)
    assert [p.path for p in refused.value.problems] == [path]
    assert refused.value.clash


def test_every_format_recipe_and_word_is_answered_or_refused():
    for stored, computed, recipe in itertools.product(get_args(Stored), (None, *get_args(Computed)), get_args(Recipe)):
        if recipe not in ("rtn", "calibrated") and computed:
            continue
        said = {"weights": stored, "recipe": recipe} | ({"activations": computed} if computed else {})
        try:
            step = compressed(QUANTISE | said, hardware="b200-sxm").compression[0]
        except ScenarioError:
            continue
        assert step.after.weights_bytes < step.before.weights_bytes
        assert step.quality or step.no_evidence


def test_round_trips():
    scenario = load(BIG | {"compression": list(CHAIN)})
    assert load(as_tree(scenario)) == scenario
    assert loads(to_yaml(scenario)) == scenario
    assert "compression" not in as_tree(load(BIG))


def test_places_in_a_file():
    text = "model: llama-3.1-70b\nhardware: h100-sxm\ndevices: 4\nworkload: serve\ncompression:\n- {method: quantise}\n"
    with pytest.raises(ScenarioError) as refused:
        loads(text, file="x.yaml")
    assert str(refused.value).startswith("x.yaml:6:12: compression.0.method: ")


def test_command_line(capsys):
    assert run(["estimate", "examples/llama-3.1-70b-int4.yaml"]) == 0
    text = capsys.readouterr().out
    assert "weights 141 GB → 39.8 GB" in text
    assert "rows of" in text
    assert run(["estimate", "examples/llama-3.1-8b-distilled.yaml", "-o", "json"]) == 0
    steps = json.loads(capsys.readouterr().out)["compression"]
    assert [step["method"] for step in steps] == ["distil", "quantise"]
    same = "examples/llama-3.1-70b-int4.yaml"
    assert run(["compare", same, same, "--set", "1:compression=none", "--set", "2:compression=fp8"]) == 0
    assert "weights of the model" in capsys.readouterr().out
    assert run(["estimate", same, "--set", "compression.0.group=7"]) == 2
    assert "compression.0.group" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["q4-k-m", "int3", *get_args(Recipe)])
@pytest.mark.parametrize("said", ["precision", "precision.weights", "compression"])
def test_what_is_to_be_written_for_a_word_can_be_written(word, said):
    with pytest.raises(ScenarioError) as refused:
        load(BIG, [f"{said}={word}"])
    assert estimate(load(BIG, [refused.value.problems[0].message.partition("; write ")[2]])).compression


@pytest.mark.parametrize("change", ["compression=int4", "precision.weights=int4"])
def test_int4_on_a_device_that_does_not_compute_in_it(change):
    with pytest.raises(ScenarioError, match=f"for weights alone in int4 write .*{change}"):
        estimate(load(BIG, ["hardware=h100-sxm", "precision=int4"]))
    assert estimate(load(BIG, ["hardware=h100-sxm", change])).fits


def test_nf4_is_a_word_and_adapters_name_theirs():
    assert (
        load(BIG, ["compression=nf4"]).compression
        == load(BIG, ["compression={method: quantise, weights: nf4}"]).compression
    )
    for said in ("workload.adapters=qlora", "workload={kind: finetune, adapters: qlora}"):
        with pytest.raises(ScenarioError, match="'qlora' is not accepted; write workload=") as refused:
            load(BIG, [said])
    changes = refused.value.problems[0].message.partition("; write ")[2].split(" and ")
    assert estimate(load(BIG, changes)).compression
