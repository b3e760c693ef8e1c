"""Searches over what a scenario leaves open. `costmodel.plan.size` is imported when it is first used."""

from typing import Any

__all__ = ["size"]

_HOME = {"size": "sizing"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module 'costmodel.plan' has no attribute {name!r}")
    return getattr(import_module(f"costmodel.plan.{_HOME[name]}"), name)
