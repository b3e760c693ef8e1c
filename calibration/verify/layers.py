"""Layers with exact counts: what a case says of its network, in the words of the product.

A layer is an operator of the product and how a framework runs it, called one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from costmodel.architectures import dense_decoder
from costmodel.architectures.dense_decoder import Shape
from costmodel.architectures.transformer import ElementBytes, Pass
from costmodel.architectures.transformer import layer as one_layer
from costmodel.calibration.measure.record import WIDTH
from costmodel.operators.convolution import convolution_bytes, convolution_depth, convolution_flops
from costmodel.operators.matmul import matmul_bytes, matmul_flops, matrix_bytes, parameter_count_matmul
from costmodel.operators.memory_bound import copy_bytes, norm_bytes
from costmodel.program import Operator

FP32, INT64 = 4.0, 8.0  # bytes of a value, of an index
BLOCK_TENSORS = 12  # weights and biases of a transformer's block


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator as a case runs it, in one format of numbers.

    `bias`: a vector is laid out over the outputs before the product. `data`: it sees the data, whose gradient nobody
    wants. `table`: values of a dense gradient that it makes beside. `recorded`: it takes part in the backward pass.
    """

    operator: Operator
    dtype: str = "fp32"
    bias: bool = False
    data: bool = False
    table: float = 0.0
    recorded: bool = True


@dataclass(frozen=True, slots=True)
class Stage:
    """Layers that run one after the other, `times` over."""

    layers: tuple[Layer, ...]
    times: float = 1.0


def once(*layers: Layer) -> tuple[Stage, ...]:
    """Layers that run once."""
    return (Stage(layers),)


def parameters(stages: Iterable[Stage]) -> float:
    """Parameters of a network."""
    return float(sum(stage.times * layer.operator.parameters for stage in stages for layer in stage.layers))


def flops(stages: Iterable[Stage]) -> float:
    """Operations of one forward pass."""
    return float(sum(stage.times * layer.operator.flops for stage in stages for layer in stage.layers))


def linear(
    name: str, rows: float, inputs: int, outputs: int, bias: bool = True, dtype: str = "fp32", data: bool = False
) -> Layer:
    """A linear layer; with int8 weights its input is quantised on the way and its output fp32."""
    narrow, weight = dtype == "int8", float(WIDTH[dtype])
    wide = FP32 if narrow else weight
    out = matrix_bytes(rows, outputs, wide)
    operator = Operator(
        name,
        "matmul",
        parameters=parameter_count_matmul(outputs, inputs, bias),
        flops=matmul_flops(rows, outputs, inputs),
        traffic=matmul_bytes(rows, outputs, inputs, weight, weight) - matrix_bytes(rows, outputs, weight) + out,
        inputs=matrix_bytes(rows, inputs, wide) if narrow else 0.0,
        outputs=out,
        rows=rows,
        depth=inputs,
    )
    return Layer(operator, dtype, bias and not narrow, data)


def convolution(
    name: str,
    images: int,
    channels: int,
    size: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    bias: bool = True,
    dtype: str = "fp32",
    data: bool = False,
) -> Layer:
    """A convolution of square images, padded so that only its stride makes them smaller."""
    out, depth, width = size // stride, convolution_depth(channels, kernel, 1.0), float(WIDTH[dtype])
    operator = Operator(
        name,
        "convolution",
        parameters=parameter_count_matmul(outputs, depth, bias),
        flops=convolution_flops(images, outputs, out, depth),
        traffic=convolution_bytes(images, channels, size, outputs, out, depth, width, width),
        outputs=matrix_bytes(images * out * out, outputs, width),
        depth=depth,
    )
    return Layer(operator, dtype, data=data)


def memory_bound(name: str, operation: str, traffic: float, parameters: float = 0.0) -> Layer:
    """An operator that mostly moves data."""
    return Layer(Operator(name, "memory_bound", operation, parameters=parameters, traffic=traffic))


