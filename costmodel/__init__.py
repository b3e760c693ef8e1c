"""What it takes to train or serve a machine-learning model.

`estimate`, `compare`, `sweep`, `load` are imported when they are first used, so that importing costmodel is fast.
"""

from pathlib import Path
from typing import Any

__version__ = "0.1.0"
__all__ = ["compare", "estimate", "load", "plan", "sensitivity", "sweep", "validate"]

_HOME = {
    **dict.fromkeys(("estimate", "compare", "validate"), "api"),
    **{"load": "loading", "sweep": "sweeping", "sensitivity": "tornado"},
}


# In a clone the rooms app/ and calibration/ lie beside this folder; setup.py puts them into it when it installs.
_clone = Path(__file__).parent.parent
if (_clone / "setup.py").is_file() and (_clone / "calibration").is_dir():
    __path__.append(str(_clone))


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "plan":  # the room of searches: costmodel.plan.size
        return import_module("costmodel.plan")
    if name not in _HOME:
        raise AttributeError(f"module 'costmodel' has no attribute {name!r}")
    return getattr(import_module(f"costmodel.{_HOME[name]}"), name)
