"""Residual networks (He et al. 2016) with basic or bottleneck blocks, as torchvision has them (stride in the 3 × 3).

A convolution is timed as the matrix product that kernels for matrix units turn it into: a row for each output pixel, a
column for each output channel. In training, norms of a batch and ReLU pass over the outputs once more each. For
inference the norms are folded into the weights, and a convolution's kernel does ReLU and the sum in passing, as
compilers for inference have it (Jacob et al. 2018, §3.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from costmodel import ops
from costmodel.architectures.transformer import ElementBytes, Pass, norm_parameters, product, saved_bytes
from costmodel.formula import formula
from costmodel.operators.convolution import convolution_bytes, convolution_depth, convolution_flops, convolved_size
from costmodel.operators.matmul import matrix_bytes, parameter_count_matmul
from costmodel.operators.memory_bound import copy_bytes, residual_bytes
from costmodel.program import Operator, Program, repeated
from costmodel.trace import constant
from costmodel.units import Count, Number


@dataclass(frozen=True, slots=True)
class Shape:
    """Shape parameters: `blocks_1` to `blocks_4` are blocks per stage, `stem` the channels of the first convolution.

    `bottleneck` is 1 where a block is three convolutions, of which the last widens its output four times, else 0.
    """

    blocks_1: Count
    blocks_2: Count
    blocks_3: Count
    blocks_4: Count
    bottleneck: Count
    stem: Count
    image_size: Count
    channels: Count
    classes: Count


@dataclass(frozen=True, slots=True)
class _Batch:
    """Images that go through at once, the bytes of their values and of weights, and whether nothing is trained."""

    images: Number
    size: ElementBytes
    frozen: bool


@formula(r"c_{in}", source="he-2016")
def stage_width(stem: Count, stage: Count) -> Count:
    """Channels inside the blocks of a stage, counted from 0: they double from stage to stage."""
    return stem * 2**stage


@formula(r"c_{out}", source="he-2016")
def block_width(inner: Count, bottleneck: Count) -> Count:
    """Channels that a block puts out: those inside, or four times as many behind a bottleneck."""
    return inner * (1 + 3 * bottleneck)


@formula(r"k", source="he-2016")
def outer_kernel(bottleneck: Count) -> Count:
    """Kernel of a block's outer convolutions: 3, or 1 around a bottleneck."""
    return 3 - 2 * bottleneck


@formula(r"s_a", source="torchvision-2026")
def outer_stride(stride: Count, bottleneck: Count) -> Count:
    """Stride of a block's first convolution: the block's, unless its bottleneck has that."""
    return ops.where(bottleneck >= 1, 1.0, stride)


@formula(r"p", source="dumoulin-2016")
def same_padding(kernel: Count) -> Count:
    """Padding on each side with which a convolution of stride 1 keeps an image's size."""
    return (kernel - 1) / 2


@formula(r"n_{short}", source="he-2016")
def projections(inputs: Count, outputs: Count) -> Count:
    """Convolutions on a block's shortcut: one where the block changes the number of channels."""
    return ops.where(outputs > inputs, 1.0, 0.0)


@formula(r"h_s", source="he-2016")
def strided_size(size: Count, stride: Count) -> Count:
    """Height and width of images behind a padded convolution of an odd kernel."""
    return ops.ceil(size / stride)


@formula(r"n_{more}", source="definition")
def further_blocks(blocks: Count) -> Count:
    """Blocks of a stage beside the first, all equal."""
    return blocks - 1


@formula(r"n_{px}", source="definition")
def pixels(images: Count, size: Count) -> Count:
    """Pixels of square images."""
    return images * size**2


def program(shape: Shape, run: Pass, size: ElementBytes, shards: Number, sequence_shards: Number) -> Program:
    """The operators of a forward pass of `run.sequences` images; nothing is shared out among devices."""
    batch = _Batch(run.sequences, size, run.frozen)
    three, seven = constant(3.0, "kernel", "of the pool"), constant(7.0, "kernel", "of the first convolution")
    one, two = constant(1.0, "stride", "keeps the size"), constant(2.0, "stride", "halves the size")
    stem, small = _convolution(batch, "stem", shape.channels, shape.image_size, shape.stem, seven, two)
    body = [*stem, _moved(batch, "pool", shape.stem, small)]
    width, pixel = shape.stem, convolved_size(small, three, two, same_padding(three))
    for stage, blocks in enumerate((shape.blocks_1, shape.blocks_2, shape.blocks_3, shape.blocks_4)):
        inner = stage_width(shape.stem, constant(float(stage), "stage", "counted from 0"))
        stride = two if stage else one
        first, width, pixel = _block(batch, f"stage {stage + 1}", width, pixel, inner, stride, shape.bottleneck)
        rest, _, _ = _block(batch, f"stage {stage + 1} rest", width, pixel, inner, one, shape.bottleneck)
        body += [*first, *repeated(further_blocks(blocks), rest)]
    yes = constant(1.0, "bias", "with a bias")
    kept = saved_bytes(run.sequences, width, size.activation)
    head = product("head", run.sequences, shape.classes, width, yes, size, kept)
    return Program(
        layers=constant(1.0, "layers", "all blocks count as one layer: no two stages are alike"),
        layer=tuple(body),
        first=(),
        last=(_moved(batch, "mean", width, pixel), head),
        boundary=saved_bytes(pixels(run.sequences, shape.image_size), shape.channels, size.activation),
    )


