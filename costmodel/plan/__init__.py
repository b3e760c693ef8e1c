"""Searches and what-ifs over what a scenario leaves open; each is imported when it is first used."""

from typing import Any

_HOME = {
    "batch": "learning",
    "benchmark": "learning",
    "buy": "owning",
    "compress": "compressing",
    "feed": "pipeline",
    "fleet": "mixed",
    "optimiser": "learning",
    "scale": "scaling",
    "size": "sizing",
    "sleep": "sleeping",
}
__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module 'costmodel.plan' has no attribute {name!r}")
    return getattr(import_module(f"costmodel.plan.{_HOME[name]}"), name)
