"""How a user can say which model: by name, by its shape, or by a family and a size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictBool, Tag

from costmodel.fields import Base, Figure, Heads, Length, Text, Width, either


class ModelShape(Base):
    """The shape of a dense decoder."""

    name: Text | None = Field(default=None, description="What to call the model in the answer.")
    layers: Annotated[int, Figure("32", "1", "10000", whole=True)] = Field(description="Transformer layers.")
    hidden: Annotated[int, Figure("4096", "1", "1e6", whole=True)] = Field(description="Width of the residual stream.")
    heads: Heads = Field(description="Query heads.")
    kv_heads: Heads = Field(
        default_factory=lambda data: data["heads"],
        description="Key-value heads; must divide heads. As heads if unsaid.",
    )
    head_dim: Annotated[int, Figure("128", "1", "1e5", whole=True)] = Field(
        default_factory=lambda data: max(1, data["hidden"] // data["heads"]),
        description="Features per head; hidden / heads if unsaid.",
    )
    ffn: Width = Field(description="Inner width of the MLP.")
    vocab: Annotated[int, Figure("128256", "1", "1e8", whole=True)] = Field(
        description="Rows of the embedding table, padding included."
    )
    gated: StrictBool = Field(default=True, description="The MLP has a gate beside its up-projection (SwiGLU, GeGLU).")
    tied: StrictBool = Field(default=False, description="The output head shares the embedding table.")
    max_sequence: Length = Field(default=8192, description="Longest sequence in tokens.")
    attention_bias: StrictBool = Field(default=False, description="Bias on the query, key and value projections.")
    output_bias: StrictBool = Field(
        default_factory=lambda data: data["attention_bias"],
        description="Bias on the attention's output projection; as attention_bias if unsaid.",
    )
    mlp_bias: StrictBool = Field(default=False, description="Bias on the MLP's projections.")
    norm: Literal["rms", "layernorm"] = Field(default="rms", description="Kind of normalisation.")
    layer_norms: Annotated[int, Figure("2", "1", "4", whole=True)] = Field(
        default=2, description="Norms per layer; 1 where attention and MLP share one."
    )
    position: Literal["rope", "learned", "alibi", "none"] = Field(default="rope", description="How positions enter.")
    qk_norm: Literal["none", "head", "all"] = Field(
        default="none",
        description="Norms on queries and keys: none, one vector that all heads share, or one over all heads.",
    )
    parallel_block: StrictBool = Field(
        default=False, description="Attention and MLP read the same input, side by side."
    )

    def _clashes(self) -> Iterator[tuple[str, str]]:
        if self.heads % self.kv_heads:
            yield (
                "kv_heads",
                f"kv_heads = {self.kv_heads} does not divide heads = {self.heads}; write a divisor of heads",
            )
        if "head_dim" not in self.model_fields_set and self.hidden % self.heads:
            yield (
                "heads",
                f"heads = {self.heads} does not divide hidden = {self.hidden}; write a divisor, or state head_dim",
            )


class ModelFamily(Base):
    """A member of a family, by its size: the family's rule gives the shape nearest to it."""

    family: Literal["llama", "gpt"] = Field(description="The family whose rule gives the shape.", examples=["llama"])
    parameters: Annotated[float, Figure("13 B", "1 M", "100 T")] = Field(description="Parameters, all counted.")

    def _clashes(self) -> Iterator[tuple[str, str]]:
        from costmodel.architectures.family import shape

        try:
            shape(self.family, self.parameters)
        except ValueError as error:
            yield "parameters", str(error)


def _divides(shape: Base, part: str, whole: str) -> Iterator[tuple[str, str]]:
    """What is wrong where one number of a shape does not divide another."""
    a, b = getattr(shape, part), getattr(shape, whole)
    if b % a:
        yield part, f"{part} = {a} does not divide {whole} = {b}; write a divisor of {whole}"


class PlainShape(Base):
    """What models of plain layers, each token of which sees all others, have in common."""

    name: Text | None = Field(default=None, description="What to call the model in the answer.")
    layers: Annotated[int, Figure("12", "1", "10000", whole=True)] = Field(description="Transformer layers.")
    hidden: Annotated[int, Figure("768", "1", "1e6", whole=True)] = Field(description="Width of the residual stream.")
    heads: Heads = Field(description="Attention heads; must divide hidden.")
    ffn: Width = Field(description="Inner width of the MLP.")

    def _clashes(self) -> Iterator[tuple[str, str]]:
        yield from _divides(self, "heads", "hidden")