def _block(
    batch: _Batch, name: str, width: Number, size: Number, inner: Number, stride: Number, bottleneck: Number
) -> tuple[list[Operator], Number, Number]:
    """A residual block on images of `size` with `width` channels; its operators, channels and size put out."""
    outer, three = outer_kernel(bottleneck), constant(3.0, "kernel", "of the bottleneck")
    one = constant(1.0, "kernel", "of the shortcut")
    out, before = block_width(inner, bottleneck), outer_stride(stride, bottleneck)
    a, _ = _convolution(batch, f"{name} a", width, size, inner, outer, before)
    b, _ = _convolution(batch, f"{name} b", inner, size, inner, three, stride)
    c, small = _convolution(batch, f"{name} c", inner, strided_size(size, stride), out, outer, one, relu=False)
    short, _ = _convolution(batch, f"{name} shortcut", width, size, out, one, stride, relu=False)
    total = _sum(batch, name, c, pixels(batch.images, small), out)
    short = tuple(replace(o, saved=0.0) if o.kind == "matmul" else o for o in short)  # `a` keeps the same input
    made = [*a, *repeated(bottleneck, b), *total, *repeated(projections(width, out), short)]
    return made, out, small


def _sum(batch: _Batch, name: str, last: tuple[Operator, ...], pixel: Number, width: Number) -> tuple[Operator, ...]:
    """The last convolution of a block, and the sum with the block's input: of its own, or in that kernel."""
    value = batch.size.activation
    if batch.frozen:
        shortcut = {"convolution": last[0].traffic, "shortcut": matrix_bytes(pixel, width, value)}
        return (replace(last[0], traffic=ops.total(shortcut)),)
    traffic = residual_bytes(pixel, width, value)
    return (*last, Operator(f"{name} sum and ReLU", "memory_bound", "elementwise", traffic=traffic))


def _convolution(
    batch: _Batch,
    name: str,
    inputs: Number,
    size: Number,
    outputs: Number,
    kernel: Number,
    stride: Number,
    relu: bool = True,
) -> tuple[tuple[Operator, ...], Number]:
    """A convolution without bias, the norm of its outputs, ReLU unless a sum comes first; and the size put out."""
    value, out = batch.size.activation, convolved_size(size, kernel, stride, same_padding(kernel))
    depth = convolution_depth(inputs, kernel, constant(1.0, "groups", "each output sees all inputs"))
    pixel = pixels(batch.images, out)
    vectors = constant(2.0, "vectors", "a scale and a shift of each channel")
    folded = vectors if batch.frozen else constant(0.0, "bias", "the norm has one")
    made = Operator(
        name,
        "matmul",
        parameters=parameter_count_matmul(outputs, depth, folded),
        flops=convolution_flops(batch.images, outputs, out, depth),
        traffic=convolution_bytes(batch.images, inputs, size, outputs, out, depth, value, batch.size.weight),
        inputs=matrix_bytes(pixels(batch.images, size), inputs, value),
        outputs=matrix_bytes(pixel, outputs, value),
        depth=depth,
        saved=saved_bytes(pixels(batch.images, size), inputs, value),
        cheap=True,
    )
    if batch.frozen:
        return (made,), out
    norm = Operator(
        f"{name} norm",
        "memory_bound",
        "norm",
        parameters=norm_parameters(outputs, vectors),
        traffic=copy_bytes(pixel, outputs, value),
        saved=saved_bytes(pixel, outputs, value),
    )
    return ((made, norm, _moved(batch, f"{name} ReLU", outputs, out)) if relu else (made, norm)), out


def _moved(batch: _Batch, name: str, channels: Number, size: Number) -> Operator:
    """An operator that reads and writes every value of images once."""
    return Operator(
        name,
        "memory_bound",
        "elementwise",
        traffic=copy_bytes(pixels(batch.images, size), channels, batch.size.activation),
    )
