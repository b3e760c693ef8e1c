"""What a row asks, the rules for what it leaves open, and the names that rows use."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from costmodel.architectures.kinds import ARCHITECTURES, Architecture
from costmodel.catalog import CatalogError, formats, hardware, models
from costmodel.fields import Format
from costmodel.job import Job
from costmodel.model import model, usable
from costmodel.outcome import Outcome
from costmodel.parallel.communication import devices_spanned
from costmodel.program import forward_flops
from costmodel.shapes import VisionShape
from costmodel.units import Number
from costmodel.validation.table import Row
from costmodel.workloads.train_program import whole as model_program


@dataclass(frozen=True, slots=True)
class Rule:
    """What is assumed where a row is silent. 10 % of true values are taken to lie beyond `time` (`memory`) times the
    estimate, and 10 % below the estimate over it.
    """

    text: str
    time: float
    memory: float


RULES = {
    "accelerator": Rule("the name fits several products: the most common one", 1.15, 1.1),
    "shape": Rule("shape unknown: width about 128 · layers, heads of 128, from the parameter count", 1.25, 1.3),
    "shape details": Rule("vocabulary, heads or kind of MLP unknown: those usual for the rest", 1.05, 1.05),
    "precision": Rule("number format unknown: 16 bits", 1.4, 1.4),
    "format": Rule("the format cannot be stated: the nearest in bits per value", 1.1, 1.1),
    "parallelism": Rule("layout unknown: the first that fits", 1.25, 1.3),
    "zero": Rule("sharding unknown: the least that fits", 1.1, 1.4),
    "micro-batch": Rule("micro-batch unknown: the largest power of two that fits", 1.1, 1.3),
    "recompute": Rule("recomputation unknown: the least that fits", 1.15, 1.5),
    "recompute policy": Rule("a policy of its own: selective", 1.15, 1.4),
    "interleave": Rule("interleaving unknown: none", 1.1, 1.1),
    "attention": Rule("kernels of attention unknown: fused if from June 2022 on, when such kernels came", 1.1, 1.1),
    "adapters": Rule("rank of the adapters, and which products have them, unknown: 16, all", 1.1, 1.05),
    "optimizer": Rule("an optimizer that is not modelled: what such models are usually trained with", 1.05, 1.2),
    "global batch": Rule("global batch unknown: one accumulation step", 1.15, 1.1),
    "lengths": Rule("lengths unknown: the default ones", 1.3, 1.3),
    "load": Rule("sequences in flight unknown: as many as the engine allows and memory holds", 1.3, 1.3),
    "cores": Rule("degrees count cores, devices chips: the cores of a chip as one device", 1.2, 1.2),
}


class Skip(ValueError):
    """A row that cannot be answered; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Question:
    """One row's question: a scenario, which figure of its outcome was measured, and the rules that filled it in."""

    scenario: Mapping[str, Any]
    figure: str
    inferred: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """How tables of one kind are read.

    `measured` gives a row's measurements in SI by metric; `ask` its question about one metric, or raises Skip;
    `naive` the baseline for it.
    """

    columns: tuple[str, ...]
    measured_columns: tuple[str, ...]
    main_metric: str
    measured: Callable[[Row], dict[str, float | None]]
    ask: Callable[[Row, str], Question]
    naive: Callable[[Row, Question, Outcome], Number]


def word(row: Row, column: str, known: Collection[str]) -> str:
    """A cell that says one of `known`, in capitals or not, "" when blank. Raises Skip with what may be written."""
    said = row.text(column).lower()
    if said and said not in known:
        raise refused(row, column, f"write one of {', '.join(known)}, or leave the cell blank")
    return said


def refused(row: Row, column: str, instead: str) -> Skip:
    """Why a row is left out of which a cell cannot be understood: FILE:LINE, the column, and what to write."""
    return Skip(f"{row.place}: {column}: {row.text(column)[:40]!r} is not accepted; {instead}")


def device(row: Row, inferred: list[str]) -> str:
    """The catalog id of the row's accelerator."""
    name = row.text("accelerator")
    if not name:
        raise Skip("accelerator not stated")
    if (found := _known_device(name)) is None:
        raise Skip(f"accelerator {name[:60]} is not in the catalog")
    if hardware.candidates(name):
        inferred.append("accelerator")
    return found


@cache
def _known_device(name: str) -> str | None:
    try:
        return hardware.device(name, representative=True).id
    except CatalogError:
        return None


VARIANT = re.compile(r"[-_](hf|gptq|awq|gemm|gemv|it|instruct|chat|base|cased)(?=[-_]|$)", re.IGNORECASE)
REMARK = re.compile(r" +(\(|encoder\b|pre-?training\b|fine-?tuning\b).*", re.IGNORECASE)  # what was done with a model


