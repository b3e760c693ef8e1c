"""Fitting a law to records: robust, on the logarithm of time, every constant bounded and held near what is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from costmodel.calibration.law import Columns, Facts, Law, Record
from costmodel.ranges import Z90
from costmodel.units import counted

NOISE = 0.15  # scatter of ln(time) about a law: where residuals begin to count less than squared
STARTS = 3  # the prior's centre, then deterministic points about it
IDENTIFIED = 0.5  # standard error of a logarithm above which data do not tell the constant
EDGE = 1e-3  # of the way between the bounds, in logarithms: a start this near is moved, an end counts as on a bound
UNFELT = 1e-6  # change of ln(time) per change of ln(constant) below which a record does not feel a constant

Prior = Mapping[str, tuple[float, float]]  # constant: centre, spread (s.d. of its logarithm)


class FitError(ValueError):
    """Records that do not suffice for a fit; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Constants found, and how well they are known.

    `errors` are standard errors of their logarithms, `residuals` the records' ln(predicted/measured); `warnings` name
    constants that lie on a bound or that the records do not tell.
    """

    law: Law
    constants: dict[str, float]
    errors: dict[str, float]
    correlations: np.ndarray
    residuals: np.ndarray
    warnings: tuple[str, ...]

    def summary(self) -> dict[str, float]:
        """Number of records, median and 90th percentile of |predicted/measured − 1|, bias (median, signed)."""
        return judged(self.residuals)

    @property
    def scatter(self) -> float:
        """How far single records lie from the law: s.d. of the normal law whose middle 80 % is as wide as theirs."""
        return float(np.quantile(np.abs(self.residuals), 0.8)) / Z90

    def spread(self, columns: Columns, apart: Mapping[str, float] | None = None) -> np.ndarray:
        """How far records that the fit has not seen lie from it (s.d. of ln): errors of the constants, and scatter.

        `apart`: how far the constants of these records themselves may lie from the fit's (s.d. of ln).
        """
        names, step = [c.name for c in self.law.constants], 1e-4
        moved = [self.constants | {name: self.constants[name] * np.exp(step)} for name in names]
        base = np.log(predict(self.law, self.constants, columns))
        slopes = np.array([np.log(predict(self.law, m, columns)) - base for m in moved]) / step
        error = np.array([self.errors[name] for name in names])
        covariance = self.correlations * np.outer(error, error)
        covariance += np.diag([(apart or {}).get(name, 0.0) ** 2 for name in names])
        return np.asarray(np.sqrt(np.einsum("in,ij,jn->n", slopes, covariance, slopes) + self.scatter**2))

    def report(self) -> str:
        """Constants with errors, correlations worth knowing, residuals and warnings, as text."""
        lines = [f"{self.law.name}: {counted(len(self.residuals), 'record')}"]
        for c in self.law.constants:
            value, error = self.constants[c.name], self.errors[c.name]
            lines.append(f"  {c.name + ':':24}{value:.4g} ± {value * error:.2g} {c.unit} ({error:.1%})")
        names = [c.name for c in self.law.constants]
        for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
            if abs(self.correlations[i, j]) > 0.5:
                lines.append(f"  correlation {names[i]}, {names[j]}: {self.correlations[i, j]:+.2f}")
        s = self.summary()
        lines.append(f"  error: median {s['median']:.1%}, p90 {s['p90']:.1%}, bias {s['bias']:+.1%}")
        return "\n".join(lines + [f"  warning: {w}" for w in self.warnings])


def fit(
    law: Law,
    columns: Columns,
    times: np.ndarray,
    prior: Prior | None = None,
    weights: np.ndarray | None = None,
) -> Fit:
    """The constants of `law` that best explain `times` [s], given the prior (the law's own if None).

    A constant that is s spreads off its centre costs as much as a time that is s times NOISE off. `weights`
    multiply what a record counts. Raises FitError without records or where a time is not positive.
    """
    from scipy.optimize import least_squares

    if not len(times) or not (np.isfinite(times).all() and (times > 0).all()):
        raise FitError(f"{law.name}: a fit needs records, each with a positive time")
    known = {c.name: (c.start, c.spread) for c in law.constants} | dict(prior or {})
    low, high = (np.log([getattr(c, side) for c in law.constants]) for side in ("low", "high"))
    centre = np.clip(np.log([known[c.name][0] for c in law.constants]), low, high)
    spread = np.array([known[c.name][1] for c in law.constants])
    measured, root = np.log(times), np.sqrt(np.ones(len(times)) if weights is None else weights)

    def residuals(x: np.ndarray) -> np.ndarray:
        raw = np.log(predict(law, _named(law, x), columns)) - measured
        return np.concatenate([root * _softened(raw), NOISE * (x - centre) / spread])

    if not np.isfinite(residuals(np.clip(centre, low, high))).all():
        raise FitError(f"{law.name}: the law gives no positive time where the fit starts; check its columns")
    found = []
    for k in range(STARTS):
        shift = spread * np.sin(np.arange(len(centre)) * 2.4 + k) * (k > 0)
        inside = EDGE * (high - low)
        start = np.clip(centre + shift, low + inside, high - inside)
        found.append(least_squares(residuals, start, bounds=(low, high), x_scale=spread))
    best = min(found, key=lambda f: f.cost)
    constants = _named(law, best.x)
    left = np.log(predict(law, constants, columns)) - measured
    return Fit(law, constants, *_uncertainty(law, best), left, _warnings(law, best, low, high))


def predict(law: Law, constants: Mapping[str, float], columns: Columns) -> np.ndarray:
    """Times [s] by the engine's formula."""
    return np.asarray(law.time(**columns, **constants), float)


def columns(law: Law, records: Sequence[Record], facts: Facts) -> tuple[Columns, np.ndarray]:
    """Arguments of the law's formula and measured times [s] of records of one device."""
    return law.columns(records, facts), np.array([r[law.measured] for r in records])


def judged(residuals: np.ndarray) -> dict[str, float]:
    """What errors ln(predicted/measured) amount to: n, median and p90 of |predicted/measured − 1|, bias."""
    ratio = np.abs(np.exp(residuals) - 1)
    return {
        "n": len(residuals),
        "median": float(np.median(ratio)),
        "p90": float(np.quantile(ratio, 0.9)),
        "bias": float(np.exp(np.median(residuals)) - 1),
    }


def _named(law: Law, logarithms: np.ndarray) -> dict[str, float]:
    return {c.name: float(v) for c, v in zip(law.constants, np.exp(logarithms), strict=True)}


def _softened(raw: np.ndarray) -> np.ndarray:
    """Residuals whose squares are the soft-L1 loss: quadratic within NOISE, linear far beyond."""
    return np.asarray(np.sign(raw) * np.sqrt(2 * NOISE**2 * (np.sqrt(1 + (raw / NOISE) ** 2) - 1)))


def _uncertainty(law: Law, best: Any) -> tuple[dict[str, float], np.ndarray]:
    """Standard errors of the logarithms and their correlations, from the Jacobian of records and prior."""
    data, scatter = _told(law, best)
    held = best.jac[len(data) :] / NOISE
    covariance = np.linalg.inv(data.T @ data / scatter + held.T @ held)
    error = np.sqrt(np.diag(covariance))
    names = [c.name for c in law.constants]
    return dict(zip(names, error.tolist(), strict=True)), covariance / np.outer(error, error)


def _warnings(law: Law, best: Any, low: np.ndarray, high: np.ndarray) -> tuple[str, ...]:
    """Constants on a bound, and those that records alone would not tell."""
    data, scatter = _told(law, best)
    alone = np.sqrt(scatter * np.diag(np.linalg.pinv(data.T @ data)))
    warnings = []
    for i, c in enumerate(law.constants):
        if min(best.x[i] - low[i], high[i] - best.x[i]) < 2 * EDGE * (high[i] - low[i]):
            warnings.append(f"{c.name} lies on its bound")
        elif alone[i] > IDENTIFIED or np.abs(data[:, i]).max() < UNFELT:
            warnings.append(f"{c.name} is not identifiable from these records: the prior decides")
    return tuple(warnings)


def _told(law: Law, best: Any) -> tuple[np.ndarray, float]:
    """The records' part of the Jacobian, and the variance of their residuals."""
    n = len(best.fun) - len(law.constants)
    return best.jac[:n], max(float(np.sum(best.fun[:n] ** 2)) / max(1, n - len(law.constants)), 1e-12)
