"""A Hugging Face config.json → the shape of a model, where it can be given exactly; anything else is refused.

Keys, their defaults and what the code of each model adds (biases, norms) are those of the `transformers` library,
src/transformers/models/<model_type>/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Config = Mapping[str, Any]

LLAMA_KEYS = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "ffn": "intermediate_size",
    "vocab": "vocab_size",
    "max_sequence": "max_position_embeddings",
}
GPT2_KEYS = {
    "layers": "n_layer",
    "hidden": "n_embd",
    "heads": "n_head",
    "vocab": "vocab_size",
    "max_sequence": "n_positions",
}
WHISPER_KEYS = {
    "encoder_layers": "encoder_layers",
    "decoder_layers": "decoder_layers",
    "hidden": "d_model",
    "heads": "encoder_attention_heads",
    "ffn": "encoder_ffn_dim",
    "vocab": "vocab_size",
    "mels": "num_mel_bins",
    "frames": "max_source_positions",
    "max_sequence": "max_target_positions",
}


class ArchitectureError(ValueError):
    """A configuration that this program does not model, or that is incomplete."""


def shape(config: Config) -> dict[str, Any]:
    """The shape of a parsed config.json as a scenario says it. Raises ArchitectureError."""
    kind = config.get("model_type") if isinstance(config, Mapping) else None
    if not isinstance(kind, str):
        raise ArchitectureError("has no model_type; give the config.json of a Hugging Face model")
    if kind not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise ArchitectureError(f"architecture {kind[:40]!r} is not modelled yet; modelled are: {known}")
    if config.get("quantization_config"):
        raise ArchitectureError(
            "holds quantised weights (quantization_config), which a scenario says itself; "
            "give the config.json of the model before that, and its compression, such as int4"
        )
    for key in ("hidden_act", "activation_function"):  # its cost is the same whichever it is
        if not isinstance(config.get(key), str | None):
            raise ArchitectureError(f"{key} is no text; give the config.json as published")
    return FAMILIES[kind](config)


def _needed(config: Config, keys: Mapping[str, str]) -> dict[str, float]:
    """The numbers under `keys`, named as in ModelShape."""
    missing = [key for key in keys.values() if config.get(key) is None]
    if missing:
        raise ArchitectureError(f"lacks {', '.join(missing)}; give the complete config.json")
    return {field: _number(config, key) for field, key in keys.items()}


def _number(config: Config, key: str, default: float | None = None) -> Any:
    value = config.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArchitectureError(f"{key} is no number; give the config.json as published")
    return value


def _flag(config: Config, key: str, default: bool) -> bool:
    value = config.get(key)
    if value is not None and not isinstance(value, bool):
        raise ArchitectureError(f"{key} is neither true nor false; give the config.json as published")
    return default if value is None else value


def _llama_like(config: Config, *, window: float | None = None, tied: bool = False, **fixed: Any) -> dict[str, Any]:
    """What Llama and its relatives share. Up to the sliding window, windowed attention is full attention."""
    found: dict[str, Any] = _needed(config, LLAMA_KEYS)
    found["max_sequence"] = min(found["max_sequence"], window or found["max_sequence"])
    found["kv_heads"] = _number(config, "num_key_value_heads", found["heads"])
    if (head_dim := _number(config, "head_dim")) is not None:
        found["head_dim"] = head_dim
    return found | {"gated": True, "norm": "rms", "tied": _flag(config, "tie_word_embeddings", tied)} | fixed


def _llama(config: Config) -> dict[str, Any]:
    bias = _flag(config, "attention_bias", False)
    return _llama_like(config, attention_bias=bias, output_bias=bias, mlp_bias=_flag(config, "mlp_bias", False))


def _mistral(config: Config) -> dict[str, Any]:
    return _llama_like(config, window=_number({"sliding_window": 4096, **config}, "sliding_window"))


def _phi3(config: Config) -> dict[str, Any]:
    return _llama_like(config, window=_number(config, "sliding_window"))


def _qwen2(config: Config) -> dict[str, Any]:
    return _llama_like(config, window=_qwen_window(config), attention_bias=True, output_bias=False)


def _qwen3(config: Config) -> dict[str, Any]:
    bias = _flag(config, "attention_bias", False)
    head_dim = _number(config, "head_dim", 128)
    window = _qwen_window(config)
    return _llama_like(config, window=window, head_dim=head_dim, attention_bias=bias, output_bias=bias, qk_norm="head")


def _qwen_window(config: Config) -> float | None:
    window: float | None = _number(config, "sliding_window", 4096)
    return window if _flag(config, "use_sliding_window", False) else None


def _gemma(config: Config) -> dict[str, Any]:
    bias = _flag(config, "attention_bias", False)
    head_dim = _number(config, "head_dim", 256)
    return _llama_like(config, tied=True, head_dim=head_dim, attention_bias=bias, output_bias=bias)


def _starcoder2(config: Config) -> dict[str, Any]:
    bias, window = _flag(config, "use_bias", True), _number(config, "sliding_window")
    biases = {"attention_bias": bias, "output_bias": bias, "mlp_bias": bias}
    return _llama_like(config, window=window, tied=True, gated=False, norm="layernorm", **biases)


def _stablelm(config: Config) -> dict[str, Any]:
    if _flag(config, "qk_layernorm", False) or _flag(config, "use_parallel_residual", False):
        raise ArchitectureError(
            "stablelm with qk_layernorm or use_parallel_residual is not modelled yet; give another model"
        )
    return _llama_like(config, norm="layernorm", attention_bias=_flag(config, "use_qkv_bias", False), output_bias=False)


def _gpt2(config: Config) -> dict[str, Any]:
    found = _needed(config, GPT2_KEYS)
    return found | {
        "ffn": _number(config, "n_inner", 4 * found["hidden"]),
        "tied": _flag(config, "tie_word_embeddings", True),
        **{"gated": False, "norm": "layernorm", "position": "learned"},
        **{"attention_bias": True, "output_bias": True, "mlp_bias": True},
    }


def _gpt_neox(config: Config) -> dict[str, Any]:
    bias = _flag(config, "attention_bias", True)
    return _needed(config, LLAMA_KEYS) | {
        "tied": _flag(config, "tie_word_embeddings", False),
        "parallel_block": _flag(config, "use_parallel_residual", True),
        **{"gated": False, "norm": "layernorm"},
        **{"attention_bias": bias, "output_bias": bias, "mlp_bias": True},
    }


def _falcon(config: Config) -> dict[str, Any]:
    """Falcon: 7B shares one norm between attention and MLP; the later decoder has two; RW has ALiBi and no GQA."""
    later, parallel = _flag(config, "new_decoder_architecture", False), _flag(config, "parallel_attn", True)
    keys = {field: LLAMA_KEYS[field] for field in ("layers", "hidden", "heads", "vocab")}
    found = _needed(config, keys | ({"kv_heads": "num_kv_heads"} if later else {}))
    if not later:
        found["kv_heads"] = 1 if _flag(config, "multi_query", True) else found["heads"]
    bias = _flag(config, "bias", False)
    norms = _number(config, "num_ln_in_parallel_attn", 2) if later else 1 if parallel else 2
    return found | {
        "ffn": _number(config, "ffn_hidden_size", 4 * found["hidden"]),
        "max_sequence": _number(config, "max_position_embeddings", 2048),
        "tied": _flag(config, "tie_word_embeddings", True),
        "position": "alibi" if _flag(config, "alibi", False) else "rope",
        "parallel_block": later or parallel,
        "layer_norms": norms,
        **{"gated": False, "norm": "layernorm"},
        **{"attention_bias": bias, "output_bias": bias, "mlp_bias": bias},
    }


def _bert(config: Config) -> dict[str, Any]:
    """BERT; its kind of head is left out, its pooler is not."""
    if config.get("position_embedding_type") not in (None, "absolute"):
        raise ArchitectureError("relative positions of an encoder are not modelled yet; give another model")
    keys = {name: key for name, key in LLAMA_KEYS.items() if name != "max_sequence"}
    rows = _number(config, "max_position_embeddings", 512)
    return _needed(config, keys) | {
        "segments": _number(config, "type_vocab_size", 2),
        "max_sequence": rows,
        "position_rows": rows,
    }


def _roberta(config: Config) -> dict[str, Any]:
    """RoBERTa: as BERT, with positions counted from behind the padding's."""
    found = _bert(config)
    return found | {"max_sequence": found["position_rows"] - 1 - _number(config, "pad_token_id", 1)}


