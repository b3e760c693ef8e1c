"""Data parallelism: the same global batch on 1, 2, 4 processes of one core each, gradients averaged by gloo."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import distributed, nn
from torch.nn import functional as f

from costmodel.calibration.measure import host
from costmodel.calibration.measure.device import Device
from costmodel.calibration.verify.case import Case, Run
from costmodel.calibration.verify.small import network, training
from costmodel.calibration.verify.training import fixed, step_call

WIDTHS, GLOBAL_BATCH = (784, 1024, 1024, 10), 512
MOST, PATIENCE_S = 4, 60.0


def cases() -> Iterator[Case]:
    """A step on as many processes as there are cores, up to four."""
    for count in (1, 2, 4):
        if count <= min(MOST, host.cores()) and (count == 1 or distributed.is_available()):
            work = training(WIDTHS, GLOBAL_BATCH // count, "sgd", take=False, processes=count)
            yield Case(f"data-parallel-{count}", "step_time_s", work, partial(_processes, count=count))


def _processes(_: Device, count: int) -> Run:
    return Processes(count)


class Processes:
    """Processes that train together; rank 0 answers how long a step takes. They end with this object."""

    def __init__(self, count: int) -> None:
        context = get_context("spawn")
        self.folder = tempfile.TemporaryDirectory()
        meeting = Path(self.folder.name, "meeting").as_uri()
        self.pipe, far = context.Pipe()
        self.processes = [
            context.Process(target=_work, args=(rank, count, meeting, far if rank == 0 else None), daemon=True)
            for rank in range(count)
        ]
        for process in self.processes:
            process.start()
        far.close()

    def __call__(self) -> None:
        """One step."""
        self.sample(1)

    def sample(self, calls: int) -> float:
        """Seconds of so many steps. Raises RuntimeError if the processes fail."""
        try:
            self.pipe.send(calls)
            if not self.pipe.poll(PATIENCE_S):
                raise RuntimeError(f"no answer within {PATIENCE_S:g} s")
            return float(self.pipe.recv())
        except (EOFError, OSError):
            raise RuntimeError("the processes ended") from None

    def __del__(self) -> None:
        self.pipe.close()
        for process in self.processes:
            process.join(2)
            process.kill()
            process.join()
        self.folder.cleanup()


def _work(rank: int, count: int, meeting: str, pipe: Connection | None) -> None:
    """The life of one process: as many steps as rank 0 is asked for, which it tells the others."""
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if platform.system() == "Darwin" else "lo")
    os.dup2(2, 1)  # gloo greets on standard output
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=count)
    step = _step(count)
    while (calls := _heard(pipe)) > 0:
        began = time.perf_counter()
        for _ in range(calls):
            step()
        if pipe is not None:
            pipe.send(time.perf_counter() - began)
    distributed.destroy_process_group()


def _step(count: int) -> Run:
    device = Device("torch", "cpu")
    layers: nn.Module = network(WIDTHS)
    if count > 1:
        layers = nn.parallel.DistributedDataParallel(layers)
    batch = GLOBAL_BATCH // count
    data = fixed(device.random(batch, WIDTHS[0]), device.integers(WIDTHS[-1], batch))
    return step_call(layers, "sgd", data, f.cross_entropy, device, "fp32")


def _heard(pipe: Connection | None) -> int:
    """How many steps rank 0 is asked for, told to all; 0 at the end."""
    calls = torch.zeros(1, dtype=torch.int64)
    if pipe is not None:
        try:
            calls += int(pipe.recv())
        except (EOFError, OSError):
            calls.zero_()
    distributed.broadcast(calls, src=0)
    return int(calls.item())
