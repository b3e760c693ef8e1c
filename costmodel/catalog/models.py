"""Models: published shapes. Families whose layers differ from each other keep their details in `rest` and `notes`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from costmodel.catalog.table import find, key, names, rows

DENSE = "language-dense"

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model as published; None where the source does not say. Rows of kind "language-dense" say all but counts.

    `vocab` is the padded size where there is one: the rows that the embedding really has, with which the published
    counts agree. `attention_bias` is that of queries, keys and values. `qk_norm`: none, head (one vector that all
    heads share) or all (one over all heads). `position_rows`: rows of a learned position table where they are not
    `max_position`. `params_exact`: the count is not rounded.
    """

    id: str
    hf_id: str
    family: str
    kind: str
    layers: int | None
    hidden: int | None
    heads: int | None
    kv_heads: int | None
    head_dim: int | None
    ffn: int | None
    vocab: int | None
    tied: bool | None
    gated: bool | None
    attention_bias: bool | None
    output_bias: bool | None
    mlp_bias: bool | None
    head_bias: bool | None
    qk_norm: str
    norm: str
    layer_norms: int | None
    embedding_norm: bool | None
    parallel_block: bool | None
    position: str
    max_position: int | None
    position_rows: int | None
    params_published: int | None
    params_exact: bool
    weights_dtype: str
    source: str
    notes: str
    rest: dict[str, str]


def model(name: str) -> ModelRow:
    """The model called `name`, by id, alias or Hugging Face id. Raises CatalogError with the nearest names."""
    index = _index()
    return _model(find(index, name, "model", lambda: index))


def dense_decoders() -> list[ModelRow]:
    """All models that one uniform stack of dense decoder layers describes."""
    return [_model(row["id"]) for row in rows("models") if row["kind"] == DENSE]


def shape(row: ModelRow) -> dict[str, Any]:
    """What the catalog says of a model's shape: its columns, and what shapes.csv adds; numbers where they are any."""
    said: dict[str, Any] = {field.name: getattr(row, field.name) for field in fields(ModelRow)}
    said |= {name: int(cell) for name, cell in row.rest.items() if cell.isdigit()}
    said |= {found["field"]: float(found["value"]) for found in rows("shapes") if found["id"] == row.id}
    return said | {"max_sequence": row.max_position}


@cache
def _index() -> dict[str, str]:
    index: dict[str, str] = {}
    for row in rows("models"):
        for name in (row["id"], row["hf_id"], *names(row["aliases"])):
            if name:
                index.setdefault(key(name), row["id"])
    return index


@cache
def _by_id() -> dict[str, Row]:
    return {row["id"]: row for row in rows("models")}


@cache
def _model(model_id: str) -> ModelRow:
    row = _by_id()[model_id]
    vocab = row["padded_vocab_size"] or row["vocab_size"]
    cells = row | {"vocab": vocab, "params_exact": "true" if row["params_exact"] == "1" else "false"}
    typed = {f.name: READ[f.type](cells[f.name]) for f in fields(ModelRow) if f.name != "rest"}
    rest = {name: cell for name, cell in row.items() if cell and name not in typed and name not in RENAMED}
    return ModelRow(**typed, rest=rest)


def _count(cell: str) -> int | None:
    return int(cell) if cell else None


def _flag(cell: str) -> bool | None:
    return cell == "true" if cell else None


RENAMED = ("aliases", "vocab_size", "padded_vocab_size")
READ: dict[Any, Callable[[str], Any]] = {"str": str, "int | None": _count, "bool | None": _flag, "bool": _flag}
