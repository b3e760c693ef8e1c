"""Measured runs → a site profile: every constant moves as far as the runs tell and its range allows.

The maximum a posteriori of all constants at once: what a run shows is off by a scatter that differs from run to run
inside one site and that no constant explains, and a constant may be anywhere in the range that the profile states.
One run therefore moves little, and a constant that no run depends on does not move.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from costmodel import profile as profiles
from costmodel.calibration.runs.forward import COMPUTE_EFFICIENCY, Forward, knob, least
from costmodel.calibration.runs.run import Run, RunError, Runs
from costmodel.job import Assumption
from costmodel.ranges import Z90, draw
from costmodel.resolve import resolve
from costmodel.scenario import Scenario
from costmodel.units import counted
from costmodel.validation.question import RULES

# S.d. of ln(predicted / measured) inside one source, for reasons that no constant explains. Of step times .24 over 32
# sources of published runs; of power a judgement.
SCATTER = {"step_time_s": 0.24, "compute_time_s": 0.24, "power_w": 0.15}
SCATTER_COUNTS = 4  # runs that this prior counts as, against the scatter that a site's own runs show
SCALE = "framework.time_factor"  # whose range is that of whole steps
# The other ranges are those of operators timed alone. At a site (libraries, clocks, what runs beside them) they differ
# by more, and on published sources 3 to 5 times the range predicts best what was left out. A single run says nothing
# about which constant it is, so that the range itself holds for one, and this much from five configurations on.
REACH = 3.0
TOLD = 0.05  # share of a constant's prior variance that runs must remove for it to move
FARTHEST = 3.0  # s.d. of the prior that a constant may go
STEP = 1e-3  # of differences
IMPLAUSIBLE = 1000.0  # times off a prediction: no device or software explains it
FOLDS = 20  # parts that are left out in turn, at most
REPORTED = (COMPUTE_EFFICIENCY, "framework", "link", "network", "power")  # laws whose unmoved constants a report names

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moved:
    """A constant that the runs moved, or several that move together: `before` and `after` are of the first of them.

    `error` is the standard error of the logarithm, `told` the share of the prior's variance that the runs removed.
    """

    name: str
    before: float
    after: float
    unit: str
    error: float
    told: float


@dataclass(frozen=True)
class SiteFit:
    """A site profile and what it is worth.

    `errors` has ln(predicted / measured) of every measurement before, after, and when its configuration is left out
    (left_out, None with one configuration). `scatter` is the s.d. of what remains from run to run.
    """

    profile: Entry
    base: str
    source: str
    runs: int
    labels: tuple[tuple[str, str], ...]  # run and metric
    errors: dict[str, np.ndarray | None]
    moved: tuple[Moved, ...]
    held: tuple[str, ...]
    scatter: float

    def write(self) -> Path:
        """Keep the profile among the user's own, where `profile: NAME` finds it. Returns its path."""
        return profiles.keep(self.profile["name"], self.profile)

    def report(self) -> str:
        """What was compared, how far off it was and is, what the fit changed and how surely, as text."""
        name, runs = self.profile["name"], counted(self.runs, "measured run")
        off = f"predictions of {counted(len(self.labels), 'measurement')} are off by"
        rows = {
            "before": f"with profile {self.base}",
            "after": f"with profile {name}",
            "left_out": "each by a fit without it",
        }
        lines = [
            f"{name}: profile {self.base}, its constants fitted to {runs} of {self.source}",
            "",
            f"{off:42}    median       p90",
        ]
        for key, words in rows.items():
            errors = self.errors[key]
            figures = judged(errors) if errors is not None else None
            row = (
                f"{figures['median']:10.1%}{figures['p90']:10.1%}" if figures else "  one configuration: cannot be told"
            )
            lines.append(f"  {words:40}{row}")
        lines += [
            "",
            "changed" if self.moved else "nothing changed: the runs tell no constant better than it was known",
        ]
        for m in self.moved:
            value = f"{m.before:.4g} → {m.after:.4g} {m.unit if m.unit != '1' else ''}".rstrip()
            lines.append(f"  {m.name:38}{value:32} ± {m.error:.0%}, {m.told:.0%} of its doubt (variance) removed")
        if self.held:
            named = [name for name in self.held if name.partition(".")[0] in REPORTED]
            rest = counted(len(self.held) - len(named), "constant")
            lines += ["", f"unchanged, since the runs say too little of them: {', '.join([*named, rest])} of operators"]
        spread = f"{np.expm1(Z90 * self.scatter):.0%}"
        told = (
            f"one configuration cannot tell how far off others are; of published ones 8 of 10 lie within {spread}"
            if self.errors["left_out"] is None
            else f"expect 8 of 10 other runs within {spread} of their predictions: they scatter so for other reasons"
        )
        return "\n".join([*lines, "", told])

    def as_dict(self) -> Entry:
        """The same as JSON-ready data."""
        return {
            "schema": "costmodel/site-fit/1",
            "profile": self.profile["name"],
            "base": self.base,
            "source": self.source,
            "errors": {name: None if e is None else judged(e) for name, e in self.errors.items()},
            "rows": [
                {"run": run, "metric": metric} | {n: float(e[i]) for n, e in self.errors.items() if e is not None}
                for i, (run, metric) in enumerate(self.labels)
            ],
            "moved": [{name: getattr(m, name) for name in m.__slots__} for m in self.moved],
            "held": list(self.held),
            "scatter": self.scatter,
        }


