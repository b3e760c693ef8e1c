"""A shape from a family and a parameter count, by a stated rule: `model: {family: llama, parameters: 13 B}`.

Width over depth is kept near 128, which is about what dense decoders between 1 and 200 billion parameters have
(Llama 2 and 3, GPT-3, Qwen 2.5: 100 to 150). Heads have 128 features. Depth is then what comes closest to the count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from costmodel.architectures.dense_decoder import Shape, program
from costmodel.architectures.transformer import ElementBytes, Pass
from costmodel.formula import formula
from costmodel.program import model_parameters, parameters, summed
from costmodel.units import Count, Number

HEAD = 128
ASPECT = 128
# Numbers of heads that tensor parallelism can share out.
HEADS = np.array([*range(2, 9), *range(12, 33, 4), *range(40, 1025, 8)], dtype=float)
WIDTHS = HEADS * HEAD


@dataclass(frozen=True, slots=True)
class Family:
    """What all sizes of a family share; `inner` is the MLP's width over the model's.

    `kv_heads` is None for as many as heads.
    """

    inner: float
    kv_heads: int | None
    vocab: int
    max_sequence: int
    details: dict[str, Any]
    source: str


FAMILIES = {
    "llama": Family(3.5, 8, 128256, 131072, {"gated": True, "norm": "rms", "position": "rope"}, "grattafiori-2024"),
    "gpt": Family(
        4.0,
        None,
        50257,
        2048,
        {
            "gated": False,
            "tied": True,
            "norm": "layernorm",
            "position": "learned",
            "attention_bias": True,
            "mlp_bias": True,
        },
        "brown-2020",
    ),
}


@formula(r"L", source="definition")
def layers_for(wanted: Count, ends: Count, per_layer: Count) -> Count:
    """Layers, not yet whole, that bring a model with given ends to the wanted parameters."""
    return (wanted - ends) / per_layer


@formula(r"d_{ff}", source="definition")
def inner_width(hidden: Count, ratio: Count) -> Count:
    """Inner width of the MLP at a given ratio to the model's."""
    return ratio * hidden


def shape(family: str, wanted: float) -> dict[str, Any]:
    """The shape of a family's member of about `wanted` parameters, as a scenario's model mapping.

    Raises ValueError for an unknown family, and for a count that no whole number of layers meets within a fifth.
    """
    return member(family, wanted)[0]


@lru_cache(maxsize=1024)  # as many as a plan of size asks for, a few times
def member(family: str, wanted: float) -> tuple[dict[str, Any], float]:
    """The shape as `shape` gives it, and the parameters that it has. Raises as `shape` does."""
    if family not in FAMILIES:
        raise ValueError(f"no family is called {family[:40]!r}; there are: {', '.join(FAMILIES)}")
    rule = FAMILIES[family]
    per_layer, ends = _counts(family)
    layers = np.maximum(1.0, np.rint(layers_for(wanted, ends, per_layer)))
    counts = model_parameters(layers, per_layer, ends, 0.0)
    off_aspect = np.abs(np.log(WIDTHS / layers / ASPECT))
    off_count = np.abs(np.log(counts / wanted))
    best = int(np.argmin(off_aspect + 10 * off_count))
    if off_count[best] > 0.2:
        raise ValueError(
            f"family {family} has no member of {wanted:.4g} parameters; write at least {smallest(family):.2g}"
        )
    heads = int(HEADS[best])
    made = rule.details | {
        "layers": int(layers[best]),
        "hidden": int(WIDTHS[best]),
        "heads": heads,
        "kv_heads": _kv_heads(rule, heads),
        "ffn": int(inner_width(WIDTHS[best], rule.inner)),
        "vocab": rule.vocab,
        "max_sequence": rule.max_sequence,
    }
    return made, float(counts[best])


def smallest(family: str) -> float:
    """Parameters of a family's smallest member."""
    return float(np.min(model_parameters(1.0, *_counts(family), 0.0)))


def _kv_heads(rule: Family, heads: int) -> int:
    """As many as the family has, or the largest number below that divides the heads."""
    most = min(rule.kv_heads or heads, heads)
    return next(count for count in range(most, 0, -1) if heads % count == 0)


@cache
def _counts(family: str) -> tuple[Number, Number]:
    """Parameters of one layer and of both ends, for every width of a family."""
    rule = FAMILIES[family]
    kv_heads = np.array([_kv_heads(rule, int(count)) for count in HEADS], dtype=float)
    has = {name: float(bool(rule.details.get(name))) for name in ("gated", "tied", "attention_bias", "mlp_bias")}
    values = dict.fromkeys(Shape.__slots__, 0.0) | {
        "layers": 1.0,
        "hidden": WIDTHS,
        "heads": HEADS,
        "kv_heads": kv_heads,
        "head_dim": float(HEAD),
        "ffn": inner_width(WIDTHS, rule.inner),
        "vocab": float(rule.vocab),
        "max_sequence": float(rule.max_sequence),
        "gated": has["gated"],
        "tied": has["tied"],
        "qkv_bias": has["attention_bias"],
        "output_bias": has["attention_bias"],
        "mlp_bias": has["mlp_bias"],
        "norm_vectors": 1.0 if rule.details["norm"] == "rms" else 2.0,
        "layer_norms": 2.0,
        "learned_positions": float(rule.max_sequence) if rule.details["position"] == "learned" else 0.0,
    }
    made = program(Shape(**values), Pass(1.0, 1.0, 0.0, 1.0), ElementBytes(2.0, 2.0, 2.0, 4.0), 1.0, 1.0)
    layer = summed(made.layer, lambda operator: operator.parameters)
    return layer, parameters(made) - layer