def catalog_model(row: Row) -> str | None:
    """The catalog id of the row's model, by Hugging Face id or name; of its base, for a variant of the same shape.

    A model of quite another size than the row states is not the one that ran.
    """
    said = row.number("n_params")
    for name in (row.text("hf_id"), row.text("model")):
        if (known := _known_model(name)) is not None:
            published = models.model(known).params_published
            if said is None or published is None or 2 / 3 < published / said < 3 / 2:
                return known
    return None


@cache
def _known_model(name: str) -> str | None:
    bare = REMARK.sub("", name)
    for spelling in (name, bare, VARIANT.sub("", bare), VARIANT.sub("", bare.rpartition("/")[2])):
        try:
            if spelling:
                return models.model(spelling).id
        except CatalogError:
            continue
    return None


def shape_of_size(parameters: float, inferred: list[str]) -> dict[str, Any]:
    """A decoder of a given size: an embedding and 12 · layers · width² parameters, the width about 128 · layers."""
    inferred.append("shape")
    blocks = max(1, round((parameters / 12 * 128) ** (1 / 3) / 1024))  # of 1024 features: eight heads, which tp splits
    hidden, vocab = 1024 * blocks, 51200
    return {
        "layers": max(1, round((parameters - vocab * hidden) / (12 * hidden**2))),
        "hidden": hidden,
        "heads": 8 * blocks,
        "ffn": 4 * hidden,
        "vocab": vocab,
        "gated": False,
        "tied": True,
        "norm": "layernorm",
        "attention_bias": True,
        "mlp_bias": True,
    }


def usual_heads(hidden: int, shards: int) -> int:
    """Heads of a model that does not state them: of about 128 features, as many as tensor parallelism can split."""
    fitting = [n for n in range(1, hidden // 16 + 1) if hidden % n == 0 and n % shards == 0]
    return min(fitting, key=lambda n: abs(n - hidden / 128), default=max(1, hidden // 128))


STATABLE: tuple[str, ...] = typing.get_args(Format)


def number_format(name: str, inferred: list[str]) -> str:
    """The format as a scenario can state it: itself, or the nearest in bits per value."""
    try:
        found = formats.number_format(name)
    except CatalogError:
        raise Skip(f"number format {name[:60]} is not in the catalog") from None
    if found.id in STATABLE:
        return found.id
    inferred.append("format")
    return min(STATABLE, key=lambda other: abs(formats.number_format(other).bytes - found.bytes))


def architecture(row: Row) -> Architecture:
    """The architecture of the row's model: a dense decoder, or what the catalog says of it. Raises Skip for others.

    Of speech, rows do not say how long it is, of recommenders not how large tables are.
    """
    known = catalog_model(row)
    kind = models.model(known).kind if known else models.DENSE
    family = row.text("family")
    if family in ("", "dense"):
        if kind == models.DENSE:
            return ARCHITECTURES[kind]
        family = kind
    made = ARCHITECTURES.get(kind) if known and usable(known) else None
    if made is None or made.generates or made.split == "tables":
        which = "this model of " if family in ARCHITECTURES else ""
        raise Skip(f"{which}family {family[:40]} is not modelled")
    return made


def other_model(row: Row) -> str | dict[str, Any]:
    """A model that is no decoder: of the catalog, which a row may give images of another size. Raises Skip."""
    name, size = catalog_model(row), row.number("image_size")
    assert name is not None  # `architecture` has found it
    found = model(name, "")
    usual = found.fields.get("image_size")
    if size is None or size == usual or usual is None:
        return name
    if found.architecture is not ARCHITECTURES["vit"]:
        raise Skip(f"images of {size:g} pixels: {name} takes {usual:g}")
    fields = {field: found.fields[field] for field in VisionShape.model_fields if field in found.fields}
    return fields | {"name": name, "image_size": whole(size)}


def whole(value: float | None) -> int | None:
    """A count as a scenario takes it; Skip when it is not whole."""
    if value is None:
        return None
    if value != int(value):
        raise Skip(f"{value:g} is no whole number")
    return int(value)


def stated(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping without what is None."""
    return {key: value for key, value in tree.items() if value is not None}


def parameters(row: Row, result: Outcome) -> Number:
    """Parameters at work for each token: as published, else as counted."""
    published = row.number("n_active_params") or row.number("n_params")
    return result.performance["parameters"] if published is None else published


def work_of_sample(job: Job) -> Number:
    """Operations that one sample, or one text, takes on its way forward, as counted [FLOP]."""
    length = job.workload.input_tokens if job.workload.sequence is None else job.workload.sequence
    return forward_flops(model_program(job, 1.0 if length is None else length))


def shards(job: Job) -> Number:
    """Devices that share one copy of the model."""
    return devices_spanned(job.parallelism.tp, job.parallelism.pp)
