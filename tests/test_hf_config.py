"""A Hugging Face config.json as a model: published sizes, families that are read, files that are none."""

import json
from pathlib import Path

import pytest
from test_scenario import BASE

from costmodel.api import estimate
from costmodel.architectures.hf_config import FAMILIES, ArchitectureError, shape
from costmodel.architectures.kinds import architecture_of
from costmodel.loading import load, to_yaml
from costmodel.scenario import ModelShape, as_tree
from costmodel.source import ScenarioError

CONFIGS = Path(__file__).with_name("configs")


def parameters(model: ModelShape) -> int:
    """Parameters of a dense decoder, counted apart from the product's own program of operators."""
    vectors = {"rms": 1, "layernorm": 2}[model.norm]
    queries, keys = model.heads * model.head_dim, model.kv_heads * model.head_dim
    attention = model.hidden * (queries + 2 * keys) + model.attention_bias * (queries + 2 * keys)
    attention += queries * model.hidden + model.output_bias * model.hidden
    attention += 2 * model.head_dim * (model.qk_norm == "head")
    up = 1 + model.gated
    mlp = (up + 1) * model.hidden * model.ffn + model.mlp_bias * (up * model.ffn + model.hidden)
    norms = model.layer_norms * vectors * model.hidden
    tables = model.vocab * model.hidden * (1 if model.tied else 2)
    positions = model.max_sequence * model.hidden * (model.position == "learned")
    return model.layers * (attention + mlp + norms) + vectors * model.hidden + tables + positions


# Published parameter counts. Source: number of elements in the checkpoint's safetensors on the Hugging Face hub,
# except Pythia (Biderman et al. 2023, arXiv:2304.01373, table of models) and Falcon, whose head shares the
# embedding when loaded (`num_parameters()` of FalconForCausalLM).
COUNTS = {
    "llama-3.1-8b": 8_030_261_248,
    "gpt2": 124_439_808,
    "mistral-7b": 7_241_732_096,
    "qwen2.5-7b": 7_615_616_512,
    "qwen3-0.6b": 596_049_920,
    "gemma-2b": 2_506_172_416,
    "phi-3-mini": 3_821_079_552,
    "starcoder2-3b": 3_030_371_328,
    "stablelm-3b": 2_795_443_200,
    "pythia-6.9b": 6_857_302_016,
    "falcon-7b": 6_921_720_704,
}


@pytest.mark.parametrize("name", COUNTS)
def test_published_configurations_have_their_published_size(name):
    model = load({**BASE, "model": f"{name}.json"}, base=CONFIGS).model
    assert isinstance(model, ModelShape)
    assert parameters(model) == COUNTS[name]
    assert model.name == f"{name}.json"


# Parameters of models that are no decoders, as libraries count them: `BertModel` and `RobertaModel` with pooler,
# torchvision's vit_b_16 (1,000 classes), `WhisperForConditionalGeneration` (output tied to the table of tokens).
OTHERS = {
    "bert-base": ("text encoder", 109_482_240),
    "roberta-base": ("text encoder", 124_645_632),
    "vit-base-patch16-224": ("vision transformer", 86_567_656),
    "whisper-tiny": ("speech encoder-decoder", 37_760_640),
}
ALIKE = {"xlm-roberta", "camembert"}  # read as roberta is


@pytest.mark.parametrize("name", OTHERS)
def test_configurations_of_other_architectures_have_their_published_size(name):
    asked = load({**BASE, "devices": 1, "ranges": False, "model": f"{name}.json"}, base=CONFIGS)
    kind, count = OTHERS[name]
    answer = estimate(asked)
    assert answer.outcome.performance["parameters"] == count
    assert architecture_of(answer.outcome.job.model).name == kind
    assert load(as_tree(asked)) == asked


