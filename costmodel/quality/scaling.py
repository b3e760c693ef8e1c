"""Loss against parameters and tokens: rival laws side by side, each with its range and source.

Absolute losses hold for the tokeniser and the data of a law's own family. Differences within a family carry over to
another family; `family` fits one to your own runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from costmodel import ops
from costmodel.catalog.table import find, key
from costmodel.formula import formula
from costmodel.quality.evidence import Evidence, Expected, NoEvidence, constants, positive, table
from costmodel.units import Count, Fraction, Number, shortened

EPOCHS = 16.0  # repeats beyond which the data-constrained law, which knows no overfitting, is refused
NOISE = 0.02  # nats between runs of one family beside the form of the law
PIVOT = (1e9, 2e10)  # parameters and tokens at which the scales of families are compared
EXPONENT_SPREAD = (0.05, 0.1)  # weak prior on how far exponents of size and data lie from the refit
BEYOND = 100.0  # times outside the range of a law that are refused
DEFAULT = "chinchilla-refit"


@dataclass(frozen=True, slots=True)
class Law:
    """Loss = irreducible + size_scale/N^size_exponent + data_scale/D^data_exponent, and where that was seen to hold."""

    name: str
    irreducible: float
    size_scale: float
    size_exponent: float
    data_scale: float
    data_exponent: float
    parameters: tuple[float, float]
    tokens: tuple[float, float]
    rows: int
    source: str
    note: str

    @property
    def constants(self) -> dict[str, Number]:
        """What the formulas take, by name."""
        names = ("irreducible", "size_scale", "size_exponent", "data_scale", "data_exponent")
        return {name: getattr(self, name) for name in names}


@formula(r"L", source="hoffmann-2022")
def scaling_loss(
    parameters: Count,
    tokens: Count,
    irreducible: Count,
    size_scale: Count,
    size_exponent: Fraction,
    data_scale: Count,
    data_exponent: Fraction,
) -> Count:
    """Loss in nats per token of a model of so many parameters after so many tokens."""
    return irreducible + size_scale / parameters**size_exponent + data_scale / tokens**data_exponent


@formula(r"D_L", source="sardana-2024")
def tokens_at_loss(
    loss: Count,
    parameters: Count,
    irreducible: Count,
    size_scale: Count,
    size_exponent: Fraction,
    data_scale: Count,
    data_exponent: Fraction,
) -> Count:
    """Tokens after which a model of so many parameters reaches a loss."""
    left = loss - irreducible - size_scale / parameters**size_exponent
    return (data_scale / left) ** (1 / data_exponent)


@formula(r"N_U", source="muennighoff-2023")
def balanced_parameters(
    tokens: Count, size_scale: Count, size_exponent: Fraction, data_scale: Count, data_exponent: Fraction
) -> Count:
    """Parameters for which so many tokens are the optimum."""
    balance = size_exponent * size_scale / (data_exponent * data_scale)
    return balance ** (1 / size_exponent) * tokens ** (data_exponent / size_exponent)


@formula(r"U'", source="muennighoff-2023")
def worth_of_repeats(total: Count, unique: Count, decay: Count) -> Count:
    """What `total` is worth when only `unique` is new: each repeat adds less, at most `decay` times it in all."""
    return unique + unique * decay * (1 - ops.exp((1 - total / unique) / decay))


@cache
def laws() -> dict[str, Law]:
    """All laws by name: those published, and those fitted to the runs of one family."""
    found = [_law(row) for name in ("laws", "families") for row in table(name)]
    return {law.name: law for law in found}


def law(name: str) -> Law:
    """The law of a name. Raises CatalogError with the nearest names."""
    index = {key(n): found for n, found in laws().items()}
    return find(index, name, "scaling law", lambda: {k: found.name for k, found in index.items()})


def loss(parameters: float, tokens: float, name: str = DEFAULT, unique_tokens: float | None = None) -> Expected:
    """Loss in nats per token by a law, for that law's own tokeniser and data.

    Repeats (`unique_tokens` below `tokens`) need the law "data-constrained". Raises CatalogError, ValueError, and
    NoEvidence beyond 16 epochs or 100 times outside the law's range.
    """
    used = law(name)
    warnings = _warnings(used, parameters, tokens)
    value = _value(used, parameters, tokens, unique_tokens)
    low, high = _band(used, lambda a: _value_of(a, parameters, tokens), value, constants("scaling")["residual"])
    warnings.append("absolute loss holds only for the tokeniser and data of this law; compare differences")
    return Expected(value, low, high, "nats per token", _evidence(used), tuple(warnings))


def difference(before: tuple[float, float], after: tuple[float, float], name: str = DEFAULT) -> Expected:
    """Loss of the plan `after` minus loss of `before`, each (parameters, tokens), within one family.

    The band joins the spread of the law's constants and the error of the law on families it was not fitted to.
    Raises CatalogError, ValueError, NoEvidence.
    """
    used = law(name)
    warnings = [*_warnings(used, *before), *_warnings(used, *after)]
    value = _value(used, *after, None) - _value(used, *before, None)
    fitted = constants("scaling")
    error = fitted["difference error"] + fitted["relative difference error"] * abs(value)
    low, high = _band(used, lambda a: _value_of(a, *after) - _value_of(a, *before), value, error)
    return Expected(value, low, high, "nats per token", _evidence(used), tuple(dict.fromkeys(warnings)))


def family(
    runs: Sequence[tuple[float, float, float]], name: str = "own runs", spread: tuple[float, float] | None = None
) -> Law:
    """A law for your own runs, each (parameters, tokens, loss): the constants of the refit, moved to the runs.

    Robust Gauss-Newton with a prior around the refit, so that few runs move only what they speak of; `spread` is how
    far families lie from it in their two scales, by default as measured. Raises ValueError for fewer than two runs.
    """
    import numpy as np

    base = law(DEFAULT)
    if spread is None:
        spread = constants("scaling")["size spread"], constants("scaling")["data spread"]
    data = [[positive(x, "a run's number") for x in run] for run in runs]
    if len(data) < 2 or any(len(run) != 3 for run in data):
        raise ValueError("a family needs at least two runs, each (parameters, tokens, loss)")
    n, d, y = np.array(data).T
    size_at, data_at = np.log(n / PIVOT[0]), np.log(d / PIVOT[1])
    exponents = np.array([base.size_exponent, base.data_exponent])
    scales = np.log([base.size_scale, base.data_scale]) - exponents * np.log(PIVOT)  # ln of both terms at the pivot
    centre = np.concatenate([[base.irreducible], scales, exponents])
    precision = np.diag((NOISE / np.array([1.0, *spread, *EXPONENT_SPREAD])) ** 2)
    found = centre.copy()
    for _ in range(50):
        size, tokens = np.exp(found[1] - found[3] * size_at), np.exp(found[2] - found[4] * data_at)
        residual = y - found[0] - size - tokens
        slope = np.stack([np.ones_like(y), size, tokens, -size * size_at, -tokens * data_at], 1)
        weighted = slope * np.minimum(1.0, NOISE / np.maximum(np.abs(residual), 1e-9))[:, None]
        step = np.linalg.solve(weighted.T @ slope + precision, weighted.T @ residual - precision @ (found - centre))
        found = found + np.clip(step, -0.5, 0.5)
    scales = np.exp(found[1:3] + found[3:] * np.log(PIVOT))
    return Law(
        name=name,
        irreducible=float(found[0]),
        size_scale=float(scales[0]),
        size_exponent=float(found[3]),
        data_scale=float(scales[1]),
        data_exponent=float(found[4]),
        parameters=(float(n.min()), float(n.max())),
        tokens=(float(d.min()), float(d.max())),
        rows=len(y),
        source=base.source,
        note=f"fitted to {len(y)} runs",
    )


def _value_of(values: dict[str, Number], parameters: float, tokens: float) -> Number:
    return scaling_loss(parameters, tokens, **values)


def _value(used: Law, parameters: float, tokens: float, unique: float | None) -> float:
    if unique is not None and positive(unique, "unique tokens") < tokens:
        if used.name != "data-constrained":
            raise NoEvidence(f"{used.name} knows no repeated data; use the law 'data-constrained'")
        if tokens / unique > EPOCHS:
            raise NoEvidence(f"{tokens / unique:.3g} epochs: beyond {EPOCHS:g} the law is far too optimistic")
        shape = {k: v for k, v in used.constants.items() if k != "irreducible"}
        fresh = min(parameters, balanced_parameters(unique, **shape))
        decay = constants("scaling")
        tokens = worth_of_repeats(tokens, unique, decay["repeat decay"])
        parameters = worth_of_repeats(parameters, fresh, decay["excess parameter decay"])
    return float(_value_of(used.constants, parameters, tokens))


def _warnings(used: Law, parameters: float, tokens: float) -> list[str]:
    """What lies outside the range of a law. Raises ValueError, and NoEvidence far outside."""
    found = []
    for value, what, (low, high) in ((parameters, "parameters", used.parameters), (tokens, "tokens", used.tokens)):
        positive(value, what)
        seen = f"{used.name}, seen from {shortened(low, 2)} to {shortened(high, 2)}"
        if not low / BEYOND <= value <= high * BEYOND:
            raise NoEvidence(f"{shortened(value)} {what}: more than {BEYOND:g} times outside {seen}")
        if not low <= value <= high:
            found.append(f"{shortened(value)} {what} lie outside {seen}")
    return found


def _band(used: Law, reading: Any, value: float, error: float) -> tuple[float, float]:
    """80 % band: the spread over bootstrap draws of the constants (where shipped), joined with an error of the law."""
    if used.name != DEFAULT:
        return value - error, value + error
    import numpy as np

    drawn = np.asarray(reading(draws()), dtype=float)
    low, high = (float(q) for q in np.quantile(drawn, [0.1, 0.9], method="nearest"))
    middle = float(np.quantile(drawn, 0.5, method="nearest"))
    return value - math.hypot(max(middle - low, 0.0), error), value + math.hypot(max(high - middle, 0.0), error)


@cache
def draws() -> dict[str, Any]:
    """Bootstrap draws of the refit's constants, as arrays that the formulas take."""
    import numpy as np

    rows = table("chinchilla_draws")
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def _evidence(used: Law) -> Evidence:
    return Evidence(used.rows, (used.source,))


def _law(row: dict[str, str]) -> Law:
    numbers = {k: float(row[k]) for k in Law.__slots__[1:6]}
    return Law(
        name=row["law"],
        **numbers,
        parameters=(float(row["parameters_low"]), float(row["parameters_high"])),
        tokens=(float(row["tokens_low"]), float(row["tokens_high"])),
        rows=int(row["rows"]),
        source=row["source"],
        note=row["note"],
    )
