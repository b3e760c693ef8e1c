"""One model as an estimate needs it, wherever it is described: in the catalog, by its shape, by a family and a size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from costmodel.architectures.dense_decoder import Shape
from costmodel.catalog import CatalogError, models
from costmodel.job import QK_NORM
from costmodel.shapes import ModelFamily, ModelShape

# What the shape in a scenario cannot say.
UNSHAPED = {"head_bias": False, "embedding_norm": False}


@dataclass(frozen=True, slots=True)
class Model:
    """A model's name, the fields of its shape, and where they come from."""

    name: str
    fields: dict[str, Any]
    status: str
    source: str
    note: str = ""


def model(said: str | ModelShape | ModelFamily, user: str) -> Model:
    """The model that a scenario names or describes; `user` is the source of what it describes itself.

    Raises CatalogError for a name that is unknown or ambiguous, and for a family that is not modelled.
    """
    note = ""
    if isinstance(said, ModelFamily):
        from costmodel.architectures.family import FAMILIES, member

        made, count = member(said.family, said.parameters)
        status, source, name = "inferred", FAMILIES[said.family].source, f"{said.family} of {count / 1e9:.4g} B"
        note = f"rule of family {said.family} for {said.parameters:,.0f} parameters"
        said = ModelShape.model_validate(made)
        shape = said.model_dump() | UNSHAPED
    elif isinstance(said, ModelShape):
        status, source, name = "given", user, said.name or "custom model"
        shape = said.model_dump() | UNSHAPED
    else:
        row = models.model(said)
        if row.kind != models.DENSE:
            raise CatalogError(f"model {row.id} is of family {row.kind}, which is not modelled yet; dense decoders are")
        status, source, name = "catalog", row.source, row.id
        shape = {field: getattr(row, field) for field in row.__slots__} | {"max_sequence": row.max_position}
    rows = shape.get("position_rows") or shape["max_sequence"]
    shape["learned_positions"] = rows if shape["position"] == "learned" else 0
    shape["qk_norm"] = QK_NORM.index(shape["qk_norm"])
    shape["qkv_bias"] = shape["attention_bias"]
    shape["norm_vectors"] = {"rms": 1, "layernorm": 2}.get(shape["norm"], 0)
    for field in Shape.__slots__:
        if shape[field] is None:
            raise CatalogError(
                f"model {name}: the catalog does not say {field}; give the model as a mapping of its shape"
            )
    return Model(name, shape, status, source, note)
