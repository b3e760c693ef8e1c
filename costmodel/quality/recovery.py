"""Accuracy that a compressed model keeps, case by case: what tables of many sources publish, with an 80 % band.

A recovery is the accuracy after over the accuracy before. Bands hold for a source not seen: sources count by the
square root of their rows, and the band is widened by what was missing when whole sources were left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from costmodel.catalog.table import names, unknown
from costmodel.quality.evidence import ACCURACY, Case, Evidence, Expected, cases, positive, table
from costmodel.units import counted

HARD = ("bbh", "gpqa", "mmlu-pro", "openllm-v2", "math", "ifeval", "musr")  # reasoning that knowledge does not carry
ROTATIONS = ("quarot", "spinquant")
COLLAPSED = 0.6  # share of the accuracy: below, a published row is no example of what to expect

# tokens of training after structured pruning, from and to
PRUNED = {
    "pruned-below-10M-tokens": (1.0, 1e7),
    "pruned-10M-1B-tokens": (1e7, 1e9),
    "pruned-1B-10B-tokens": (1e9, 1e10),
    "pruned-10B-50B-tokens": (1e10, 5e10),
    "pruned-above-50B-tokens": (5e10, 1e13),
}


def _accuracy(c: Case) -> bool:
    return c.loss is None and c.recovery is not None


def _nominal(c: Case, bits: int) -> bool:
    return c.bits is not None and bits <= c.bits < bits + 1


def _four_bit_activations(c: Case) -> bool:
    return c.family == "lm" and c.technique == "weight-activation" and c.bits == 4 and c.activation_bits == 4


def _pruned(low: float, high: float) -> Callable[[Case], bool]:
    """Structured pruning of language models with a number of tokens of training after it (0 and 0: none)."""
    return lambda c: (
        c.family == "lm" and c.technique == "structured" and _accuracy(c) and low <= (c.tokens or 0) <= high
    )


# every case that can be asked, and which published rows speak of it
CASES: dict[str, Callable[[Case], bool]] = {
    "fp8": lambda c: (
        c.family == "lm"
        and c.technique == "weight-activation"
        and _accuracy(c)
        and any(f in c.method.lower() for f in ("fp8", "float8"))
    ),
    "int8": lambda c: (
        c.family == "lm"
        and _accuracy(c)
        and _nominal(c, 8)
        and "fp8" not in c.method
        and "float8" not in c.method
        and c.technique in ("weight-activation", "weight-only")
    ),
    "int4": lambda c: (
        c.family == "lm"
        and c.technique == "weight-only"
        and _accuracy(c)
        and _nominal(c, 4)
        and c.recipe not in ("qat", "other")
    ),
    "int4-hard-tasks": lambda c: CASES["int4"](c) and any(task in c.metric.lower() for task in HARD),
    "int4-trained": lambda c: (
        c.family == "lm" and c.technique == "weight-only" and _accuracy(c) and _nominal(c, 4) and c.recipe == "qat"
    ),
    "codebook-2-bit": lambda c: c.recipe == "codebook" and c.technique == "weight-only" and _accuracy(c),
    "nvfp4": lambda c: _four_bit_activations(c) and _accuracy(c) and "nvfp4" in c.method and c.recipe != "qat",
    "nvfp4-trained": lambda c: _four_bit_activations(c) and _accuracy(c) and "nvfp4" in c.method and c.recipe == "qat",
    "int4-w4a4": lambda c: (
        _four_bit_activations(c) and _accuracy(c) and "nvfp4" not in c.method and c.method not in ROTATIONS
    ),
    "int4-w4a4-rotated": lambda c: _four_bit_activations(c) and _accuracy(c) and c.method in ROTATIONS,
    "kv-8-bit": lambda c: c.technique == "kv" and "q5" not in c.method and c.recovery is not None,
    "cnn-int8": lambda c: (
        c.family == "cnn" and c.technique == "weight-activation" and _accuracy(c) and "mixed" not in c.method.lower()
    ),
    "encoder-int8": lambda c: c.family == "encoder" and c.technique == "weight-activation" and _accuracy(c),
    "pruned": _pruned(0, 0),
    **{name: _pruned(*tokens) for name, tokens in PRUNED.items()},
    "sparse-2:4-trained": lambda c: c.family == "lm" and c.technique == "n:m" and _accuracy(c),
    "encoder-pruned-trained": lambda c: (
        c.family == "encoder" and c.technique in ("structured", "n:m", "unstructured") and _accuracy(c)
    ),
    "cnn-pruned-trained": lambda c: (
        c.family == "cnn" and c.technique in ("structured", "unstructured") and _accuracy(c)
    ),
}


def chosen(case: str) -> list[Case]:
    """The published rows of a case. Raises CatalogError with the nearest names."""
    if not isinstance(case, str) or case not in CASES:
        raise unknown("compression", case, {c: c for c in CASES})
    return [c for c in cases() if CASES[case](c)]


def expected(case: str, parameters: float | None = None) -> Expected:
    """Share of the accuracy that remains, for a name of CASES such as "fp8".

    `parameters` only choose the nearest published cases. Raises CatalogError, ValueError.
    """
    found = chosen(case)
    if parameters is not None:
        size = positive(parameters, "parameters")
        found.sort(key=lambda c: abs(math.log(c.parameters / size)) if c.parameters else math.inf)
    row = next(r for r in table("recovery") if r["case"] == case)
    warnings = []
    if int(row["sources"]) < 3:
        warnings.append(f"only {counted(int(row['sources']), 'source')}: the band could not be checked on others")
    if lost := [c for c in found if c.recovery is not None and c.recovery < COLLAPSED]:
        warnings.append(f"{len(lost)} of {len(found)} published rows collapsed (less than {COLLAPSED:g} kept)")
    return Expected(
        float(row["value"]),
        float(row["low"]),
        float(row["high"]),
        ACCURACY,
        Evidence(len(found), tuple(names(row["source"])), tuple(found[:5])),
        tuple(warnings),
    )
