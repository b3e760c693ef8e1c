"""What a user can say: the scenario's schema, its bounds, and the rules that need no catalog.

Counts and ratios are bare numbers (64, 1e12, "2 T"); whatever has a dimension is text with a unit ("80 GB").
Values are held in SI and written back as text. A field's description is the only text for help, editors and pages.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    StrictBool,
    StrictStr,
    Tag,
    model_validator,
)
from pydantic_core import core_schema

from costmodel.units import DAY, UnitError, count, parse

LONGEST_NUMBER, LONGEST_TEXT = 60, 200


@dataclass(frozen=True, slots=True)
class Figure:
    """How a number is written and between which bounds: bare, or with `unit` as text that has a unit.

    `example`, `low` and `high` are in the user's notation; the bounds are included. Attach it with Annotated.
    """

    example: str
    low: str
    high: str
    unit: str = ""
    whole: bool = False

    def read(self, value: Any) -> Any:
        """The SI value of what a user wrote. Raises UnitError that says what to write instead."""
        if isinstance(value, numbers.Integral) and not isinstance(value, bool):
            value = int(value)  # NumPy integers too
        if isinstance(value, str) and len(value) > LONGEST_NUMBER:
            raise UnitError(f"is too long for a number; write for example {self.example}")
        try:
            number = self._parse(value)
        except UnitError as error:
            advice = "" if ";" in str(error) or not isinstance(value, str) else f"; write for example {self.example}"
            raise UnitError(f"{error}{advice}") from None
        for bound, wrong, side in (
            (self.low, number < self._parse(self.low), "at least"),
            (self.high, number > self._parse(self.high), "at most"),
        ):
            if wrong:
                raise UnitError(f"must be {side} {bound}, not {_number(value, number)}; write for example {self.example}")
        if self.whole and number != math.floor(number):
            raise UnitError(f"must be a whole number, not {_number(value, number)}; write for example {self.example}")
        return int(number) if self.whole else number

    def _parse(self, value: Any) -> float:
        if not self.unit:
            return count(value)
        if isinstance(value, str):
            value = value.replace("requests/", "1/")  # "5 requests/s"
        return parse(value, self.unit, self.example)

    def write(self, value: Any) -> Any:
        """The value in the user's notation: `read` gives back exactly `value`."""
        if not self.unit or isinstance(value, str):
            return value
        for unit in (self.example.partition(" ")[2], self.unit):
            for digits in (6, 12, 15, 16, 17):
                text = f"{value / self._parse(f'1 {unit}'):.{digits}g} {unit}"
                if self._parse(text) == value:
                    return text
        return f"{value!r} {self.unit}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(self.write)
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        if self.unit:
            return {"type": "string", "examples": [self.example], "$comment": f"{self.low} to {self.high}"}
        number = {"type": "integer" if self.whole else "number"}
        number |= {"minimum": count(self.low), "maximum": count(self.high)}
        return {"anyOf": [number, {"type": "string", "pattern": "^[0-9]"}], "examples": [self.read(self.example)]}


@dataclass(frozen=True, slots=True)
class GridFigure(Figure):
    """A grid's carbon intensity, or the code of a grid in the catalog."""

    def read(self, value: Any) -> Any:
        if isinstance(value, str) and value.strip()[:1].isalpha():
            return _text(value)
        return Figure.read(self, value)


def _number(value: Any, number: float) -> str:
    return repr(value.strip()) if isinstance(value, str) else f"{number:g}"


def _text(value: str) -> str:
    value = value.strip()
    if not value or len(value) > LONGEST_TEXT or not value.isprintable():
        raise ValueError(f"needs 1 to {LONGEST_TEXT} printable characters; write a name")
    return value


def _section(key: str) -> BeforeValidator:
    """A section may be left empty, and may be one word that stands for {key: word}."""
    return BeforeValidator(lambda v: {} if v is None else {key: v} if key and isinstance(v, str) else v)


