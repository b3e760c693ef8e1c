"""Networks on images: a small CNN in fp32 and mixed precision, ResNet-18, ViT-tiny: as torch has them, as counts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as f

from costmodel.calibration.measure.device import Device
from costmodel.calibration.verify import language
from costmodel.calibration.verify import layers as op
from costmodel.calibration.verify.case import Case, Run, Update, Work
from costmodel.calibration.verify.training import fixed, forward_call, sampler, step_call
from costmodel.calibration.verify.transformer import Transformer

STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # of ResNet-18: channels, stride of the first block
VIT: dict[str, Any] = {"layers": 12, "hidden": 192, "heads": 3, "length": 196, "inputs": 3, "classes": 1000}
PATCH, SIZE, CLASSES = 16, 224, 1000


def cases() -> Iterator[Case]:
    """Training steps and inference."""
    for dtype, name in (("fp32", "cnn-train-step"), ("bf16", "cnn-train-step-bf16")):
        stages = cnn(64, dtype)
        update, batch = Update("adam", 8, op.parameters(stages)), op.once(*op.samples(64, 28 * 28))
        work = Work((*batch, *stages, *op.once(op.softmax("softmax and loss", 64, 10))), 9, taken=2, update=update)
        yield Case(name, "step_time_s", work, partial(_train_cnn, dtype=dtype), dtype)
    yield Case("cnn-inference", "latency_s", Work(cnn(256), modules=9), lambda d: _infer_cnn(d, 256))
    for train, name, metric in ((True, "train-step", "step_time_s"), (False, "inference", "latency_s")):
        stages = resnet_18(4, train)
        steps = Update("momentum", 62, op.parameters(stages)) if train else None
        work = Work(stages, modules=60, update=steps)
        yield Case(f"resnet-18-{name}", metric, work, partial(_resnet, batch=4, train=train))
        work = language.work(vit(8, train), VIT["layers"], train, others=6)
        yield Case(f"vit-tiny-{name}", metric, work, partial(_vit, batch=8, train=train))


def cnn(images: int, dtype: str = "fp32") -> tuple[op.Stage, ...]:
    """Two 3 × 3 convolutions, a pool, two linear layers, on 28 × 28 images; in 16 bits all weights are cast first."""
    layers = (
        op.convolution("conv 1", images, 1, 28, 32, 3, dtype=dtype, data=True),
        op.relu("relu 1", images, 32 * 28 * 28, dtype),
        op.convolution("conv 2", images, 32, 28, 64, 3, dtype=dtype),
        op.relu("relu 2", images, 64 * 28 * 28, dtype),
        op.pool("pool", images, 64, 28),
        op.linear("fc 1", images, 64 * 14 * 14, 128, dtype=dtype),
        op.relu("relu 3", images, 128, dtype),
        op.linear("fc 2", images, 128, 10, dtype=dtype),
    )
    cast = () if dtype == "fp32" else (op.casts(op.parameters(op.once(*layers))),)
    return op.once(*cast, *layers)


class Cnn(nn.Sequential):
    """What `cnn` counts."""

    def __init__(self) -> None:
        convolutions = nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU()
        head = nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64 * 14 * 14, 128), nn.ReLU(), nn.Linear(128, 10)
        super().__init__(*convolutions, *head)


def _train_cnn(device: Device, dtype: str) -> Run:
    return step_call(Cnn(), "adam", sampler(device, 64, 1, 28, 28, classes=10), f.cross_entropy, device, dtype)


def _infer_cnn(device: Device, batch: int) -> Run:
    return forward_call(Cnn(), device.random(batch, 1, 28, 28), device, "fp32")


def resnet_18(images: int, train: bool) -> tuple[op.Stage, ...]:
    """ResNet-18 (He et al. 2015, arXiv:1512.03385, table 1) on 224 × 224 images."""

    def normed(name: str, channels: int, size: int) -> tuple[op.Layer, op.Layer]:
        relu = op.relu(f"{name} relu", images, channels * size * size)
        return op.batch_norm(f"{name} norm", images, channels, size, train), relu

    layers = [op.convolution("stem", images, 3, SIZE, 64, 7, 2, bias=False, data=True), *normed("stem", 64, 112)]
    layers.append(op.pool("pool", images, 64, 112))
    channels, size = 64, 56
    for stage, (width, stride) in enumerate(STAGES):
        for block, step in enumerate((stride, 1)):
            name, out = f"{stage}.{block}", size // step
            layers.append(op.convolution(f"{name} a", images, channels, size, width, 3, step, bias=False))
            layers += normed(f"{name} a", width, out)
            layers.append(op.convolution(f"{name} b", images, width, out, width, 3, bias=False))
            layers += normed(f"{name} b", width, out)
            if step > 1:
                layers.append(op.convolution(f"{name} short", images, channels, size, width, 1, step, bias=False))
                layers.append(op.batch_norm(f"{name} short norm", images, width, out, train))
            layers.append(op.elementwise(f"{name} sum", images, width * out * out, 3))
            channels, size = width, out
    layers += [op.elementwise("mean", images, channels * size * size, 1), op.linear("fc", images, channels, CLASSES)]
    return op.once(*layers, *([op.softmax("softmax and loss", images, CLASSES)] if train else []))


class Basic(nn.Module):
    """A basic block of ResNet."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.a, self.b = (
            nn.Conv2d(channels, width, 3, stride, 1, bias=False),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
        )
        self.a_norm, self.b_norm = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        shortcut = (nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)) if stride > 1 else ()
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Two convolutions beside a shortcut."""
        y = f.relu(self.a_norm(self.a(x)), inplace=True)
        return f.relu(self.b_norm(self.b(y)) + self.shortcut(x), inplace=True)


class ResNet18(nn.Sequential):
    """What `resnet_18` counts."""

    def __init__(self) -> None:
        stem = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        blocks, channels = list[nn.Module](), 64
        for width, stride in STAGES:
            blocks += Basic(channels, width, stride), Basic(width, width, 1)
            channels = width
        super().__init__(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, CLASSES))


def _resnet(device: Device, batch: int, train: bool) -> Run:
    x = device.random(batch, 3, SIZE, SIZE)
    if not train:
        return forward_call(ResNet18(), x, device, "fp32")
    batches = fixed(x, device.integers(CLASSES, batch))
    return step_call(ResNet18(), "momentum", batches, f.cross_entropy, device, "fp32")


def vit(images: int, train: bool) -> tuple[op.Stage, ...]:
    """ViT-tiny: patches of 16 × 16 in place of tokens, every patch seen by every other, one logit vector an image."""
    patches = op.convolution("patches", images, 3, SIZE, VIT["hidden"], PATCH, PATCH, data=True)
    length = VIT["length"]
    return op.transformer(**VIT, causal=False, sequences=images, queries=length, training=train, first=patches)


def _vit(device: Device, batch: int, train: bool) -> Run:
    network, x = Transformer(**VIT, causal=False, patch=PATCH, every=False), device.random(batch, 3, SIZE, SIZE)
    if not train:
        return forward_call(network, x, device, "fp32")
    return step_call(network, "adamw", fixed(x, device.integers(CLASSES, batch)), f.cross_entropy, device, "fp32")
