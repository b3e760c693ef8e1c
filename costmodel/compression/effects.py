"""What each step changes of a model and its formats, before anything is estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from costmodel.catalog import formats
from costmodel.compression.formulas import (
    bitmap_weight_bytes,
    kept_count,
    patterned_weight_bytes,
    quantised_weight_bytes,
)
from costmodel.compression.schema import Prune, Quantise, Sparsify, Step
from costmodel.device import Device
from costmodel.source import clash
from costmodel.units import UNITS

BIT = UNITS["bit"][0]
SCALE = 16 * BIT  # of a group of weights
GROUP = 128  # usual up to 6 bits
WIDTH_MULTIPLE = 64  # widths stay multiples of what matrix units like
KEPT, INDEX = 0.5, 2 * BIT  # 2:4 keeps every other weight, with 2 bits for its place among 4
# What the skipped zeros of 2:4 gain in rate: data sheets say 2, products of a ViT-L reach 1.24 (pytorch/ao, A100).
SPARSE_GAIN = (1.5, 1.2, 1.8, "mishra-2021", "2:4 is skipped")
# Whose matrix units skip the pattern: NVIDIA's from Ampere on, AMD's from CDNA 3 on.
SPARSE_UNITS = ("Ampere", "Ada Lovelace", "Hopper", "Blackwell", "CDNA 3.0", "CDNA 4.0")
# Bytes that could be read while one weight is unpacked, in training: NF4 is unpacked into memory before a step's
# product, 2 bytes written and read again. In inference weights are unpacked on the way, by products with a law of
# their own.
UNPACKING = (4.0, 0.5, 4.5, "dettmers-2023")


@dataclass(frozen=True, slots=True)
class Weights:
    """How the weights of the layers' products are held: bytes per weight in memory and in a file.

    `format` is that of the weights, `computed` that of the products where a step says it; `note` is all this in words.
    """

    memory: float
    file: float
    format: str
    note: str
    computed: str | None = None
    sparse: bool = False


def pruned(shape: dict[str, Any], step: Prune) -> dict[str, Any]:
    """The fields of a shape with whole layers, groups of heads and width removed."""
    made = dict(shape)
    if step.layers is not None:
        made["layers"] = kept_count(shape["layers"], step.layers, 1)
    if step.heads is not None:  # a KV head goes with its query heads; with one KV head, query heads go alone
        groups = shape["kv_heads"] if shape["kv_heads"] > 1 else shape["heads"]
        left = kept_count(groups, step.heads, 1)
        made["heads"] = left * (shape["heads"] // groups)
        made["kv_heads"] = left if shape["kv_heads"] > 1 else 1
    if step.width is not None:
        for name in ("hidden", "ffn"):
            made[name] = kept_count(shape[name], step.width, min(WIDTH_MULTIPLE, shape[name]))
    return made


def weights(chain: Sequence[Step], plain: Weights, device: Device, width: float) -> Weights:
    """The weights after all steps; `plain` without any, `width` the length of a row where a row shares a scale.

    Raises ScenarioError for what the device cannot compute.
    """
    held = plain
    for place, step in enumerate(chain):  # formats first: a pattern's index comes on top of what a weight takes
        if isinstance(step, Quantise) and step.weights:
            if step.activations:
                device.peak(step.activations, f"compression.{place}.activations")
            size, note = quantised(step, width)
            held = Weights(size, size, step.weights, note, step.activations)
    for place, step in enumerate(chain):
        if not isinstance(step, Sparsify):
            continue
        if step.pattern:
            if device.architecture not in SPARSE_UNITS:
                units = ", ".join(SPARSE_UNITS)
                raise clash(
                    f"compression.{place}.pattern",
                    f"no unit of {device.name} is known to skip 2:4 (devices of {units} do); write share: 0.5",
                )
            size = patterned_weight_bytes(held.memory, KEPT, INDEX)
            held = replace(held, memory=size, file=size, note=f"{held.note}, 2:4", sparse=True)
        elif step.share:
            held = replace(held, file=bitmap_weight_bytes(held.file, step.share), note=f"{held.note}, some zero")
    return held


def quantised(step: Quantise, width: float) -> tuple[float, str]:
    """Bytes of a weight, scales and zero points included, and how it is held in words."""
    name = step.weights or ""
    if not name.startswith("int"):
        size = formats.number_format(name).bytes
        return size, f"{name}, {size / BIT:.4g} bits"
    value = float(name.removeprefix("int")) * BIT
    group = group_of(step, width)
    size = quantised_weight_bytes(value, SCALE, 0.0 if step.symmetric else value, group or width)
    shared = f"groups of {group}" if group else "a scale per row"
    return size, f"{name}, {shared}, {size / BIT:.4g} bits"


def group_of(step: Quantise, width: float) -> int | None:
    """Weights that share a scale; None where a whole row of `width` does."""
    alone = step.activations != step.weights
    if step.group is None and step.weights in ("int2", "int3", "int4", "int5", "int6") and alone:
        return GROUP
    return step.group if step.group is None or step.group < width else None


def cache_format(chain: Sequence[Step]) -> str | None:
    """The format that a step gives the KV cache."""
    return next((step.kv_cache for step in chain if isinstance(step, Quantise) and step.kv_cache), None)
