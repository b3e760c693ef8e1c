"""Numbers to try the documents' formulas with: those of their examples, or usual ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from costmodel.formula import Formula
from costmodel.units import DAY, YEAR

FINE = 40  # points of a curve beside those that a visitor can choose
FACTORS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
STARTS = {
    "alpha": 0.01,
    "batch_size": 256,
    "before": 0.01,
    "beta": 0.9,
    "bytes_per_weight": 2,
    "computing_cost": 1e-4,
    "copies": 2,
    "cost_per_operation": 1e8,
    "data": 1e12,
    "density": 20e12,
    "devices": 1000,
    "feature": 2,
    "gradient": 0.1,
    "head_width": 64,
    "heads": 8,
    "inference_cost": 1e-4,
    "k_3": 1,
    "k_4": 1,
    "key_width": 64,
    "m": 0.1,
    "moment": 0.01,
    "nodes": 8,
    "parameters": 1e9,
    "passes": 3e11,
    "peak": 312e12,
    "people": 5,
    "performance": 1e15,
    "power": 700,
    "prediction": 0.8,
    "pue": 1.2,
    "query_key": 8,
    "query_key_1": 8,
    "query_key_2": 2,
    "salary": 120_000 / YEAR,
    "samples": 10_000,
    "serving_cost": 1e-6,
    "squared_errors": 500,
    "step": 1,
    "target": 1,
    "theta": 0.5,
    "tokens": 3e11,
    "tokens_served": 1e12,
    "training_cost": 1e6,
    "training_time": 90 * DAY,
    "utilisation": 0.4,
    "v": 0.01,
    "value": 1,
    "value_1": 1,
    "value_2": 3,
    "weight": 0.5,
    "weights": 175e9,
    "working_time": 0.5 * YEAR,
}
# The factor of proportionality has another unit, and so another size, in each formula.
FACTOR_OF = {"1": 1e-11, "1/B": 1e-24, "J/FLOP": 1e-23, "FLOP": 6.0}


def start(formula: Formula, argument: str) -> float:
    """A number to begin with for an argument of a formula."""
    if argument in formula.defaults:
        return formula.defaults[argument]
    return float(FACTOR_OF[formula.arguments[argument]] if argument == "k" else STARTS[argument])


def choices(formula: Formula, argument: str) -> list[float]:
    """The numbers that an argument can take, from small to large; the start is among them."""
    first = start(formula, argument)
    if formula.arguments[argument] == "fraction":
        return sorted({*SHARES, first})
    return [first * factor for factor in FACTORS]


def curve(formula: Formula, argument: str, numbers: Mapping[str, float]) -> dict[float, float]:
    """A formula's value by one argument between its least and its largest choice, all others being `numbers`.

    Where it has no value there is no point.
    """
    known = choices(formula, argument)
    between = np.linspace if formula.arguments[argument] == "fraction" else np.geomspace
    places = np.unique([*known, *between(known[0], known[-1], FINE)])
    with np.errstate(all="ignore"):
        values = np.broadcast_to(formula(**{**numbers, argument: places}), places.shape)
    good = np.isfinite(values)
    return dict(zip(places[good].tolist(), values[good].tolist(), strict=True))