class VisionShape(PlainShape):
    """The shape of a vision transformer."""

    image_size: Annotated[int, Figure("224", "1", "1e5", whole=True)] = Field(description="Width of images in pixels.")
    patch_size: Annotated[int, Figure("16", "1", "1e5", whole=True)] = Field(
        description="Width of patches in pixels; must divide image_size."
    )
    channels: Annotated[int, Figure("3", "1", "10000", whole=True)] = Field(
        default=3, description="Channels of images."
    )
    classes: Width = Field(default=1000, description="Columns of the head.")

    def _clashes(self) -> Iterator[tuple[str, str]]:
        yield from super()._clashes()
        yield from _divides(self, "patch_size", "image_size")


class TextEncoderShape(PlainShape):
    """The shape of a text encoder (BERT), with its pooler."""

    vocab: Annotated[int, Figure("30522", "1", "1e8", whole=True)] = Field(description="Rows of the token table.")
    segments: Annotated[int, Figure("2", "0", "1000", whole=True)] = Field(description="Rows of the segment table.")
    max_sequence: Length = Field(default=512, description="Longest sequence in tokens.")
    position_rows: Length = Field(
        default_factory=lambda data: data["max_sequence"],
        description="Rows of the position table; max_sequence if unsaid.",
    )


class SpeechShape(Base):
    """The shape of an encoder-decoder of speech (Whisper); both halves have the same width and heads."""

    name: Text | None = Field(default=None, description="What to call the model in the answer.")
    encoder_layers: Annotated[int, Figure("4", "1", "10000", whole=True)] = Field(description="Layers of the encoder.")
    decoder_layers: Annotated[int, Figure("4", "1", "10000", whole=True)] = Field(description="Layers of the decoder.")
    hidden: Annotated[int, Figure("384", "1", "1e6", whole=True)] = Field(description="Width of the residual stream.")
    heads: Heads = Field(description="Attention heads; must divide hidden.")
    ffn: Width = Field(description="Inner width of the MLP.")
    vocab: Annotated[int, Figure("51865", "1", "1e8", whole=True)] = Field(description="Rows of the token table.")
    mels: Annotated[int, Figure("80", "1", "10000", whole=True)] = Field(description="Frequency bins of a frame.")
    frames: Length = Field(default=1500, description="Frames of a window behind the second convolution.")
    max_sequence: Length = Field(default=448, description="Longest transcript in tokens.")

    def _clashes(self) -> Iterator[tuple[str, str]]:
        yield from _divides(self, "heads", "hidden")


class RecommenderShape(Base):
    """The shape of a recommender with embedding tables (DLRM)."""

    name: Text | None = Field(default=None, description="What to call the model in the answer.")
    tables: Annotated[int, Figure("26", "1", "1e6", whole=True)] = Field(description="Embedding tables.")
    rows: Annotated[int, Figure("187767399", "1", "1e14", whole=True)] = Field(
        description="Rows of all tables together."
    )
    dim: Width = Field(default=128, description="Width of the tables.")
    lookups: Annotated[int, Figure("26", "1", "1e7", whole=True)] = Field(
        default_factory=lambda data: data["tables"],
        description="Rows that a sample looks up in all tables; one in each if unsaid.",
    )
    inputs: Width = Field(default=13, description="Numbers of a sample beside its look-ups.")
    bottom_1: Width = Field(default=512, description="First width of the MLP behind the inputs.")
    bottom_2: Width = Field(default=256, description="Second width of it; the third is dim.")
    top_1: Width = Field(default=1024, description="First width of the MLP on top.")
    top_2: Width = Field(default=1024, description="Second width of it.")
    top_3: Width = Field(default=512, description="Third width of it.")
    top_4: Width = Field(default=256, description="Fourth width of it; then comes the answer.")


Model: TypeAlias = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[ModelShape, Tag("shape")]
    | Annotated[ModelFamily, Tag("member")]
    | Annotated[VisionShape, Tag("vision")]
    | Annotated[TextEncoderShape, Tag("encoder")]
    | Annotated[SpeechShape, Tag("speech")]
    | Annotated[RecommenderShape, Tag("recommender")],
    either(
        "shape",
        "needs a catalog id such as llama-3.1-8b, the path of a config.json, a mapping of the shape, "
        "or {family: llama, parameters: 13 B}",
        family="member",
        parameters="member",
        patch_size="vision",
        segments="encoder",
        mels="speech",
        tables="recommender",
    ),
]