@dataclass(frozen=True, slots=True)
class Solution:
    """Setting of every knob and its standard error, in s.d. of its range; `told` is the share of the variance that it
    had before and the runs removed, 0 for a knob that does not move.
    """

    setting: np.ndarray
    error: np.ndarray
    told: np.ndarray


def calibrate(runs: Runs, name: str, base: str | None = None) -> SiteFit:
    """The profile called `name` that fits measured runs, from the profile `base` (None: that of their device).

    Raises RunError for runs of devices with different profiles, ProfileError for a name that cannot be one and for an
    unknown base, CatalogError and ScenarioError for a scenario that does not resolve.
    """
    profiles.own_name(name)
    base = base or _common(runs)
    model = Forward(runs.runs, base)
    weights = model.weights()
    before = model(np.zeros((len(model.knobs), 1)))[:, 0] - model.measured
    _refuse(runs, model, before)
    best = solve(model, weights)
    after = model(best.setting[:, np.newaxis])[:, 0] - model.measured
    left_out = _left_out(model, weights)
    scatter = _scatter(model, after if left_out is None else left_out, weights)
    made, moved = _profile(profiles.load(base), name, model, best, scatter)
    made["meaning"] = f"{len(runs.runs)} measured runs of {Path(runs.source).name}; what they do not tell from {base}."
    if not isinstance(made.get("hardware"), dict):
        devices = {resolve(said).hardware for said in _scenarios(runs)}
        made["hardware"] = devices.pop() if len(devices) == 1 else None
    errors = {"before": before, "after": after, "left_out": left_out}
    made["runs"] = {key: None if e is None else judged(e) for key, e in errors.items()}
    labels = tuple((run.name, metric) for run in runs.runs for metric in run.measured)
    held = tuple(k for k, told in zip(model.knobs, best.told, strict=True) if not told)
    return SiteFit(made, base, runs.source, len(runs.runs), labels, errors, moved, held, scatter)


def solve(model: Forward, weights: np.ndarray) -> Solution:
    """The setting with the greatest posterior density; knobs of which the runs tell too little stay at 0."""
    reach = _reach(model, weights)
    _, error = _solve(model, weights, reach, np.ones(len(reach), dtype=bool))
    free = 1 - (error / reach) ** 2 > TOLD
    setting, error = _solve(model, weights, reach, free) if free.any() else (np.zeros(len(reach)), reach)
    return Solution(setting, error, 1 - (error / reach) ** 2)


def _reach(model: Forward, weights: np.ndarray) -> np.ndarray:
    """How far each knob may lie from the profile (s.d.), in s.d. of its range."""
    per_run = np.bincount(model.owners)[model.owners]
    configurations = float(np.sum(weights / per_run))
    wide = min(REACH, 1 + (REACH - 1) * max(0.0, configurations - 1) / 4)
    return np.array([1.0 if name == SCALE else wide for name in model.knobs])