def test_positions_of_roberta_start_behind_the_padding():
    assert load({**BASE, "model": "roberta-base.json"}, base=CONFIGS).model.max_sequence == 512


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("bert-base", {"position_embedding_type": "relative_key"}, "relative positions"),
        ("vit-base-patch16-224", {"qkv_bias": False}, "without qkv_bias"),
        ("vit-base-patch16-224", {"id2label": [1]}, "id2label is no mapping"),
        ("vit-base-patch16-224", {"patch_size": 15}, "patch_size = 15 does not divide image_size = 224"),
        ("whisper-tiny", {"decoder_ffn_dim": 1}, "encoder_ffn_dim and decoder_ffn_dim differ"),
        ("whisper-tiny", {"num_mel_bins": None}, "lacks num_mel_bins"),
        ("bert-base", {"num_attention_heads": 7}, "heads = 7 does not divide hidden = 768"),
    ],
)
def test_bad_configurations_of_other_architectures(name, change, words, tmp_path):
    config = json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | change), encoding="utf-8")
    with pytest.raises(ScenarioError, match=words):
        load({**BASE, "model": "config.json"}, base=tmp_path)


def test_each_family_has_a_published_configuration():
    known = (*COUNTS, *OTHERS)
    kinds = {json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))["model_type"] for name in known}
    assert kinds == FAMILIES.keys() - ALIKE


def test_a_sliding_window_limits_the_sequence():
    config = json.loads((CONFIGS / "mistral-7b.json").read_text(encoding="utf-8"))
    assert shape(config)["max_sequence"] == 4096
    assert shape(config | {"sliding_window": None})["max_sequence"] == 32768


@pytest.mark.parametrize(("name", "kind"), [("mixtral-8x7b", "mixtral"), ("t5-small", "t5")])
def test_foreign_architectures_are_refused(name, kind):
    with pytest.raises(ScenarioError) as caught:
        load({**BASE, "model": str(CONFIGS / f"{name}.json")})
    (problem,) = caught.value.problems
    assert problem.path == "model"
    assert f"architecture '{kind}' is not modelled yet; modelled are: bert, camembert, falcon" in problem.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": None}, "has no model_type"),
        ({"model_type": ["llama"]}, "has no model_type"),
        ({"hidden_size": None, "vocab_size": None}, "lacks hidden_size, vocab_size"),
        ({"hidden_size": "4096"}, "hidden_size is no number"),
        ({"num_hidden_layers": True}, "num_hidden_layers is no number"),
        ({"hidden_act": 5}, "hidden_act is no text"),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "quantised weights (quantization_config)"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings is neither true nor false"),
        ({"num_hidden_layers": 1.5}, "model.layers: must be a whole number"),
        ({"num_hidden_layers": -1}, "model.layers: must be at least 1"),
        ({"num_key_value_heads": 5}, "kv_heads = 5 does not divide heads = 32"),
        ({"vocab_size": float("nan")}, "not a finite number"),
    ],
)
def test_bad_configurations(change, words, tmp_path):
    config = json.loads((CONFIGS / "llama-3.1-8b.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | change), encoding="utf-8")
    (tmp_path / "a.yaml").write_text(to_yaml({**BASE, "model": "config.json"}), encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path / "a.yaml")
    assert str(caught.value).startswith(f"{tmp_path / 'a.yaml'}:1:8: model")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"hidden_size": 1, "hidden_size": 2}', "key 'hidden_size' is given twice"),
        (b"[]", "has no model_type"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"model_type": "llama", "hidden_size": ' + b"9" * 5000 + b"}", "lacks num_hidden_layers"),
        (b" " * 1_000_001, "larger than 1 MB"),
    ],
    ids=lambda value: ascii(value[:9]),
)
def test_files_that_are_no_configuration(text, words, tmp_path):
    (tmp_path / "config.json").write_bytes(text)
    with pytest.raises(ScenarioError) as caught:
        load({**BASE, "model": "config.json"}, base=tmp_path)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_files_are_not_read_where_they_must_not():
    with pytest.raises(ScenarioError, match="files are not read here"):
        load({**BASE, "model": str(CONFIGS / "gpt2.json")}, allow_files=False)
    with pytest.raises(ScenarioError, match="files are not read here"):
        load(CONFIGS / "gpt2.json", allow_files=False)
    with pytest.raises(ArchitectureError):
        shape({})


def test_a_folder_with_a_config_is_not_yet_its_name(tmp_path):
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama" / "config.json").write_text("{}")
    rest = {"hardware": "h100-sxm", "devices": 1, "workload": "serve"}
    for folder, base in ((f"{tmp_path}/llama/", None), ("./llama", tmp_path)):
        with pytest.raises(ScenarioError, match=r"llama/? is a folder; write .*llama/config\.json"):
            load({"model": folder} | rest, base=base)