def _either(tag: str, message: str) -> Discriminator:
    """Text is a name; a mapping is the thing itself."""

    def form(value: Any) -> str | None:
        return "text" if isinstance(value, str) else tag if isinstance(value, dict | BaseModel) else None

    return Discriminator(form, custom_error_type="form", custom_error_message=message)


SHORTHAND = {"workload": "kind", "precision": "compute"}

Text: TypeAlias = Annotated[StrictStr, AfterValidator(_text)]
Format: TypeAlias = Literal["fp32", "tf32", "bf16", "fp16", "fp8", "mxfp8", "nvfp4", "mxfp4", "int8", "int4"]
Tokens: TypeAlias = Annotated[int, Figure("1e12", "1", "1e18", whole=True)]
Length: TypeAlias = Annotated[int, Figure("8192", "1", "1e9", whole=True)]
Width: TypeAlias = Annotated[int, Figure("4096", "1", "1e7", whole=True)]
Heads: TypeAlias = Annotated[int, Figure("32", "1", "1e5", whole=True)]
Devices: TypeAlias = Annotated[int, Figure("64", "1", "1e7", whole=True)]
Degree: TypeAlias = Annotated[int, Figure("8", "1", "1e7", whole=True)]
Batch: TypeAlias = Annotated[int, Figure("1024", "1", "1e9", whole=True)]
Requests: TypeAlias = Annotated[int, Figure("1000", "1", "1e15", whole=True)]
Bandwidth: TypeAlias = Annotated[float, Figure("450 GB/s", "1 kB/s", "100 PB/s", "B/s")]
Power: TypeAlias = Annotated[float, Figure("700 W", "1 mW", "10 MW", "W")]


class Clash(ValueError):
    """Fields that each are fine and do not fit together: `found` holds (path below the section, message) pairs."""

    def __init__(self, found: list[tuple[str, str]]) -> None:
        self.found = found
        super().__init__("; ".join(message for _, message in found))


