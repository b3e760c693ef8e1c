"""Collectives between processes of this machine: gloo on the CPU, NCCL where there are several GPUs."""

from __future__ import annotations

import atexit
import contextlib
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from . import host
from .device import Device, Point
from .effort import Effort
from .timing import quantile

ROUND_S = 0.02  # of collectives between two orders
PATIENCE_S = 60  # for one sample, the start of the processes included

# level, operation, bytes on each process
SIZES = (
    (0, "all_reduce", 2**22),
    (0, "all_reduce", 2**10),
    (1, "all_reduce", 2**16),
    (1, "all_gather", 2**20),
    (2, "all_reduce", 8),
    (2, "all_reduce", 2**18),
    (2, "all_reduce", 2**20),
    (2, "all_reduce", 2**21),
    (2, "all_reduce", 2**23),
    (2, "all_reduce", 2**25),
    (2, "all_gather", 2**12),
    (2, "all_gather", 2**18),
    (2, "all_gather", 2**22),
    (2, "all_gather", 2**24),
    (2, "reduce_scatter", 2**16),
    (2, "reduce_scatter", 2**20),
    (2, "reduce_scatter", 2**22),
    (2, "reduce_scatter", 2**24),
    (3, "all_reduce", 2**28),
    (3, "all_to_all", 2**22),
    (3, "broadcast", 2**12),
    (3, "broadcast", 2**22),
)


def points(device: Device, effort: Effort) -> Iterator[Point]:
    """Every operation by size over 2, 4, … processes, as many as there are cores or GPUs."""
    if device.backend == "numpy":
        yield device.skip("collective", "collectives need torch.distributed")
        return
    import torch
    from torch import distributed

    most, unit = (torch.cuda.device_count(), "GPU") if device.cuda else (host.cores(), "core")
    if most < 2 or not distributed.is_available():
        reason = f"only one {unit}" if most < 2 else "torch was built without distributed"
        yield device.skip("collective", reason)
        return
    worlds = [2**power for power in range(1, 10) if 2**power <= most]
    for world in worlds if effort.level > 1 else worlds[:1]:
        for operation, size in effort.rows(SIZES):
            shape = {"operation": operation, "processes": world, "bytes": size}
            yield Point("collective", shape, "fp32", device, 0.0, float(size), 4.0 * size * world)


def prepare(point: Point) -> Any:
    """The group of processes, told what to do; started anew only when their number changes."""
    global _group
    world = int(point.shape["processes"])
    if _group is None or _group.world != world:
        close()
        _group = Group(world, point.device.cuda)
    _group.choose(str(point.shape["operation"]), int(point.shape["bytes"]))
    return _group


def close() -> None:
    """End the processes."""
    global _group
    if _group is not None:
        _group.close()
    _group = None


class Group:
    """Processes that run collectives on request; rank 0 answers how long they took.

    They end when this side of the pipe is closed, also by the death of this process.
    """

    def __init__(self, world: int, cuda: bool) -> None:
        context = get_context("spawn")
        self.world = world
        self.choose("all_reduce", 8)
        self.folder = tempfile.TemporaryDirectory()
        self.pipe, far = context.Pipe()
        meeting = Path(self.folder.name, "meeting").as_uri()
        self.processes = [
            context.Process(target=_work, args=(rank, world, cuda, meeting, far if rank == 0 else None), daemon=True)
            for rank in range(world)
        ]
        for process in self.processes:
            process.start()
        far.close()

    def choose(self, operation: str, size: int) -> None:
        """What the next samples do."""
        self.operation, self.bytes, self.once_s = operation, size, ROUND_S

    def sample(self, calls: int) -> float:
        """Seconds of so many collectives, by the lower quartile of a round of them: a process that has to wait for a
        core makes single ones tens of times slower. Raises RuntimeError with the reason if the processes failed.
        """
        try:
            self.pipe.send((self.operation, self.bytes, max(1, int(ROUND_S / self.once_s))))
            answer = self.pipe.recv() if self.pipe.poll(PATIENCE_S) else f"no answer within {PATIENCE_S} s"
        except (EOFError, OSError):
            answer = "the processes of the group ended"
        if isinstance(answer, str):
            close()
            raise RuntimeError(answer)
        self.once_s = float(answer)
        return calls * self.once_s

    def close(self) -> None:
        """End the processes and remove their meeting place."""
        self.pipe.close()
        for process in self.processes:
            process.join(2)
            process.kill()
            process.join()
        self.folder.cleanup()


_group: Group | None = None
atexit.register(close)


def _work(rank: int, world: int, cuda: bool, meeting: str, pipe: Connection | None) -> None:
    """The life of one process: join the group, then do what rank 0 hears through its pipe."""
    import signal

    import torch
    from torch import distributed

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.dup2(2, 1)  # gloo greets on standard output, which belongs to the records
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if platform.system() == "Darwin" else "lo")
    torch.set_num_threads(max(1, host.cores() // world))
    where = torch.device("cuda", rank) if cuda else torch.device("cpu")
    try:
        if cuda:
            torch.cuda.set_device(where)
        distributed.init_process_group("nccl" if cuda else "gloo", init_method=meeting, rank=rank, world_size=world)
        while (order := _hear(pipe)) is not None:
            answer = _timed(world, where, *order)
            if pipe is not None:
                pipe.send(answer)
        distributed.destroy_process_group()
    except RuntimeError as problem:
        if pipe is not None:
            pipe.send(_reason(problem))


def _hear(pipe: Connection | None) -> tuple[str, int, int] | None:
    """The next order, from rank 0 to all; None at the end."""
    from torch import distributed

    order: list[tuple[str, int, int] | None] = [None]
    if pipe is not None:
        with contextlib.suppress(EOFError, OSError):
            order = [pipe.recv()]
    distributed.broadcast_object_list(order, src=0)
    return order[0]


def _reason(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}".splitlines()[0]


def _timed(world: int, where: Any, operation: str, size: int, calls: int) -> float | str:
    """Seconds that one collective takes, the lower quartile of so many, or the reason why there are none.

    Processes and the threads that serve their sockets share the cores: about half of the collectives of a megabyte or
    less wait for a time slice of 3 or 4 ms to end.
    """
    import torch
    from torch import distributed

    n = max(1, size // 4)
    share = n // world
    x = torch.rand(n, device=where)
    parts = [torch.empty(n, device=where) for _ in range(world)]
    scatter = getattr(distributed, "reduce_scatter_single", None) or distributed.reduce_scatter_tensor  # its old name
    runs: dict[str, Callable[[], object]] = {
        "all_reduce": lambda: distributed.all_reduce(x),
        "all_gather": lambda: distributed.all_gather(parts, x),
        "reduce_scatter": lambda: scatter(parts[0][:share], x[: share * world]),
        "broadcast": lambda: distributed.broadcast(x, src=0),
        "all_to_all": lambda: distributed.all_to_all_single(parts[0][: share * world], x[: share * world]),
    }
    run, times = runs[operation], []
    together = calls if where.type == "cuda" else 1  # GPUs queue them without waiting, as in training
    try:
        distributed.barrier()
        for _ in range(calls // together):
            began = time.perf_counter()
            for _ in range(together):
                run()
            if where.type == "cuda":
                torch.cuda.synchronize()
            times.append((time.perf_counter() - began) / together)
        return quantile(sorted(times), 0.25)
    except (RuntimeError, NotImplementedError) as problem:
        return _reason(problem)
