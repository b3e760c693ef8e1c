"""What is measured of each kind of operator: counts, designs, and that it computes what it is called."""

import math
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from costmodel.calibration.measure import (
    attention,
    convolution,
    device,
    elementwise,
    launch,
    matmul,
    memory,
    optimizer,
    record,
    transfer,
)
from costmodel.calibration.measure.device import Device, Point
from costmodel.calibration.measure.effort import EFFORTS, Effort

NUMPY, TORCH = Device("numpy", "cpu"), Device("torch", "cpu")
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
BACKENDS = [NUMPY, pytest.param(TORCH, marks=needs_torch)]
PHENOMENA = [attention, convolution, elementwise, launch, matmul, memory, optimizer]


def test_matmul_counts() -> None:
    points = list(matmul.points(NUMPY, EFFORTS["thorough"]))
    (mlp,) = (p for p in points if p.shape == {"m": 32, "k": 784, "n": 128})
    assert mlp.flops == 2 * 32 * 784 * 128
    assert mlp.bytes == 4 * (32 * 784 + 784 * 128 + 32 * 128)
    assert len({record.key(p.record("")) for p in points}) == len(points)
    assert {p.dtype for p in points if p.skip} == {"tf32", "bf16", "fp16", "int8", "fp8"}


@needs_torch
def test_attention_and_convolution_counts() -> None:
    prefill = next(attention.points(TORCH, EFFORTS["quick"]))
    assert prefill.shape == {
        **{"batch": 1, "heads": 8, "kv_heads": 8, "head_dim": 64, "length": 512, "context": 512, "causal": 1}
    }
    assert prefill.flops == 4 * 8 * 64 * (512 * 513 / 2)
    assert prefill.bytes == 4 * 4 * 8 * 512 * 64  # q, k, v, output
    layer = next(convolution.points(TORCH, EFFORTS["quick"]))
    assert layer.flops == 2 * 8 * 56 * 56 * 64 * 64 * 9
    assert layer.bytes == 4 * (2 * 8 * 64 * 56 * 56 + 64 * 64 * 9)


@pytest.mark.parametrize("where", BACKENDS)
@pytest.mark.parametrize("effort", EFFORTS.values(), ids=EFFORTS)
def test_designs_have_no_point_twice_and_span_the_law(where: Device, effort: Effort) -> None:
    points = [p for module in PHENOMENA for p in module.points(where, effort)]
    keys = [record.key(p.record("")) for p in points]
    assert len(set(keys)) == len(keys)
    single = [p for p in points if p.kind == "matmul" and p.dtype == "fp32"]
    intensity = [p.flops / p.bytes for p in single]
    assert min(intensity) < 1  # memory
    assert max(intensity) > 100  # arithmetic
    assert min(p.flops for p in single) < 1e5 < 1e9 < max(p.flops for p in single)  # launch
    assert all(math.isfinite(p.flops) and p.flops >= 0 and 2 * p.memory >= p.bytes for p in points if not p.skip)


@pytest.mark.parametrize("where", BACKENDS)
@pytest.mark.parametrize("module", PHENOMENA, ids=lambda m: m.__name__.rpartition(".")[2])
def test_every_small_point_runs(module: object, where: Device) -> None:
    small = [p for p in module.points(where, EFFORTS["thorough"]) if not p.skip and p.memory < 3e6 and p.flops < 1e7]
    for point in small:
        module.prepare(point)()
    assert small or (where is NUMPY and module in (attention, convolution)) or module is convolution


@pytest.mark.parametrize("operation", ["read", "write"])
def test_disk_passes_take_time(operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if operation == "read" and not hasattr(os, "posix_fadvise"):
        pytest.skip("this system cannot drop a file from its page cache")
    file = transfer.prepare(Point("disk", {"operation": operation, "bytes": 2**16}, "int8", NUMPY))
    assert 0 < file.sample(1) < 10
    assert list(tmp_path.iterdir()) == []  # the file has no name that could stay behind


def test_numpy_operators_compute_what_they_are_called() -> None:
    def run(operation: str) -> np.ndarray:
        shape = {"operation": operation, "rows": 4, "columns": 8, "table": 1}
        return np.asarray(elementwise.prepare(Point("memory_bound", shape, "fp32", NUMPY))())

    assert run("softmax").sum(axis=1) == pytest.approx(np.ones(4), abs=1e-6)
    assert run("layer_norm").std(axis=1) == pytest.approx(np.ones(4), abs=1e-2)
    assert (run("relu") >= 0).all()
    x, w = NUMPY.random(3, 5), NUMPY.random(2, 5)
    assert matmul.multiply(x, w, "fp32") == pytest.approx(np.einsum("mk,nk->mn", x, w), abs=1e-6)


@needs_torch
def test_torch_products_compute_what_they_are_called() -> None:
    import torch

    x, w = TORCH.random(32, 64, dtype="int8"), TORCH.random(16, 64, dtype="int8")
    assert torch.equal(matmul.multiply(x, w, "int8").long(), x.long() @ w.long().t())
    shape = {"m": 32, "k": 784, "n": 128, "quantize": "dynamic"}
    torch.manual_seed(0)
    output = matmul.prepare(Point("matmul", shape, "int8", TORCH))()
    # products of uniform values in ±½: a sum of 784 has standard deviation √784 / 12
    assert float(output.std()) == pytest.approx(math.sqrt(784) / 12, rel=0.1)


@needs_torch
@pytest.mark.slow
def test_collectives_run_between_processes() -> None:
    from costmodel.calibration.measure import collective, host

    points = list(collective.points(TORCH, EFFORTS["quick"]))
    if host.cores() < 2:
        assert points[0].skip
        pytest.skip("only one core")
    try:
        group = collective.prepare(points[0])
        assert 0 < group.sample(2) < 60
    finally:
        collective.close()
    assert not any(process.is_alive() for process in group.processes)


def test_emulated_dtypes_are_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    device._lacks.cache_clear()
    monkeypatch.setattr(device.host, "flags", lambda: {"avx2"})
    assert TORCH.lacks("bf16") == "emulated: the CPU has none of amx_bf16, avx512_bf16, bf16"
    device._lacks.cache_clear()
    monkeypatch.setattr(device.host, "flags", lambda: {"avx512_bf16"})
    monkeypatch.setattr(device, "_matmul_time", lambda where, dtype: {"fp32": 1.0, "bf16": 2.0}[dtype])
    assert TORCH.lacks("bf16") == "emulated: 0.50 times the rate of fp32"
    device._lacks.cache_clear()
    assert TORCH.lacks("fp8") == "a CPU has no fp8 unit"
    assert not TORCH.lacks("fp32")