class Base(BaseModel):
    """What all sections share: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def clashes(self) -> Iterator[tuple[str, str]]:
        """Fields that do not fit together, with both names in the message."""
        yield from ()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if found := list(self.clashes()):
            raise Clash(found)
        return self


class ModelShape(Base):
    """The shape of a dense decoder."""

    name: Text | None = Field(None, description="What to call the model in the answer.")
    layers: Annotated[int, Figure("32", "1", "10000", whole=True)] = Field(description="Transformer layers.")
    hidden: Annotated[int, Figure("4096", "1", "1e6", whole=True)] = Field(description="Width of the residual stream.")
    heads: Heads = Field(description="Query heads.")
    kv_heads: Heads = Field(
        default_factory=lambda data: data["heads"], description="Key-value heads; must divide heads. As heads if unsaid."
    )
    head_dim: Annotated[int, Figure("128", "1", "1e5", whole=True)] = Field(
        default_factory=lambda data: max(1, data["hidden"] // data["heads"]),
        description="Features per head; hidden / heads if unsaid.",
    )
    ffn: Width = Field(description="Inner width of the MLP.")
    vocab: Annotated[int, Figure("128256", "1", "1e8", whole=True)] = Field(
        description="Rows of the embedding table, padding included."
    )
    gated: StrictBool = Field(True, description="The MLP has a gate beside its up-projection (SwiGLU, GeGLU).")
    tied: StrictBool = Field(False, description="The output head shares the embedding table.")
    max_sequence: Length = Field(8192, description="Longest sequence in tokens.")
    attention_bias: StrictBool = Field(False, description="Bias on the query, key and value projections.")
    output_bias: StrictBool = Field(
        default_factory=lambda data: data["attention_bias"],
        description="Bias on the attention's output projection; as attention_bias if unsaid.",
    )
    mlp_bias: StrictBool = Field(False, description="Bias on the MLP's projections.")
    norm: Literal["rms", "layernorm"] = Field("rms", description="Kind of normalisation.")
    layer_norms: Annotated[int, Figure("2", "1", "4", whole=True)] = Field(
        2, description="Norms per layer; 1 where attention and MLP share one."
    )
    position: Literal["rope", "learned", "alibi", "none"] = Field("rope", description="How positions enter.")
    qk_norm: StrictBool = Field(False, description="Queries and keys are normalised per head.")
    parallel_block: StrictBool = Field(False, description="Attention and MLP read the same input, side by side.")

    def clashes(self) -> Iterator[tuple[str, str]]:
        if self.heads % self.kv_heads:
            yield "kv_heads", f"kv_heads = {self.kv_heads} does not divide heads = {self.heads}; write a divisor of heads"
        if "head_dim" not in self.model_fields_set and self.hidden % self.heads:
            yield "heads", f"heads = {self.heads} does not divide hidden = {self.hidden}; write a divisor, or state head_dim"


class DeviceSpec(Base):
    """One accelerator, as its data sheet gives it (dense peaks, without sparsity)."""

    name: Text | None = Field(None, description="What to call the device in the answer.")
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
    idle: Annotated[float, Figure("80 W", "0 W", "10 MW", "W")] | None = Field(None, description="Power when idle.")
    link_bandwidth: Bandwidth | None = Field(
        None, description="Bandwidth to the other devices of the node, per device and direction."
    )
    scale_up_domain: Annotated[int, Figure("8", "1", "1e6", whole=True)] = Field(
        8, description="Devices that the fast links join."
    )
    network_bandwidth: Annotated[float, Figure("50 GB/s", "1 kB/s", "100 PB/s", "B/s")] | None = Field(
        None, description="Bandwidth to other nodes, per device and direction."
    )

    def clashes(self) -> Iterator[tuple[str, str]]:
        if self.idle is not None and self.idle > self.tdp:
            yield "idle", f"idle = {self.idle:g} W is above tdp = {self.tdp:g} W; write less than tdp"


class Training(Base):
    """Training from scratch, or fine-tuning of all weights."""

    kind: Literal["train", "finetune"] = Field(description="train or finetune.")
    tokens: Tokens | None = Field(None, description="Tokens to train on, repeats counted; 20 per parameter if unsaid.")
    sequence: Length | None = Field(
        None, description="Tokens per sequence; the smaller of the model's maximum and 8,192 if unsaid."
    )
    global_batch: Batch | None = Field(
        None, description="Sequences per optimizer step over all devices; about 4 M tokens if unsaid."
    )
    optimizer: Literal["adamw", "adam", "sgd", "sgd-momentum"] = Field("adamw", description="Optimizer.")


class Serving(Base):
    """A service that answers requests as they come, over a period."""

    kind: Literal["serve"] = Field(description="serve.")
    input_tokens: Length = Field(1024, description="Mean prompt length of a request, in tokens.")
    output_tokens: Length = Field(256, description="Mean answer length of a request, in tokens.")
    period: Annotated[float, Figure("30 days", "1 s", "100 years", "s")] = Field(
        30 * DAY, description="Time that the answer covers."
    )


class Inference(Base):
    """A finite batch of requests, as one job."""

    kind: Literal["infer"] = Field(description="infer.")
    requests: Requests = Field(1000, description="Requests to answer.")
    input_tokens: Length = Field(1024, description="Mean prompt length of a request, in tokens.")
    output_tokens: Length = Field(256, description="Mean answer length of a request, in tokens.")


class Precision(Base):
    """Number formats by use; what is unsaid follows from the workload and the hardware."""

    compute: Format | None = Field(None, description="Format of matrix products.")
    weights: Format | None = Field(None, description="Format in which weights are stored for compute.")
    activations: Format | None = Field(None, description="Format of activations.")
    kv_cache: Format | None = Field(None, description="Format of the KV cache.")
    gradients: Format | None = Field(None, description="Format in which gradients are kept and reduced.")


class Parallelism(Base):
    """How the work is spread; what is unsaid is the first layout that fits, by a stated rule."""

    tp: Degree | None = Field(None, description="Tensor parallel: devices that share each layer.")
    pp: Degree | None = Field(None, description="Pipeline parallel: stages.")
    dp: Degree | None = Field(None, description="Data parallel: replicas; devices / (tp · pp) if unsaid.")
    cp: Degree | None = Field(None, description="Context parallel; only 1 is modelled.")
    vp: Annotated[int, Figure("2", "1", "10000", whole=True)] | None = Field(
        None, description="Virtual pipeline: interleaved chunks per stage."
    )
    zero: Annotated[int, Figure("1", "0", "3", whole=True)] | None = Field(
        None, description="ZeRO stage: 1 shards optimizer state, 2 gradients too, 3 weights too."
    )
    micro_batch: Batch | None = Field(None, description="Sequences that go through a replica at once.")
    recompute: Literal["none", "selective", "full"] | None = Field(
        None, description="Activations computed again in the backward pass instead of kept."
    )
    sequence_parallel: StrictBool | None = Field(None, description="Norms are split along the sequence within tp.")

    def clashes(self) -> Iterator[tuple[str, str]]:
        if self.cp not in (None, 1):
            yield "cp", "context parallelism is not modelled yet; write cp: 1 or leave it out"
        if (self.vp or 1) > 1 and self.pp == 1:
            yield "vp", f"vp = {self.vp} needs more than one stage, but pp = 1; write vp: 1 or a larger pp"


class Engine(Base):
    """The inference engine."""

    max_sequences: Annotated[int, Figure("256", "1", "1e7", whole=True)] | None = Field(
        None, description="Requests that a replica decodes at once, at most; what memory holds if unsaid."
    )
    host_time: Annotated[float, Figure("3 ms", "0 s", "60 s", "s")] | None = Field(
        None, description="Time on the host per engine step; the profile's if unsaid."
    )


class Traffic(Base):
    """How busy the service is: at most one of the three."""

    request_rate: Annotated[float, Figure("5 requests/s", "1e-9 requests/s", "1e9 requests/s", "1/s")] | None = Field(
        None, description="Requests per second over all replicas."
    )
    utilisation: Annotated[float, Figure("0.5", "1e-6", "1")] | None = Field(
        None, description="Share of the rate at saturation, up to 1."
    )
    concurrency: Annotated[int, Figure("32", "1", "1e7", whole=True)] | None = Field(
        None, description="Requests in flight at any time, per replica."
    )

    def clashes(self) -> Iterator[tuple[str, str]]:
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
        None, description="Rent of one device."
    )
    pricing: Literal["on-demand", "spot", "reserved-1y", "reserved-3y", "own"] | None = Field(
        None, description="Kind of catalog price, or own for bought hardware."
    )
    grid: Annotated[str | float, GridFigure("400 g/kWh", "0 g/kWh", "5 kg/kWh", "kg/J")] | None = Field(
        None, description="Carbon intensity of the electricity, or a grid of the catalog (country or region code)."
    )
    pue: Annotated[float, Figure("1.2", "1", "10")] | None = Field(
        None, description="Power usage effectiveness: energy of the data centre per energy of its machines."
    )
    electricity: Annotated[float, Figure("0.1 USD/kWh", "0 USD/kWh", "100 USD/kWh", "USD/J")] | None = Field(
        None, description="Price of electricity, paid for bought hardware."
    )
    staff: (
        Annotated[
            Annotated[Literal["academic", "industry", "frontier", "none"], Tag("text")] | Annotated[Staff, Tag("team")],
            _either("team", "needs academic, industry, frontier, none, or a mapping {people: 3, rate: 150000 USD/year}"),
        ]
        | None
    ) = Field(None, description="Who works on it: a preset, or people and their rate.")
    storage: Annotated[float, Figure("0.023 USD/GB-month", "0 USD/GB-month", "1000 USD/GB-month", "USD/B/s")] | None = (
        Field(None, description="Price of storage.")
    )
    checkpoints_kept: Annotated[int, Figure("5", "0", "1e6", whole=True)] | None = Field(
        None, description="Checkpoints that stay stored."
    )
    hardware_price: Annotated[float, Figure("30000 USD", "0 USD", "1e9 USD", "USD")] | None = Field(
        None, description="Purchase price of one device."
    )
    hardware_life: Annotated[float, Figure("5 years", "1 day", "100 years", "s")] | None = Field(
        None, description="Time over which bought hardware is written off."
    )

    def clashes(self) -> Iterator[tuple[str, str]]:
        if self.price is not None and self.pricing == "own":
            yield "price", "price is a rent, but pricing = own; leave one of them out (hardware_price is what one pays)"


Workload: TypeAlias = Training | Serving | Inference


class Scenario(Base):
    """A question: which model, on which hardware, on how many devices, doing what."""

    model: Annotated[
        Annotated[Text, Tag("text")] | Annotated[ModelShape, Tag("shape")],
        _either("shape", "needs a catalog id such as llama-3.1-8b, the path of a config.json, or a mapping of the shape"),
    ] = Field(
        description="Catalog id, path of a Hugging Face config.json, or a mapping of the shape.",
        examples=["llama-3.1-8b"],
    )
    hardware: Annotated[
        Annotated[Text, Tag("text")] | Annotated[DeviceSpec, Tag("device")],
        _either("device", "needs a catalog id such as h100-sxm, or a mapping of the device"),
    ] = Field(description="Catalog id, local (after calibrate), or a mapping of the device.", examples=["h100-sxm"])
    devices: Devices = Field(description="Number of devices.")
    workload: Annotated[Workload, Discriminator("kind"), _section("kind")] = Field(
        description="train, finetune, serve or infer, or a mapping with that kind.",
        examples=["train", {"kind": "train", "tokens": 1e12}],
    )
    precision: Annotated[Precision, _section("compute")] = Field(
        Precision(), description="Number formats; one format alone is that of compute.", examples=["bf16"]
    )
    parallelism: Annotated[Parallelism, _section("")] = Field(Parallelism(), description="How the work is spread.")
    engine: Annotated[Engine, _section("")] = Field(Engine(), description="The inference engine.")
    traffic: Annotated[Traffic, _section("")] = Field(Traffic(), description="How busy the service is.")
    costs: Annotated[Costs, _section("")] = Field(Costs(), description="Prices and factors.")
    profile: Text | None = Field(None, description="Device profile; the best match of the catalog if unsaid.")
    ranges: StrictBool = Field(True, description="Give ranges beside the values.")

    def clashes(self) -> Iterator[tuple[str, str]]:
        yield from self._spread()
        yield from self._batches()
        if isinstance(self.workload, Training):
            for name in ("engine", "traffic"):
                if getattr(self, name) != type(getattr(self, name))():
                    yield name, f"{name} does not apply to workload {self.workload.kind}; leave it out"
        compute, device = self.precision.compute, self.hardware
        if compute and isinstance(device, DeviceSpec) and compute not in device.peak:
            known = ", ".join(device.peak)
            yield "precision.compute", f"precision.compute = {compute} has no entry in hardware.peak; add it, or write {known}"

    def _spread(self) -> Iterator[tuple[str, str]]:
        layout, model = self.parallelism, self.model
        said = {name: n for name in ("tp", "pp", "dp") if (n := getattr(layout, name)) is not None}
        used = math.prod(said.values())
        if self.devices % used or (len(said) == 3 and self.devices != used):
            names, figures = " · ".join(said), " · ".join(map(str, said.values()))
            rule = "must equal" if len(said) == 3 else "must divide"
            wrong = f"{names} = {figures}" + (f" = {used}" if len(said) > 1 else "")
            yield f"parallelism.{next(iter(said))}", f"{wrong} {rule} devices = {self.devices}; change {names} or devices"
        if isinstance(model, ModelShape):
            tp, stages = layout.tp or 1, (layout.pp or 1) * (layout.vp or 1)
            if model.heads % tp:
                yield "parallelism.tp", f"tp = {tp} does not divide model.heads = {model.heads}; write a divisor of heads"
            if stages > model.layers:
                yield "parallelism.pp", f"pp · vp = {stages} is above model.layers = {model.layers}; write less"

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
    return {k: v for k, v in scenario.model_dump(exclude_none=True).items() if v != {}}


def schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Scenario.model_json_schema()}
