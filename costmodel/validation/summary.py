"""How far predictions lie from measurements: weighted statistics of |ln(predicted / measured)|."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

SCHEMA = "costmodel/validation/1"


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement and its prediction, in SI.

    `weight`: repeats of one configuration in one source count once together. `excluded`: why the row is not counted
    (its flag, or nothing measured); `skipped`: why it is counted and could not be answered. `inferred`: the rules that
    filled in what the row leaves open.
    """

    row_id: str
    source: str
    metric: str
    measured: float | None
    predicted: float | None = None
    p10: float | None = None
    p90: float | None = None
    naive: float | None = None
    weight: float = 0.0
    excluded: str | None = None
    skipped: str | None = None
    accelerator: str = ""
    family: str = ""
    inferred: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Validation:
    """All results of a table, and what they come to."""

    kind: str
    results: Sequence[Result]

    def summary(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Statistics by metric, source, accelerator and family."""
        return {f"by_{name}": by(self.results, name) for name in ("metric", "source", "accelerator", "family")}

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready data (schema costmodel/validation/1)."""
        rows = [asdict(result) for result in self.results]
        return {"schema": SCHEMA, "kind": self.kind, "rows": rows, "summary": self.summary()}


def by(results: Iterable[Result], name: str) -> dict[str, dict[str, Any]]:
    """Statistics of the results that share a value of the field `name`, in order of appearance."""
    groups: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.excluded is None:
            groups[getattr(result, name)].append(result)
    return {value: statistics(group) for value, group in groups.items()}


def statistics(results: Sequence[Result]) -> dict[str, Any]:
    """Counts, and errors as fractions: exp|ln(predicted / measured)| − 1; None where nothing was answered.

    `bias` is the exponential of the mean ln(predicted / measured), less 1; `coverage_80` the share of measurements
    within p10 … p90. All but the counts are weighted; quantiles are those of the weighted distribution function.
    """
    answered = [r for r in results if r.predicted is not None and r.measured is not None]
    counts = {"rows": len(results), "answered": len(answered)}
    if not answered:
        return counts | dict.fromkeys(
            (
                "median",
                "mean",
                "p90",
                "worst",
                "within_10",
                "within_20",
                "bias",
                "coverage_80",
                "naive_median",
                "naive_p90",
            )
        )
    measured, predicted, low, high, naive, weight = np.array(
        [(r.measured, r.predicted, r.p10, r.p90, r.naive, r.weight) for r in answered], dtype=float
    ).T
    log = np.log(predicted / measured)
    error, naive_error = np.expm1(np.abs(log)), np.expm1(np.abs(np.log(naive / measured)))

    def share(holds: np.ndarray) -> float:
        return float(np.average(holds, weights=weight))

    def quantile(values: np.ndarray, q: float) -> float:
        return float(np.quantile(values, q, weights=weight, method="inverted_cdf"))

    return counts | {
        "median": quantile(error, 0.5),
        "mean": float(np.expm1(np.average(np.abs(log), weights=weight))),
        "p90": quantile(error, 0.9),
        "worst": float(error.max()),
        "within_10": share(error <= 0.10),
        "within_20": share(error <= 0.20),
        "bias": float(np.expm1(np.average(log, weights=weight))),
        "coverage_80": share((low <= measured) & (measured <= high)),
        "naive_median": quantile(naive_error, 0.5),
        "naive_p90": quantile(naive_error, 0.9),
    }