def _solve(model: Forward, weights: np.ndarray, reach: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import least_squares

    count = int(free.sum())
    told = np.column_stack([model.asked, model.measured, _usual(model)])
    rows, first, repeats = np.unique(told, axis=0, return_index=True, return_inverse=True)  # equal rows count together
    root, usual = np.sqrt(np.bincount(repeats.ravel(), weights))[:, np.newaxis], rows[:, 2:]

    def residuals(points: np.ndarray) -> np.ndarray:
        settings = np.zeros((len(free), points.shape[1]))
        settings[free] = points
        off = (model(settings)[first] - rows[:, 1:2]) / usual
        # Squares of these are the soft-L1 loss: one run that is far off does not decide.
        return np.vstack(
            [root * np.sign(off) * np.sqrt(2 * (np.sqrt(1 + off**2) - 1)), points / reach[free, np.newaxis]]
        )

    def jacobian(z: np.ndarray) -> np.ndarray:
        at = residuals(np.column_stack([z, z[:, np.newaxis] + STEP * np.eye(count)]))
        return np.asarray((at[:, 1:] - at[:, :1]) / STEP)

    start = np.zeros(count)
    ends = FARTHEST * reach[free]
    best = least_squares(lambda z: residuals(z[:, np.newaxis])[:, 0], start, jac=jacobian, bounds=(-ends, ends))
    setting, error = np.zeros(len(free)), reach.copy()
    setting[free] = best.x
    error[free] = np.sqrt(np.diag(np.linalg.inv(best.jac.T @ best.jac)))
    return setting, error


def _usual(model: Forward) -> list[float]:
    """The scatter to expect of every measurement: more where rules filled in what a run leaves open."""

    def opened(run: Run) -> list[float]:
        return [math.log(RULES[rule].time) / Z90 for rule in run.inferred]

    return [math.hypot(SCATTER[metric], *opened(model.runs[i])) for i, metric in model.entries]


def judged(errors: np.ndarray) -> dict[str, float]:
    """Number, median and 90th percentile of |ln(predicted / measured)|, both as exp(·) − 1."""
    sizes = np.expm1(np.abs(errors))
    return {"n": len(errors), "median": float(np.median(sizes)), "p90": float(np.quantile(sizes, 0.9))}


def _common(runs: Runs) -> str:
    """The profile that all runs would be estimated with."""
    found = {said.profile or profiles.shipped(resolve(said).hardware) for said in _scenarios(runs)}
    if len(found) > 1:
        raise RunError(f"{runs.source}: its runs go by the profiles {', '.join(sorted(found))}; name one to start from")
    return found.pop()


def _scenarios(runs: Runs) -> Iterable[Scenario]:
    """The scenarios of all runs, each once."""
    return {run.scenario.model_dump_json(): run.scenario for run in runs.runs}.values()


def _refuse(runs: Runs, model: Forward, before: np.ndarray) -> None:
    """Raise RunError for a measurement that no device reaches, or that must be in another unit."""
    fastest = model(np.zeros((len(model.knobs), 1)), least)[:, 0]
    beyond = (model.measured < fastest) | (np.abs(before) > math.log(IMPLAUSIBLE))
    if not beyond.any():
        return
    at = int(np.argmax(beyond))
    owner, metric = model.entries[at]
    value, limit, usual = np.exp([model.measured[at], fastest[at], model.measured[at] + before[at]])
    wrong = f"{runs.source}: {runs.runs[owner].name}: {metric} = {value:.3g} "
    if model.measured[at] < fastest[at]:
        raise RunError(f"{wrong}is impossible, at its peak rate the device takes {limit:.3g}; check it and its unit")
    raise RunError(f"{wrong}is more than {IMPLAUSIBLE:g} times off, {usual:.3g} is expected; check it and its unit")


def _left_out(model: Forward, weights: np.ndarray) -> np.ndarray | None:
    """Errors of every measurement by a fit without any of its configuration."""
    distinct = np.unique(model.configurations)
    if len(distinct) < 2:
        return None
    errors = np.empty(len(model.entries))
    for part in range(min(FOLDS, len(distinct))):
        out = np.isin(model.configurations, distinct[part::FOLDS])
        found = solve(model, np.where(out, 0.0, weights))
        errors[out] = (model(found.setting[:, np.newaxis])[:, 0] - model.measured)[out]
    return errors


def _scatter(model: Forward, errors: np.ndarray, weights: np.ndarray) -> float:
    """S.d. of what the constants do not explain: the prior's, and that of the runs as far as they are many."""
    usual = SCATTER["step_time_s"]
    own = np.minimum(np.abs(errors), 2 * usual) ** 2
    return float(np.sqrt((SCATTER_COUNTS * usual**2 + weights @ own) / (SCATTER_COUNTS + weights.sum())))


def _profile(
    base: Mapping[str, Any], name: str, model: Forward, best: Solution, scatter: float
) -> tuple[Entry, tuple[Moved, ...]]:
    """The base with the constants that moved, their ranges from their standard errors."""
    made: Entry = {**copy.deepcopy(dict(base)), "name": name}
    place = {k: i for i, k in enumerate(model.knobs)}
    moved: dict[str, Moved] = {}
    for law, section in made["laws"].items():
        for constant, record in section.items():
            key = knob(law, constant)
            at = place.get(key)
            prior = Assumption(key, record["value"], record["unit"], "", "", record.get("low"), record.get("high"))
            if at is None or not best.told[at] or prior.low is None or not prior.value:
                continue
            z, error, told = best.setting[at], best.error[at], best.told[at]
            left = np.hypot(error, scatter / _width(prior, 0.0, 1.0)) if key == SCALE else error
            spread = min(1.0, float(left))  # never wider than before
            low, value, high = draw(prior, np.array([z - Z90 * spread, z, z + Z90 * spread]))
            moved.setdefault(
                key, Moved(key, record["value"], float(value), record["unit"], _width(prior, z, error), float(told))
            )
            numbers = {n: float(f"{v:.4g}") for n, v in (("value", value), ("low", low), ("high", high))}
            section[constant] = (
                record | numbers | {"source": profiles.MEASURED, "note": f"the runs tell {told:.0%} of it"}
            )
    return made, tuple(sorted(moved.values(), key=lambda m: -m.told))


def _width(prior: Assumption, z: float, error: float) -> float:
    """S.d. of the logarithm of a constant whose setting is z ± error."""
    low, high = draw(prior, np.array([z - error, z + error]))
    return float(np.log(high / low) / 2)
