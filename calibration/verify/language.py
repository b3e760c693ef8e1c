"""Small language models: GPT (training, prefill, decode with KV cache) and BERT (inference, training)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch.nn import functional as f

from costmodel.calibration.measure.device import Device
from costmodel.calibration.verify import layers as op
from costmodel.calibration.verify.case import Case, Run, Update, Work
from costmodel.calibration.verify.training import fixed, forward_call, step_call
from costmodel.calibration.verify.transformer import Transformer

VOCABULARY = 8192
GPT: dict[str, Any] = {
    "layers": 6,
    "hidden": 384,
    "heads": 6,
    "length": 512,
    "inputs": VOCABULARY,
    "classes": VOCABULARY,
}
BERT: dict[str, Any] = {"layers": 4, "hidden": 512, "heads": 8, "length": 128, "inputs": VOCABULARY, "classes": 2}
GENERATED = 32  # tokens decoded in one call


def cases() -> Iterator[Case]:
    """GPT of 6 × 384 and BERT of 4 × 512."""
    step = op.transformer(**GPT, causal=True, sequences=4, queries=256, head_queries=256, training=True)
    yield Case("gpt-train-step", "step_time_s", work(step, GPT["layers"], train=True), lambda d: _train_gpt(d, 4, 256))
    prefill = op.transformer(**GPT, causal=True, sequences=1, queries=384, head_queries=384)
    yield Case("gpt-prefill", "ttft_s", work(prefill, GPT["layers"]), lambda d: _prefill(d, 384))
    for sequences in (1, 8):
        halfway = op.transformer(**GPT, causal=True, sequences=sequences, queries=1, context=256 + GENERATED / 2)
        generate = replace(work(halfway, GPT["layers"], cached=True), times=float(GENERATED))
        call = partial(_decode, sequences=sequences, context=256)
        yield Case(f"gpt-decode-batch-{sequences}", "seconds_per_output_token", generate, call, units=GENERATED)
    encoder = op.transformer(**BERT, causal=False, sequences=8, queries=128)
    yield Case("bert-inference", "latency_s", work(encoder, BERT["layers"]), lambda d: _bert(d, 8, train=False))
    step = op.transformer(**BERT, causal=False, sequences=8, queries=128, training=True)
    trained = work(step, BERT["layers"], train=True)
    yield Case("bert-train-step", "step_time_s", trained, lambda d: _bert(d, 8, train=True))


def work(stages: tuple[op.Stage, ...], layers: int, train: bool = False, cached: bool = False, others: int = 5) -> Work:
    """One pass of a transformer, or a training step by AdamW; `others`: parameter tensors outside the blocks."""
    update = Update("adamw", op.BLOCK_TENSORS * layers + others, op.parameters(stages)) if train else None
    return Work(stages, op.transformer_modules(layers), op.transformer_views(layers, cached), update=update)


def _tokens(device: Device, *shape: int) -> Any:
    return device.integers(VOCABULARY, *shape)


def _language_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return f.cross_entropy(logits.flatten(0, 1), labels.flatten())


def _train_gpt(device: Device, sequences: int, length: int) -> Run:
    network = Transformer(**GPT, causal=True)
    tokens = _tokens(device, sequences, length)
    return step_call(network, "adamw", fixed(tokens, tokens), _language_loss, device, "fp32")


def _prefill(device: Device, length: int) -> Run:
    return forward_call(Transformer(**GPT, causal=True), _tokens(device, 1, length), device, "fp32")


def _decode(device: Device, sequences: int, context: int) -> Run:
    network = Transformer(**GPT, causal=True).to(device.name).eval()
    caches = network.empty_caches(sequences, context + GENERATED)
    prompt = _tokens(device, sequences, context)

    def generate() -> None:
        with torch.inference_mode():
            token = prompt[:, -1:]
            for at in range(context, context + GENERATED):
                token = network(token, caches, at)[:, -1:].argmax(-1)

    with torch.inference_mode():
        network(prompt, caches, 0)
    return generate


def _bert(device: Device, sequences: int, train: bool) -> Run:
    network = Transformer(**BERT, causal=False, every=False)
    tokens = _tokens(device, sequences, BERT["length"])
    if not train:
        return forward_call(network, tokens, device, "fp32")
    labels = device.integers(2, sequences)
    return step_call(network, "adamw", fixed(tokens, labels), f.cross_entropy, device, "fp32")
