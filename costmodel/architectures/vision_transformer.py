"""Vision transformers (Dosovitskiy et al. 2021): patches of an image and a class token through plain layers."""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.architectures.transformer import (
    ElementBytes,
    Pass,
    added,
    encoder,
    norm,
    pass_tokens,
    plain_block,
    product,
    saved_bytes,
)
from costmodel.formula import formula
from costmodel.program import Program
from costmodel.trace import constant
from costmodel.units import Count, Number


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape parameters; `image_size` and `patch_size` are widths in pixels, `classes` the columns of the head."""

    layers: Count
    hidden: Count
    heads: Count
    ffn: Count
    image_size: Count
    patch_size: Count
    channels: Count
    classes: Count


@formula(r"n_{pat}", source="dosovitskiy-2021")
def patches(image: Count, patch: Count) -> Count:
    """Patches of a square image."""
    return (image / patch) ** 2


@formula(r"s", source="dosovitskiy-2021")
def positions(patches: Count) -> Count:
    """Positions that an image takes: its patches and a class token."""
    return patches + 1


@formula(r"k_{pat}", source="dosovitskiy-2021")
def patch_values(patch: Count, channels: Count) -> Count:
    """Numbers in a patch, from which it is embedded."""
    return patch**2 * channels


@formula(r"N_{pos}", source="dosovitskiy-2021")
def position_parameters(positions: Count, hidden: Count) -> Count:
    """Parameters of learned positions and of the class token."""
    return (positions + 1) * hidden


def program(shape: Shape, run: Pass, size: ElementBytes, shards: Number, sequence_shards: Number) -> Program:
    """The operators that one of `shards` tensor-parallel devices runs for a forward pass of `run.sequences` images."""
    pieces = patches(shape.image_size, shape.patch_size)
    inner = Pass(run.sequences, positions(pieces), run.context, run.head_queries)
    tokens = pass_tokens(inner.sequences, inner.queries)
    values, yes = patch_values(shape.patch_size, shape.channels), constant(1.0, "bias", "with a bias")
    rows = pass_tokens(run.sequences, pieces)
    kept = saved_bytes(rows, values, size.activation)
    embedding = product("patches", rows, shape.hidden, values, yes, size, kept, cheap=False)
    table = position_parameters(inner.queries, shape.hidden)
    pooled = saved_bytes(run.sequences, shape.hidden, size.activation)
    head = product("head", run.sequences, shape.classes, shape.hidden, yes, size, pooled)
    first = embedding, added("positions", table, tokens, shape.hidden, size)
    last = norm("final norm", tokens, shape.hidden, size), head
    block = plain_block(shape.hidden, shape.heads, shape.ffn)
    return encoder(shape.layers, block, inner, size, shards, sequence_shards, first, last)