def elementwise(name: str, rows: float, width: float, passes: float, parameters: float = 0.0) -> Layer:
    """Sums and the like that read and write so many arrays of rows × width."""
    return memory_bound(name, "elementwise", passes / 2 * copy_bytes(rows, width, FP32), parameters)


def relu(name: str, rows: float, width: float, dtype: str = "fp32") -> Layer:
    """ReLU."""
    return memory_bound(name, "elementwise", copy_bytes(rows, width, float(WIDTH[dtype])))


def softmax(name: str, rows: float, width: float) -> Layer:
    """Softmax over the width, alone or with the loss."""
    return memory_bound(name, "softmax", copy_bytes(rows, width, FP32))


def batch_norm(name: str, images: int, channels: int, size: int, training: bool) -> Layer:
    """Batch norm: with statistics of its own in training, a scale and a shift of each value otherwise."""
    traffic = norm_bytes(images * size * size, channels, FP32)
    return memory_bound(name, "batch_norm" if training else "elementwise", traffic, 2.0 * channels)


def pool(name: str, images: int, channels: int, size: int) -> Layer:
    """Maximum over windows of square images, which takes as long in 16 bits as in 32."""
    return memory_bound(name, "pool", copy_bytes(images * size * size, channels, FP32))


def samples(rows: float, width: float) -> tuple[Layer, Layer]:
    """Rows taken from an array in memory, and their labels."""
    taken = memory_bound("take samples", "embedding", copy_bytes(rows, width, FP32))
    labels = memory_bound("take labels", "embedding", copy_bytes(rows, 1, INT64))
    return replace(taken, recorded=False), replace(labels, recorded=False)


def casts(values: float) -> Layer:
    """Values read in 32 bits and written in 16."""
    return memory_bound("casts", "elementwise", 0.75 * copy_bytes(values, 1, FP32))


def transformer(
    layers: int,
    hidden: int,
    heads: int,
    length: int,
    inputs: int,
    classes: int,
    causal: bool,
    sequences: int,
    queries: int,
    context: float = 0.0,
    head_queries: float = 1.0,
    training: bool = False,
    first: Layer | None = None,
) -> tuple[Stage, ...]:
    """GPT, BERT or ViT as the product's decoder; without a causal mask each query sees all keys.

    `inputs` tokens (or, with `first`, image channels that this layer embeds); `classes` columns of the head.
    """
    shape = Shape(
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        ffn=4 * hidden,
        vocab=classes,
        max_sequence=length,
        gated=0,
        tied=0,
        qkv_bias=1,
        output_bias=1,
        mlp_bias=1,
        head_bias=0,
        qk_norm=0,
        norm_vectors=2,
        layer_norms=2,
        embedding_norm=0,
        learned_positions=length,
    )
    run = Pass(sequences, queries, context, head_queries, decode=queries < 2)
    size = ElementBytes(FP32, FP32, FP32, FP32)
    program = dense_decoder.program(shape, run, size, 1.0, 1.0)
    block = one_layer(dense_decoder.block_of(shape), run, size, 1.0, 1.0, masked=causal)

    def timed(operator: Operator) -> Layer:
        return Layer(operator, bias=operator.kind == "matmul" and operator.name != "head")

    layer, head = tuple(map(timed, block)), [timed(o) for o in program.last]
    positions, tokens = length * hidden, 0 if first else inputs * hidden
    embedding = replace(program.first[0], parameters=positions + tokens)
    begin = replace(timed(embedding), table=positions + tokens)
    return (
        *once(*((first, begin) if first else (begin,))),
        Stage(layer, layers),
        *once(*(h for h in head if training or h.operator.operation != "softmax")),
    )


def transformer_modules(layers: int) -> float:
    """Calls through modules of one pass: in a block two norms, four linear layers, the block itself."""
    return 7.0 * layers + 4.0


def transformer_views(layers: int, cached: bool = False) -> float:
    """Calls of one pass that only look at data in another shape; with a cache its slices are taken and written."""
    return (15.0 if cached else 9.0) * layers + 4.0