def _vit(config: Config) -> dict[str, Any]:
    if not _flag(config, "qkv_bias", True):
        raise ArchitectureError("a vision transformer without qkv_bias is not modelled yet; give another model")
    keys = {name: LLAMA_KEYS[name] for name in ("layers", "hidden", "heads", "ffn")}
    found = _needed(config, keys | {"image_size": "image_size", "patch_size": "patch_size"})
    labels = config.get("id2label")
    if labels is not None and not isinstance(labels, Mapping):
        raise ArchitectureError("id2label is no mapping; give the config.json as published")
    classes = {"classes": len(labels)} if labels else {}
    return found | classes | {"channels": _number(config, "num_channels", 3)}


def _whisper(config: Config) -> dict[str, Any]:
    for part in ("attention_heads", "ffn_dim"):
        one, other = (_number(config, f"{half}_{part}") for half in ("encoder", "decoder"))
        if one != other:
            raise ArchitectureError(f"encoder_{part} and decoder_{part} differ, which is not modelled yet")
    return _needed(config, WHISPER_KEYS)


FAMILIES: dict[str, Callable[[Config], dict[str, Any]]] = {
    "llama": _llama,
    "mistral": _mistral,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "gemma": _gemma,
    "phi3": _phi3,
    "starcoder2": _starcoder2,
    "stablelm": _stablelm,
    "gpt2": _gpt2,
    "gpt_neox": _gpt_neox,
    "falcon": _falcon,
    "bert": _bert,
    "roberta": _roberta,
    "xlm-roberta": _roberta,
    "camembert": _roberta,
    "vit": _vit,
    "whisper": _whisper,
}
