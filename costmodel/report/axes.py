"""What of a scenario can be an axis, and which values to propose for it."""

from __future__ import annotations

from typing import Any

from costmodel.api import Estimate
from costmodel.architectures.kinds import architecture_of
from costmodel.compression.schema import WORDS
from costmodel.fields import TRAINING, Base, Figure, choices, figure
from costmodel.formula import formula
from costmodel.model import models_known
from costmodel.report.catalog import listing
from costmodel.report.quantities import number, show
from costmodel.scenario import Adapters, Precision
from costmodel.stated import SECTION, path_of, rule
from costmodel.sweeping.axes import RENAMED
from costmodel.units import Count

SECTIONS = {
    "train": ("workload", "precision", "parallelism", "costs"),
    "serve": ("workload", "precision", "parallelism", "engine", "traffic", "costs"),
}
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
MOST = 12  # names that are proposed all at once
# Values that are often asked for, where factors of the scenario's own or all names would not do.
USUAL = {
    "hardware": ("a100-sxm-80gb", "h100-sxm", "h200-sxm", "b200-sxm", "mi300x", "l40s"),
    "model": ("llama-3.2-1b", "llama-3.1-8b", "llama-3.1-70b"),
    "costs.grid": ("SWE", "FRA", "DEU", "USA", "IND"),
    "costs.pue": ("1.1", "1.2", "1.4", "1.6"),
    **dict.fromkeys(("parallelism.tp", "parallelism.pp", "parallelism.vp"), ("1", "2", "4", "8")),
    "parallelism.micro_batch": ("1", "2", "4", "8"),
    "parallelism.zero": ("0", "1", "2", "3"),
    **dict.fromkeys((f"precision.{name}" for name in Precision.model_fields), ("bf16", "fp8", "nvfp4")),
}
RANK = "workload.adapters.rank"
UNMODELLED = ("parallelism.cp",)


@formula(r"x", source="definition")
def scaled(value: Count, factor: Count) -> Count:
    """A figure times a factor."""
    return value * factor


def axes(answer: Estimate) -> dict[str, tuple[str, ...]]:
    """Every path that can be an axis, with the names to choose from; none for numbers."""
    scenario, unused = answer.resolved.scenario, architecture_of(answer.outcome.job.model).unused
    kind = "train" if scenario.workload.kind in TRAINING else "serve"
    found: dict[str, tuple[str, ...]] = {
        "devices": (),
        "hardware": tuple(listing("hardware")),
        "model": tuple(models_known()),
        "compression": tuple(WORDS),
    }
    shape = ("model",) if isinstance(scenario.model, Base) else ()  # a name's shape is the catalog's
    for section in (*shape, *SECTIONS[kind]):
        for name, info in type(getattr(scenario, section)).model_fields.items():
            path = f"{section}.{name}"
            names = choices(info)
            if path == "costs.grid":
                found[path] = tuple(listing("grids"))
            elif names and name != "kind":
                found[path] = names
            elif figure(info) and path not in UNMODELLED and not (section == "workload" and name in unused):
                found[path] = ()
    if scenario.workload.kind == "finetune" and "adapters" not in unused:
        found[RANK] = ()
    stated = sorted(path_of(scenario, a.path) or "" for a in answer.assumptions if a.value)
    return found | {path: () for path in stated if path.startswith(SECTION)}


def proposal(answer: Estimate, path: str, names: tuple[str, ...]) -> list[str]:
    """Values to start with: around the scenario's own, or the names that are often asked for."""
    if path in USUAL:
        return [value for value in USUAL[path] if value in names or not names]
    if names:
        return list(names[:MOST])
    known = {f"{SECTION}.{a.path}": a for a in answer.assumptions}.get(path)
    if known is not None:
        return _around(rule(known), known.value)
    section, _, name = path.rpartition(".")
    owner: Any = getattr(answer.resolved.scenario, section, None) if section else answer.resolved.scenario
    own = figure((Adapters if path == RANK else type(owner)).model_fields[name])
    return _around(own, {a.path: a.value for a in answer.assumptions}.get(RENAMED.get(path, path))) if own else []


def _around(rule: Figure, known: Any) -> list[str]:
    """Values at some factors of one, as far as the rule takes them."""
    centre = rule.read(rule.example) if isinstance(known, str) or not known else known
    low, high = rule.bounds
    values = [scaled(centre, factor) for factor in FACTORS]
    values = [round(value) if rule.whole else value for value in values if low <= value <= high]
    return list(dict.fromkeys(_short(str(rule.write(value))) for value in values))


def _short(text: str) -> str:
    """A value in few digits, without commas: those part the values of a list."""
    value, _, unit = text.partition(" ")
    return (f"{number(float(value))} {unit}" if unit else show(float(value), "1")).replace(",", "")
