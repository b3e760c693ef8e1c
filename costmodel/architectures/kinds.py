"""The architectures there are, and what sets them apart for whoever asks a question of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from costmodel.architectures.transformer import ElementBytes, Pass
    from costmodel.program import Program
    from costmodel.units import Number


@dataclass(frozen=True, slots=True)
class Samples:
    """A model's input where it is no text: what one is, and what a run has when nothing is said.

    `count` samples of a usual data set, `epochs` over it, from `source`; `batch` of them in a step; `size` of one [B].
    """

    name: str
    count: float
    epochs: float
    batch: float
    size: float
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class Architecture:
    """A family of models: how to make a program of a shape, and what can be asked of it.

    `file`: the one of this folder that has its `Shape` and `program`, loaded when they are needed. `samples`: what
    goes in, None for tokens. `generates`: it makes tokens one by one. `split`: what tensor parallelism shares out:
    heads (and pipeline parallelism layers), tables, or nothing. `fused`: in inference one kernel does a product and all
    that follows it, and hands on values in the format that it computes in. `optimizer`: what it is usually trained
    with, and where that is published.
    """

    name: str
    file: str
    samples: Samples | None = None
    generates: bool = False
    split: Literal["heads", "tables", "nothing"] = "heads"
    fused: bool = False
    optimizer: tuple[str, str] = ("adamw", "loshchilov-2019")

    @property
    def _module(self) -> ModuleType:
        return import_module(f"costmodel.architectures.{self.file}")

    @property
    def shape(self) -> type:
        """The class of its shapes."""
        made: type = self._module.Shape
        return made

    @property
    def program(self) -> Callable[[Any, Pass, ElementBytes, Number, Number], Program]:
        """What makes a program of a shape."""
        make: Callable[[Any, Pass, ElementBytes, Number, Number], Program] = self._module.program
        return make

    @property
    def fields(self) -> list[str]:
        """The names of the shape's parameters."""
        return [field.name for field in fields(self.shape)]

    @property
    def unused(self) -> set[str]:
        """What a workload says of text, samples or adapters that does not apply."""
        names = {"tokens", "input_tokens"} if self.samples is not None else {"samples", "epochs"}
        if not self.generates:
            names |= {"output_tokens"} | ({"sequence"} if self.samples is not None else set())
        return names if self is ARCHITECTURES["language-dense"] else names | {"adapters"}


IMAGES = Samples(
    "images", 1281167, 90, 1024, 110e3, "russakovsky-2015", "ImageNet-1k, 90 epochs as in torchvision; state your own"
)
# 680,000 hours in windows of 30 s; two to three passes in 2^20 steps of 256 windows.
SPEECH = Samples("windows of speech", 81.6e6, 3, 256, 480e3, "radford-2022", "the data set of Whisper; state your own")
CLICKS = Samples("clicks", 4195197692, 1, 65536, 160, "naumov-2019", "Criteo 1 TB click logs, once; state your own")
# By the kind that the catalog gives a model.
ARCHITECTURES = {
    "language-dense": Architecture("dense decoder", "dense_decoder", generates=True),
    "encoder": Architecture("text encoder", "text_encoder"),
    "vit": Architecture("vision transformer", "vision_transformer", IMAGES),
    "cnn": Architecture(
        "residual network", "resnet", IMAGES, split="nothing", fused=True, optimizer=("sgd-momentum", "he-2016")
    ),
    "recommender": Architecture("recommender", "recommender", CLICKS, split="tables", optimizer=("sgd", "naumov-2019")),
    "speech-encdec": Architecture("speech encoder-decoder", "speech", SPEECH, generates=True, split="nothing"),
}
_BY_FILE = {made.file: made for made in ARCHITECTURES.values()}


def architecture_of(shape: object) -> Architecture:
    """The architecture that a shape belongs to."""
    return _BY_FILE[type(shape).__module__.rpartition(".")[2]]


def shape_with(names: set[str]) -> type:
    """The class of shapes that has exactly these parameters. Raises KeyError when none has."""
    for made in ARCHITECTURES.values():
        if set(made.fields) == names:
            return made.shape
    raise KeyError(f"no shape has the parameters {sorted(names)}")
