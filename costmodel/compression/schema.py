"""What a user can say about compression: a chain of steps, and the rules that need no catalog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Discriminator, Field, StrictBool

from costmodel.fields import TRAINING, Base, Figure, Tokens
from costmodel.shapes import Model

Share: TypeAlias = Annotated[float, Figure("0.25", "0.001", "0.99")]
Stored: TypeAlias = Literal[
    "fp8",
    "fp8-block",
    "int8",
    "int6",
    "int5",
    "int4",
    "int3",
    "int2",
    "nvfp4",
    "mxfp4",
    "mxfp8",
    "nf4",
    "nf4-dq",
    "q8-0",
    "q6-k",
    "q5-k-m",
    "q4-k-m",
    "q4-0",
    "q3-k-m",
    "q2-k",
]
Computed: TypeAlias = Literal["fp8", "fp8-block", "mxfp8", "int8", "int4", "nvfp4", "mxfp4"]
Recipe: TypeAlias = Literal[
    "rtn", "gptq", "awq", "autoround", "hqq", "calibrated", "k-quant", "outlier-aware", "codebook", "smoothquant"
]


class Quantise(Base):
    """Fewer bits: for the weights of the layers alone, for what products compute with too, for the KV cache."""

    method: Literal["quantise"] = Field(description="quantise.")
    weights: Stored | None = Field(
        default=None, description="Format of the layers' weights; embedding and head stay in 16 bits."
    )
    group: Annotated[int, Figure("128", "8", "100000", whole=True)] | None = Field(
        default=None, description="Weights that share a scale (int formats); 128 up to 6 bits, else a row, if unsaid."
    )
    symmetric: StrictBool = Field(default=False, description="Groups have a scale and no zero point (int formats).")
    recipe: Recipe | None = Field(
        default=None, description="How rounding is chosen; calibrated, or what the format is known for, if unsaid."
    )
    activations: Computed | None = Field(
        default=None, description="Format in which products compute; 16 bits if unsaid, with weights unpacked first."
    )
    kv_cache: Literal["fp8", "int8"] | None = Field(default=None, description="Format of the KV cache.")

    def _clashes(self) -> Iterator[tuple[str, str]]:
        if self.weights is None and self.kv_cache is None and self.activations is None:
            yield "method", "says nothing to quantise; write weights: int4, or kv_cache: fp8"
        elif self.activations and self.weights is None:
            yield "activations", f"activations = {self.activations} needs weights; write weights: {self.activations}"
        if self.activations and "4" in self.activations and self.weights not in (None, self.activations):
            yield (
                "activations",
                f"activations = {self.activations} needs weights of that format, not {self.weights}; "
                f"write weights: {self.activations}, or activations: fp8",
            )
        if self.recipe and (self.weights is None or (self.recipe == "k-quant") != ("-k" in self.weights)):
            yield "recipe", f"recipe = {self.recipe} does not make weights = {self.weights or 'unsaid'}; leave it out"
        for name in ("group", "symmetric"):
            if name in self.model_fields_set and not (self.weights or "").startswith("int"):
                yield name, f"{name} applies to int formats, and weights = {self.weights or 'unsaid'}; leave it out"


class Prune(Base):
    """Whole parts are removed, and leave the arithmetic: layers, groups of heads, width."""

    method: Literal["prune"] = Field(description="prune.")
    layers: Share | None = Field(default=None, description="Share of the layers.")
    heads: Share | None = Field(default=None, description="Share of the attention heads, whole groups with a KV head.")
    width: Share | None = Field(default=None, description="Share of the width, of the residual stream and the MLP.")
    tokens: Tokens | None = Field(
        default=None, description="Tokens of distillation from the whole model after it; none if unsaid."
    )

    def _clashes(self) -> Iterator[tuple[str, str]]:
        if self.layers is None and self.heads is None and self.width is None:
            yield "method", "says nothing to remove; write for example layers: 0.25"


class Sparsify(Base):
    """Single weights are set to zero: half of them in a pattern that devices can skip, or any share anywhere."""

    method: Literal["sparsify"] = Field(description="sparsify.")
    pattern: Literal["2:4"] | None = Field(default=None, description="2 of 4 neighbours are zero: less to read and do.")
    share: Share | None = Field(default=None, description="Share that is zero, anywhere: saves storage, not time.")
    tokens: Tokens | None = Field(default=None, description="Tokens of training after it; none if unsaid.")

    def _clashes(self) -> Iterator[tuple[str, str]]:
        if (self.pattern is None) == (self.share is None):
            yield "method", "needs either a pattern or a share; write pattern: 2:4, or share: 0.5"


class Distil(Base):
    """A smaller model learns from the larger one and takes its place."""

    method: Literal["distil"] = Field(description="distil.")
    student: Model = Field(description="The model that takes its place, as model.", examples=["llama-3.1-8b"])
    tokens: Tokens = Field(description="Tokens that the student learns from.")
    stored_logits: StrictBool = Field(
        default=False, description="The teacher's logits are stored already, so that it does not run."
    )


Step: TypeAlias = Annotated[Quantise | Prune | Sparsify | Distil, Discriminator("method")]
ORDER = ("distil", "prune", "sparsify", "quantise")
WIDE = ("bf16", "fp16", "fp32", "tf32")  # formats to compute in that say nothing of quantisation
MOST_STEPS = 5
USUAL_RANK = 16  # of LoRA, and of published runs that do not state theirs
# Compressions that one word stands for.
WORDS: dict[str, tuple[dict[str, str], ...]] = {
    "none": (),
    "fp8": ({"method": "quantise", "weights": "fp8", "activations": "fp8"},),
    "int8": ({"method": "quantise", "weights": "int8", "activations": "int8", "recipe": "smoothquant"},),
    "int4": ({"method": "quantise", "weights": "int4"},),
    "nf4": ({"method": "quantise", "weights": "nf4"},),
    "nvfp4": ({"method": "quantise", "weights": "nvfp4", "activations": "nvfp4"},),
    "2:4": ({"method": "sparsify", "pattern": "2:4"},),
}


def in_full(word: str) -> str | None:
    """What a scenario says for the name of a format, of a recipe or of a way to fine-tune; None for other words."""
    name = word.strip().lower()
    if WORDS.get(name):
        return f"compression={name}"
    if name in get_args(Stored):
        return f"compression={{method: quantise, weights: {name}}}"
    if name in get_args(Recipe):
        weights = "q4-k-m" if name == "k-quant" else "int4"
        return f"compression={{method: quantise, weights: {weights}, recipe: {name}}}"
    tuning = f"workload={{kind: finetune, adapters: {{rank: {USUAL_RANK}}}}}"
    return {"lora": tuning, "qlora": f"{tuning} and compression=nf4"}.get(name)


def _chain(value: Any) -> Any:
    """A chain may be left empty, be one step, or be one word."""
    if isinstance(value, str):
        if value.strip().lower() not in WORDS:
            instead = in_full(value) or (
                f"one of {', '.join(WORDS)}, or steps such as [{{method: quantise, weights: int4}}]"
            )
            raise ValueError(f"{value[:40]!r} is no compression; write {instead}")
        return WORDS[value.strip().lower()]
    if isinstance(value, list | tuple) and len(value) > MOST_STEPS:
        raise ValueError(f"has {len(value)} steps, and each method stands once; write at most {MOST_STEPS}")
    return () if value is None else (value,) if isinstance(value, dict | Base) else value


Chain: TypeAlias = Annotated[tuple[Step, ...], BeforeValidator(_chain)]


def clashes(chain: Sequence[Step], workload: Any, precision: Any) -> Iterator[tuple[str, str]]:
    """Steps that do not go together, or not with the workload or the precision: (path, message)."""
    if chain and workload.kind in TRAINING:
        yield from _of_training(chain, workload)
        return
    said: dict[str, int] = {}
    for place, step in enumerate(chain):
        at = f"compression.{place}"
        for later in chain[:place]:
            if ORDER.index(later.method) > ORDER.index(step.method):
                why = "replaces or reshapes what was compressed before it"
                yield at, f"{step.method} after {later.method} {why}; write {step.method} first"
                break
        parts = ("weights", "kv_cache") if isinstance(step, Quantise) else (step.method,)
        for part in parts:
            if isinstance(step, Quantise) and getattr(step, part) is None:
                continue
            if part in said:
                yield at, f"{part} is in steps {said[part] + 1} and {place + 1} of compression; write it in one of them"
            said.setdefault(part, place)
        if isinstance(step, Quantise):
            yield from _with_precision(at, step, precision)


def _of_training(chain: Sequence[Step], workload: Any) -> Iterator[tuple[str, str]]:
    if workload.kind == "train" or workload.adapters is None:
        instead = "write workload: serve or infer"
        if workload.kind == "finetune":
            instead += f", or adapters: {{rank: {USUAL_RANK}}} to fine-tune beside quantised weights"
        yield "compression", f"compression does not apply to workload {workload.kind}; {instead}"
        return
    for place, step in enumerate(chain):
        if not isinstance(step, Quantise) or step.activations or step.kv_cache or place:
            yield (
                f"compression.{place}",
                "fine-tuning with adapters takes one step, on weights alone; write {method: quantise, weights: nf4}",
            )


def _with_precision(at: str, step: Quantise, precision: Any) -> Iterator[tuple[str, str]]:
    """A format is said once: here or in the section precision."""
    for name in ("weights", "kv_cache"):
        if getattr(step, name) and getattr(precision, name):
            yield f"{at}.{name}", f"precision.{name} = {getattr(precision, name)} says it too; leave one of them out"
    if step.weights and precision.compute not in (None, *WIDE):
        yield (
            f"{at}.weights",
            f"precision.compute = {precision.compute} says how products compute; leave it out, "
            f"and write activations: {precision.compute} here",
        )
