"""Who computes a sweep: this process, a pool of processes, a dask cluster, or any executor of the PEP 3148 kind."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from costmodel.source import cut
from costmodel.sweeping.axes import SweepError

PATIENCE = 5  # seconds to reach a scheduler


@contextmanager
def workers(executor: Executor | str | None) -> Iterator[Callable[..., Iterable[Any]]]:
    """A `map` that keeps the order of its tasks; `executor` is None, "processes", "dask:ADDRESS" or an Executor.

    Raises SweepError for anything else and for a cluster that cannot be reached.
    """
    if executor is None:
        yield map
    elif executor == "processes":
        pool = ProcessPoolExecutor(initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
        try:
            yield _ordered(pool, os.cpu_count() or 1)
        finally:
            pool.shutdown(cancel_futures=True)
    elif isinstance(executor, str) and executor.startswith("dask:"):
        with _dask(executor.removeprefix("dask:")) as client:
            yield _ordered(client.get_executor(pure=False), max(1, sum(client.ncores().values())))
    elif hasattr(executor, "submit"):
        yield _ordered(executor, getattr(executor, "_max_workers", None) or os.cpu_count() or 1)
    else:
        raise SweepError(f"executor {cut(str(executor))!r} is none; write processes or dask:tcp://HOST:8786")


def _ordered(pool: Any, count: int) -> Callable[..., Iterator[Any]]:
    """A map that has but a few tasks per worker under way, so that memory stays constant."""

    def spread(function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        under_way: deque[Any] = deque()
        for task in tasks:
            under_way.append(pool.submit(function, task))
            if len(under_way) > 2 * count:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    return spread


@contextmanager
def _dask(address: str) -> Iterator[Any]:
    """A client of the dask scheduler at an address such as tcp://10.0.0.1:8786."""
    try:
        from distributed import Client
        from distributed.comm.addressing import parse_address, parse_host_port
    except ImportError:
        raise SweepError("dask is not installed; in a clone: pip install '.[cluster]'") from None
    try:
        kind, place = parse_address(address)
        if kind != "inproc":  # a client would wait for what has no port, and complain as it is thrown away
            parse_host_port(place)
        client: Any = Client(address, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        why = cut(str(error).splitlines()[0] if str(error) else type(error).__name__, 120)
        raise SweepError(
            f"no dask scheduler answers at {cut(address, 80)!r} ({why}); write the address that `dask scheduler` prints"
        ) from None
    with client:
        yield client
