"""One file a kind of operator: what its law reads in records. The formulas are those of costmodel.operators.

Each module hands on its laws as `LAWS`.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from costmodel.calibration.law import Law


@cache
def every() -> tuple[Law, ...]:
    """All laws that can be fitted."""
    modules = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return tuple(law for module in modules for law in getattr(module, "LAWS", ()))
