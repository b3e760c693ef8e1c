"""What a user can say: the scenario's schema and the rules that need no catalog.

A field's description is the only text for help, editors and pages.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self, TypeAlias, get_args

from pydantic import Discriminator, Field, PrivateAttr, StrictBool, Tag

from costmodel.compression.schema import WORDS, Chain, clashes
from costmodel.fields import (
    Bandwidth,
    Base,
    Batch,
    Degree,
    Devices,
    Figure,
    Format,
    GridFigure,
    Length,
    Power,
    Requests,
    Samples,
    Stated,
    Text,
    Tokens,
    Trained,
    either,
    section,
)
from costmodel.shapes import Model, ModelShape
from costmodel.source import Document
from costmodel.units import DAY

# Sections that may be one word, and the key that the word stands for.
SHORTHAND = {"workload": "kind", "precision": "compute"}


class DeviceSpec(Base):
    """One accelerator, as its data sheet gives it (dense peaks, without sparsity)."""

    name: Text | None = Field(default=None, description="What to call the device in the answer.")
    memory: Annotated[float, Figure("80 GB", "1 MB", "1 PB", "B")] = Field(description="Memory of one device.")
    memory_bandwidth: Annotated[float, Figure("3.35 TB/s", "1 MB/s", "100 PB/s", "B/s")] = Field(
        description="Bandwidth of that memory."
    )
    peak: dict[Format, Annotated[float, Figure("989 TFLOP/s", "1 MFLOP/s", "1000 EFLOP/s", "FLOP/s")]] = Field(
        min_length=1,
        description="Dense peak per number format.",
        examples=[{"bf16": "989 TFLOP/s"}],
    )
    tdp: Power = Field(description="Thermal design power of one device.")
    idle: Annotated[float, Figure("80 W", "0 W", "10 MW", "W")] | None = Field(
        default=None, description="Power when idle."
    )
    link_bandwidth: Bandwidth | None = Field(
        default=None, description="Bandwidth to the other devices of the node, per device and direction."
    )
    scale_up_domain: Annotated[int, Figure("8", "1", "1e6", whole=True)] = Field(
        default=8, description="Devices that the fast links join."
    )
    network_bandwidth: Annotated[float, Figure("50 GB/s", "1 kB/s", "100 PB/s", "B/s")] | None = Field(
        default=None, description="Bandwidth to other nodes, per device and direction."
    )

    def _clashes(self) -> Iterator[tuple[str, str]]:
        if self.idle is not None and self.idle > self.tdp:
            yield "idle", f"idle = {self.idle:g} W is above tdp = {self.tdp:g} W; write less than tdp"


class Adapters(Base):
    """Low-rank adapters (LoRA) beside every product of the layers; all other weights stay as they are."""

    rank: Annotated[int, Figure("16", "1", "10000", whole=True)] = Field(description="Rank of each adapter.")


class Training(Base):
    """Training from scratch, or fine-tuning of all weights."""

    kind: Trained = Field(description="train or finetune.")
    tokens: Tokens | None = Field(
        default=None, description="Tokens to train on, repeats counted; 20 per parameter if unsaid."
    )
    samples: Samples | None = Field(
        default=None, description="In place of tokens: images, windows of speech or other samples of the data set."
    )
    epochs: Annotated[float, Figure("90", "1e-6", "1e6")] | None = Field(
        default=None, description="How often the samples are gone through; once if samples are stated and this is not."
    )
    sequence: Length | None = Field(
        default=None, description="Tokens per sequence; the smaller of the model's maximum and 8,192 if unsaid."
    )
    global_batch: Batch | None = Field(
        default=None,
        description="Sequences or samples per optimizer step; if unsaid about 4 M tokens, more on many devices.",
    )
    optimizer: Literal["adamw", "adam", "sgd", "sgd-momentum"] | None = Field(
        default=None, description="Optimizer; if unsaid what such models are usually trained with: AdamW for text."
    )
    adapters: Adapters | None = Field(default=None, description="What is trained alone; all weights if unsaid.")

    def _clashes(self) -> Iterator[tuple[str, str]]:
        if self.tokens is not None and (self.samples or self.epochs) is not None:
            other = "samples" if self.samples is not None else "epochs"
            yield other, f"tokens and {other} exclude each other; write tokens for text, samples for all else"
        if self.adapters is not None and self.kind == "train":
            yield "adapters", "adapters need a model that is trained already; write kind: finetune, or leave them out"


class Serving(Base):
    """A service that answers requests as they come, over a period."""

    kind: Literal["serve"] = Field(description="serve.")
    input_tokens: Length = Field(default=1024, description="Mean prompt length of a request, in tokens.")
    output_tokens: Length = Field(default=256, description="Mean answer length of a request, in tokens.")
    period: Annotated[float, Figure("30 days", "1 s", "100 years", "s")] = Field(
        default=30 * DAY, description="Time that the answer covers."
    )


class Inference(Base):
    """A finite batch of requests, as one job."""

    kind: Literal["infer"] = Field(description="infer.")
    requests: Requests = Field(default=1000, description="Requests to answer.")
    input_tokens: Length = Field(default=1024, description="Mean prompt length of a request, in tokens.")
    output_tokens: Length = Field(default=256, description="Mean answer length of a request, in tokens.")


class Precision(Base):
    """Number formats by use; what is unsaid follows from the workload and the hardware."""

    compute: Format | None = Field(default=None, description="Format of matrix products.")
    weights: Format | None = Field(default=None, description="Format in which weights are stored for compute.")
    activations: Format | None = Field(default=None, description="Format of activations.")
    kv_cache: Format | None = Field(default=None, description="Format of the KV cache.")
    gradients: Format | None = Field(default=None, description="Format in which gradients are kept and reduced.")


class Parallelism(Base):
    """How the work is spread; what is unsaid is the first layout that fits, by a stated rule."""

    tp: Degree | None = Field(default=None, description="Tensor parallel: devices that share each layer.")
    pp: Degree | None = Field(default=None, description="Pipeline parallel: stages.")
    dp: Degree | None = Field(default=None, description="Data parallel: replicas; devices / (tp · pp) if unsaid.")
    cp: Degree | None = Field(default=None, description="Context parallel; only 1 is modelled.")
    vp: Annotated[int, Figure("2", "1", "10000", whole=True)] | None = Field(
        default=None, description="Virtual pipeline: interleaved chunks per stage."
    )
    zero: Annotated[int, Figure("1", "0", "3", whole=True)] | None = Field(
        default=None, description="ZeRO stage: 1 shards optimizer state, 2 gradients too, 3 weights too."
    )
    micro_batch: Batch | None = Field(default=None, description="Sequences that go through a replica at once.")
    recompute: Literal["none", "selective", "full"] | None = Field(
        default=None, description="Activations computed again in the backward pass instead of kept."
    )
    sequence_parallel: StrictBool | None = Field(
        default=None, description="Norms are split along the sequence within tp."
    )

    def _clashes(self) -> Iterator[tuple[str, str]]:
        if self.cp not in (None, 1):
            yield "cp", "context parallelism is not modelled yet; write cp: 1 or leave it out"
        if (self.vp or 1) > 1 and self.pp == 1:
            yield "vp", f"vp = {self.vp} needs more than one stage, but pp = 1; write vp: 1 or a larger pp"


class Engine(Base):
    """The software."""

    attention: Literal["fused", "unfused"] = Field(
        default="fused", description="Whether attention keeps its scores on chip, as in FlashAttention."
    )
    max_sequences: Annotated[int, Figure("256", "1", "1e7", whole=True)] | None = Field(
        default=None, description="Requests that a replica runs at once, at most, as memory allows; 256 if unsaid."
    )
    host_time: Annotated[float, Figure("3 ms", "0 s", "60 s", "s")] | None = Field(
        default=None, description="Time on the host per engine step; the profile's if unsaid."
    )


class Traffic(Base):
    """How busy the service is: at most one of the three."""

    request_rate: Annotated[float, Figure("5 requests/s", "1e-9 requests/s", "1e9 requests/s", "1/s")] | None = Field(
        default=None, description="Requests per second over all replicas."
    )
    utilisation: Annotated[float, Figure("0.5", "1e-6", "1")] | None = Field(
        default=None,
        description="Requests in flight, as a share of the most that run at once; at 0.5 more than half of the most "
        "requests per second are answered.",
    )
    concurrency: Annotated[int, Figure("32", "1", "1e7", whole=True)] | None = Field(
        default=None, description="Requests in flight at any time, per replica."
    )

    def _clashes(self) -> Iterator[tuple[str, str]]:
        said = [name for name in ("request_rate", "utilisation", "concurrency") if getattr(self, name) is not None]
        if len(said) > 1:
            yield said[-1], f"{' and '.join(said)} exclude each other; write one of them"


class Staff(Base):
    """People who work on the job."""

    people: Annotated[float, Figure("3", "0", "1e5")] = Field(description="Full-time people while the job runs.")
    rate: Annotated[float, Figure("150000 USD/year", "0 USD/year", "1e8 USD/year", "USD/s")] = Field(
        description="Cost of one person, all overheads included."
    )


class Costs(Base):
    """Prices and factors; what is unsaid comes from the catalog."""

    price: Annotated[float, Figure("2.5 USD/h", "0 USD/h", "1e6 USD/h", "USD/s")] | None = Field(
        default=None, description="Rent of one device."
    )
    pricing: Literal["on-demand", "spot", "reserved-1y", "reserved-3y", "own"] | None = Field(
        default=None, description="Kind of catalog price, or own for bought hardware."
    )
    grid: Annotated[str | float, GridFigure("400 g/kWh", "0 g/kWh", "5 kg/kWh", "kg/J")] | None = Field(
        default=None,
        description="Carbon intensity of the electricity, or a grid of the catalog (country or region code).",
    )
    pue: Annotated[float, Figure("1.2", "1", "10")] | None = Field(
        default=None, description="Power usage effectiveness: energy of the data centre per energy of its machines."
    )
    electricity: Annotated[float, Figure("0.1 USD/kWh", "0 USD/kWh", "100 USD/kWh", "USD/J")] | None = Field(
        default=None, description="Price of electricity, paid for bought hardware."
    )
    staff: (
        Annotated[
            Annotated[Literal["academic", "industry", "frontier", "none"], Tag("text")] | Annotated[Staff, Tag("team")],
            either("team", "needs academic, industry, frontier, none, or a mapping {people: 3, rate: 150000 USD/year}"),
        ]
        | None
    ) = Field(
        default=None,
        description="Who works on it: a preset, or people and their rate.",
        examples=["{people: 3, rate: 150000 USD/year}"],
    )
    storage: Annotated[float, Figure("0.023 USD/GB-month", "0 USD/GB-month", "1000 USD/GB-month", "USD/B/s")] | None = (
        Field(default=None, description="Price of storage.")
    )
    checkpoints_kept: Annotated[int, Figure("5", "0", "1e6", whole=True)] | None = Field(
        default=None, description="Checkpoints that stay stored."
    )
    hardware_price: Annotated[float, Figure("30000 USD", "0 USD", "1e9 USD", "USD")] | None = Field(
        default=None, description="Purchase price of one device."
    )
    hosting: Annotated[float, Figure("0.1 USD/h", "0 USD/h", "1e6 USD/h", "USD/s")] | None = Field(
        default=None, description="Space and operations of one device of bought hardware."
    )
    hardware_life: Annotated[float, Figure("5 years", "1 day", "100 years", "s")] | None = Field(
        default=None, description="Time over which bought hardware is written off."
    )
    utilisation: Annotated[float, Figure("0.6", "0.001", "1")] | None = Field(
        default=None, description="Share of its time that bought hardware works; 1 if unsaid. The rest is paid for too."
    )

    def _clashes(self) -> Iterator[tuple[str, str]]:
        if self.price is not None and self.pricing == "own":
            yield "price", "price is a rent, but pricing = own; leave one of them out (hardware_price is what one pays)"


Workload: TypeAlias = Training | Serving | Inference


class Scenario(Base):
    """A question: which model, on which hardware, on how many devices, doing what."""

    model: Model = Field(
        description="Catalog id, path of a Hugging Face config.json, a mapping of the shape, or a family and a size.",
        examples=["llama-3.1-8b"],
    )
    hardware: Annotated[
        Annotated[Text, Tag("text")] | Annotated[DeviceSpec, Tag("device")],
        either("device", "needs a catalog id such as h100-sxm, or a mapping of the device"),
    ] = Field(description="Catalog id, local (after calibrate), or a mapping of the device.", examples=["h100-sxm"])
    devices: Devices = Field(description="Number of devices.")
    workload: Annotated[Workload, Discriminator("kind"), section(SHORTHAND["workload"])] = Field(
        description="train, finetune, serve or infer, or a mapping with that kind.",
        examples=["train", {"kind": "train", "tokens": 1e12}],
    )
    precision: Annotated[Precision, section(SHORTHAND["precision"])] = Field(
        default_factory=Precision, description="Number formats; one format alone is that of compute.", examples=["bf16"]
    )
    compression: Chain = Field(
        default=(),
        description="Steps that make the model smaller before it is used, in order; or one word such as int4.",
        examples=[[{"method": "quantise", "weights": "int4"}]],
    )
    parallelism: Annotated[Parallelism, section("")] = Field(
        default_factory=Parallelism, description="How the work is spread."
    )
    engine: Annotated[Engine, section("")] = Field(default_factory=Engine, description="How the inference engine runs.")
    traffic: Annotated[Traffic, section("")] = Field(default_factory=Traffic, description="How busy the service is.")
    costs: Annotated[Costs, section("")] = Field(default_factory=Costs, description="Prices and factors.")
    assumptions: Stated = Field(
        default={},
        description="Any other number that an answer stands on, by the path under which its assumptions list it.",
        examples=[{"costs.rate": "150000 USD/person-year"}],
    )
    profile: Text | None = Field(default=None, description="Device profile; the best match of the catalog if unsaid.")
    ranges: StrictBool = Field(default=True, description="Give ranges beside the values.")
    _written: Document = PrivateAttr(default_factory=Document)

    @property
    def written(self) -> Document:
        """Where each part of it stands."""
        return self._written

    def written_in(self, document: Document) -> Self:
        """The scenario, which from now on knows where its parts stand."""
        self._written = document
        return self

    def _clashes(self) -> Iterator[tuple[str, str]]:
        yield from self._spread()
        yield from self._batches()
        yield from clashes(self.compression, self.workload, self.precision)
        if isinstance(self.workload, Training):
            for name, said in self.precision:
                if said in ("int8", "int4") and not (name == "weights" and self.workload.adapters):
                    yield (
                        f"precision.{name}",
                        f"training needs a floating-point format, not {said}; write for example bf16",
                    )
            if self.traffic != Traffic():
                yield "traffic", f"traffic does not apply to workload {self.workload.kind}; leave it out"
            for name, said in self.engine:
                if name != "attention" and said is not None:
                    yield f"engine.{name}", f"{name} does not apply to workload {self.workload.kind}; leave it out"
        compute, device = self.precision.compute, self.hardware
        if compute and isinstance(device, DeviceSpec) and compute not in device.peak:
            known = ", ".join(device.peak)
            yield (
                "precision.compute",
                f"precision.compute = {compute} has no entry in hardware.peak; add it, or write {known}",
            )

    def _spread(self) -> Iterator[tuple[str, str]]:
        layout, model = self.parallelism, self.model
        said = {name: n for name in ("tp", "pp", "dp") if (n := getattr(layout, name)) is not None}
        used = math.prod(said.values())
        if self.devices % used or (len(said) == 3 and self.devices != used):
            names, figures = " · ".join(said), " · ".join(map(str, said.values()))
            rule = "must equal" if len(said) == 3 else "must divide"
            wrong = f"{names} = {figures}" + (f" = {used}" if len(said) > 1 else "")
            yield (
                f"parallelism.{next(iter(said))}",
                f"{wrong} {rule} devices = {self.devices}; change {names} or devices",
            )
        if isinstance(model, ModelShape):
            tp, stages = layout.tp or 1, (layout.pp or 1) * (layout.vp or 1)
            if model.heads % tp:
                yield (
                    "parallelism.tp",
                    f"tp = {tp} does not divide model.heads = {model.heads}; write a divisor of heads",
                )
            if stages > model.layers + 2:  # embedding and head may each be a stage of their own
                yield "parallelism.pp", f"pp · vp = {stages} is above model.layers = {model.layers} + 2; write less"

    def _batches(self) -> Iterator[tuple[str, str]]:
        batch = self.workload.global_batch if isinstance(self.workload, Training) else None
        step = (self.parallelism.micro_batch or 1) * (self.parallelism.dp or 1)
        if batch is not None and batch % step:
            yield (
                "workload.global_batch",
                f"global_batch = {batch} is not a multiple of micro_batch · dp = {step}; write a multiple",
            )


def as_tree(scenario: Scenario) -> dict[str, Any]:
    """The scenario with its defaults as plain data in the user's notation: loading it gives an equal scenario."""
    return {k: v for k, v in scenario.model_dump(exclude_none=True).items() if v not in ({}, ())}


def schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file, for editors, with the words for whole sections and the catalog's ids."""
    from costmodel.catalog import rows
    from costmodel.catalog.models import dense_decoders

    made = Scenario.model_json_schema()
    fields = made["properties"]
    fields["model"]["examples"] = sorted(model.id for model in dense_decoders())
    fields["hardware"]["examples"] = sorted(row["id"] for row in rows("hardware"))
    words = {"workload": list(fields["workload"]["discriminator"]["mapping"]), "precision": list(get_args(Format))}
    for name, said in (words | {"compression": list(WORDS)}).items():
        whole = fields[name]
        fields[name] = {"description": whole.pop("description"), "anyOf": [{"enum": said}, whole]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
