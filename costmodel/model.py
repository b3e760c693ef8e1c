"""One model as an estimate needs it, wherever it is described: in the catalog, by its shape, by a family and a size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from costmodel.architectures.dense_decoder import Shape
from costmodel.architectures.kinds import ARCHITECTURES, Architecture
from costmodel.catalog import CatalogError, models, rows
from costmodel.job import QK_NORM
from costmodel.scenario import Scenario
from costmodel.shapes import ModelFamily, ModelShape, RecommenderShape, SpeechShape, TextEncoderShape, VisionShape

Whole: TypeAlias = VisionShape | TextEncoderShape | SpeechShape | RecommenderShape  # says all that its program needs
Said: TypeAlias = str | ModelShape | ModelFamily | Whole
# The kind of the catalog that a shape is of.
KINDS = {VisionShape: "vit", TextEncoderShape: "encoder", SpeechShape: "speech-encdec", RecommenderShape: "recommender"}
# What the shape in a scenario cannot say.
UNSHAPED = {"head_bias": False, "embedding_norm": False}


@dataclass(frozen=True, slots=True)
class Model:
    """A model's name, its architecture, the fields of its shape, and where they come from."""

    name: str
    architecture: Architecture
    fields: dict[str, Any]
    status: str
    source: str
    note: str = ""


def model(said: Said, user: str) -> Model:
    """The model that a scenario names or describes; `user` is the source of what it describes itself.

    Raises CatalogError for a name that is unknown or ambiguous, and for a family that is not modelled.
    """
    note = ""
    if isinstance(said, Whole):
        made = ARCHITECTURES[KINDS[type(said)]]
        return Model(said.name or f"custom {made.name}", made, said.model_dump(), "given", user)
    if isinstance(said, ModelFamily):
        from costmodel.architectures.family import FAMILIES, member

        rule, count = member(said.family, said.parameters)
        status, source, name = "inferred", FAMILIES[said.family].source, f"{said.family} of {count / 1e9:.4g} B"
        note = f"rule of family {said.family} for {said.parameters:,.0f} parameters"
        said = ModelShape.model_validate(rule)
        shape = said.model_dump() | UNSHAPED
    elif isinstance(said, ModelShape):
        status, source, name = "given", user, said.name or "custom model"
        shape = said.model_dump() | UNSHAPED
    else:
        row = models.model(said)
        if row.kind != models.DENSE:
            return _other(row)
        status, source, name = "catalog", row.source, row.id
        shape = {field: getattr(row, field) for field in row.__slots__} | {"max_sequence": row.max_position}
    positions = shape.get("position_rows") or shape["max_sequence"]
    shape["learned_positions"] = positions if shape["position"] == "learned" else 0
    shape["qk_norm"] = QK_NORM.index(shape["qk_norm"])
    shape["qkv_bias"] = shape["attention_bias"]
    shape["norm_vectors"] = {"rms": 1, "layernorm": 2}.get(shape["norm"], 0)
    for field in Shape.__slots__:
        if shape[field] is None:
            raise CatalogError(
                f"model {name}: the catalog does not say {field}; give the model as a mapping of its shape"
            )
    return Model(name, ARCHITECTURES[models.DENSE], shape, status, source, note)


def _other(row: models.ModelRow) -> Model:
    """A model of the catalog that is no dense decoder."""
    made = ARCHITECTURES.get(row.kind)
    if made is None:
        known = ", ".join(sorted(ARCHITECTURES))
        raise CatalogError(f"model {row.id} is of family {row.kind}, which is not modelled yet; modelled are {known}")
    shape = models.shape(row)
    missing = [field for field in made.fields if shape.get(field) is None]
    if missing:
        raise CatalogError(f"model {row.id} of family {row.family} is not modelled yet: it is no plain {made.name}")
    return Model(row.id, made, shape, "catalog", row.source)


def usable(name: str) -> bool:
    """Whether an estimate can be made of a model of the catalog."""
    try:
        model(name, "")
    except CatalogError:
        return False
    return True


def models_known() -> list[str]:
    """The models of the catalog that an estimate can be made of, by id."""
    return sorted(row["id"] for row in rows("models") if usable(row["id"]))


def misfits(scenario: Scenario, model: Model) -> Iterator[tuple[str, str]]:
    """What a scenario says that a model of this architecture has no use for: (path, message)."""
    made, work = model.architecture, scenario.workload
    if made.samples is not None:
        what = f"{model.name} takes {made.samples.name}"
        for name, instead in (("tokens", "write samples: 1.28e6"), ("input_tokens", "leave it out")):
            if name in work.model_fields_set:
                yield f"workload.{name}", f"{what}, not tokens; {instead}"
        if "sequence" in work.model_fields_set and not made.generates:
            yield "workload.sequence", f"{what}, not sequences of tokens; leave it out"
    else:
        for name in ("samples", "epochs"):
            if name in work.model_fields_set:
                yield f"workload.{name}", f"{model.name} takes tokens, not samples; write tokens: 1e12, repeats counted"
    if not made.generates and "output_tokens" in work.model_fields_set:
        yield "workload.output_tokens", f"{model.name}, a {made.name}, generates no tokens; leave it out"
    if made.name == ARCHITECTURES[models.DENSE].name:
        return
    if scenario.compression:
        yield (
            "compression",
            f"steps are modelled for dense decoders alone, not for a {made.name}; write precision: int8",
        )
    if getattr(work, "adapters", None) is not None:
        yield "workload.adapters", f"adapters are modelled for dense decoders alone, not for a {made.name}"
    if scenario.precision.kv_cache and not made.generates:
        yield "precision.kv_cache", f"{model.name}, a {made.name}, has no KV cache; leave it out"
