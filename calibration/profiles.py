"""Records → profiles: a device's constants, held near what others say, and the prior for one never measured."""

from __future__ import annotations

import copy
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from costmodel import files, profile
from costmodel.calibration import facts, laws, prior
from costmodel.calibration.fit import IDENTIFIED, Fit, Prior, columns, fit, judged, predict
from costmodel.calibration.law import Facts, Law, Record
from costmodel.catalog import hardware

SHIPPED = ("a100-sxm-80gb", "h100-sxm", "h200-sxm", "b200-sxm", "gb200", "l40s")
FEWEST = 12  # records of one law and format below which a device keeps the prior's constants
DEVICES = 3  # devices below which the prior's own judgement stays
SINCE = 2020  # year of the oldest devices that speak for one never measured
DECILE = 1.2816  # standard deviations from the median to the 10th and the 90th percentile
SOURCE = "aiconfigurator-2026"  # of almost all published timings
FIXED = ("overlap_power",)  # goes with the efficiencies: given a range of its own it would count their error twice

Entry = dict[str, Any]
Key = tuple[str, str]  # device, group


@dataclass(frozen=True)
class Fitted:
    """One law's constants for one device: the fit, its records, and the spread between libraries (s.d. of ln)."""

    law: Law
    fit: Fit
    records: Sequence[Record]
    between: Mapping[str, float]


def by_group(found: Iterable[Record]) -> dict[Key, tuple[Law, list[Record]]]:
    """Records by device and by the set of constants that they inform. Measured machines are left."""
    groups: dict[Key, tuple[Law, list[Record]]] = {}
    for record in found:
        device = record["environment"].get("hardware")
        for law in laws.every():
            group = law.group(record)
            if device and group is not None:
                groups.setdefault((device, group), (law, []))[1].append(record)
    return {key: value for key, value in groups.items() if len(value[1]) >= FEWEST}


def alone(groups: Mapping[Key, tuple[Law, list[Record]]]) -> dict[Key, Fit]:
    """Every device and group fitted with nothing but the law's own prior: what each says by itself."""
    fits = {}
    for (device, group), (law, rows) in sorted(groups.items()):
        try:
            fits[device, group] = fit(law, *columns(law, rows, facts.datasheet(device)))
        except KeyError:  # the data sheet lacks what the law needs
            continue
    return fits


def known(law: Law, group: str, fits: Mapping[Key, Fit], without: str = "") -> Prior:
    """The prior that all devices but one give for a group."""
    return prior.shared(law, [f for (device, g), f in sorted(fits.items()) if g == group and device != without])


def fitted(law: Law, rows: Sequence[Record], sheet: Facts, start: Prior) -> Fitted:
    """One law fitted to a device's records, near a prior; each library also by itself, to see how far they differ."""
    libraries: dict[str, list[Record]] = defaultdict(list)
    for record in rows:
        libraries[law.cell(record)].append(record)
    each = [fit(law, *columns(law, r, sheet), start) for r in libraries.values() if len(r) >= FEWEST]
    between = {}
    for c in law.constants:
        told = [np.log(f.constants[c.name]) for f in each if f.errors[c.name] < IDENTIFIED]
        between[c.name] = float(np.std(told, ddof=1)) if len(told) > 1 else 0.0
    return Fitted(law, fit(law, *columns(law, rows, sheet), start), rows, between)


def device_profile(
    name: str, meaning: str, groups: Mapping[str, Fitted], template: Entry, source: str = SOURCE
) -> Entry:
    """The profile of a device: the template's constants, in their place those that were fitted."""
    made = _header(name, meaning, template)
    made["hardware"] = name
    for group, found in sorted(groups.items()):
        section = made["laws"].setdefault(group, {})
        for c in found.law.constants:
            error = found.fit.errors[c.name]
            spread = float(np.hypot(error, found.between[c.name]))
            entry = _entry(found.fit.constants[c.name], spread, c.name, c.unit, source) | {"se": _round(error)}
            section[c.name] = entry
        made["fit"][group] = _quality(found.fit.summary()) | {"warnings": list(found.fit.warnings)}
        made["records"][group] = _sources(found.records)
    dates = [str(r["environment"].get("date") or "") for g in groups.values() for r in g.records]
    made["date"] = max(dates, default="")[:10]
    return made


def unmeasured(fits: Mapping[Key, Fit], groups: Mapping[Key, tuple[Law, list[Record]]], template: Entry) -> Entry:
    """The prior: medians over devices, with the error that leaving a device out shows as the range.

    Groups that fewer than three devices inform stay as they are in the template.
    """
    made = _header(profile.UNMEASURED, template["meaning"], template)
    recent = {key: f for key, f in fits.items() if hardware.device(key[0]).year >= SINCE}
    for group in sorted({group for _, group in recent if group in template["laws"]}):
        members = {device: f for (device, g), f in recent.items() if g == group}
        if len(members) < DEVICES:
            continue
        law = next(iter(members.values())).law
        centre = prior.shared(law, list(members.values()))
        left_out = {device: known(law, group, recent, without=device) for device in members}
        for c in law.constants:
            off = [abs(np.log(f.constants[c.name] / left_out[d][c.name][0])) for d, f in members.items()]
            spread = float(np.quantile(off, 0.8)) / DECILE
            entry = _entry(centre[c.name][0], spread, c.name, c.unit, SOURCE)
            made["laws"][group][c.name] = entry | {"note": "median over devices; range: error when one is left out"}
        errors = [_left_out(law, groups[d, group][1], d, left_out[d]) for d in members]
        made["fit"][group] = _quality(judged(np.concatenate(errors))) | {"devices": sorted(members)}
        made["records"][group] = _sources([r for d in members for r in groups[d, group][1]])
    made["date"] = max(str(r["environment"].get("date") or "") for _, rows in groups.values() for r in rows)[:10]
    return made


def refit(found: Iterable[Record], devices: Sequence[str] = SHIPPED) -> dict[str, Entry]:
    """All profiles that ship, by name."""
    groups = by_group(found)
    fits = alone(groups)
    made = {profile.UNMEASURED: unmeasured(fits, groups, _template())}
    for device in devices:
        own = {}
        for (d, group), (law, rows) in groups.items():
            if d == device and (d, group) in fits and group in made[profile.UNMEASURED]["laws"]:
                own[group] = fitted(law, rows, facts.datasheet(d), known(law, group, fits, without=d))
        meaning = f"{hardware.device(device).name}: fitted to published kernel timings, libraries pooled."
        made[device] = device_profile(device, meaning, own, made[profile.UNMEASURED])
    return made


def write(made: Mapping[str, Entry], folder: Path = profile.FOLDER) -> None:
    """Write profiles, each in one move."""
    for name, content in made.items():
        files.write(folder / f"{name}.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _template() -> Entry:
    """The prior as it ships: whatever no record informs is judgement, and stays."""
    content: Entry = json.loads((profile.FOLDER / f"{profile.UNMEASURED}.json").read_text(encoding="utf-8"))
    return content


def _header(name: str, meaning: str, template: Entry) -> Entry:
    head: Entry = {"schema": profile.SCHEMA, "name": name, "meaning": meaning, "hardware": None, "date": None}
    return head | {"laws": copy.deepcopy(template["laws"]), "fit": {}, "records": {}}


def _entry(value: float, spread: float, name: str, unit: str, source: str) -> Entry:
    entry: Entry = {"value": _round(value), "unit": unit}
    if name not in FIXED:
        entry |= {"low": _round(value * np.exp(-DECILE * spread)), "high": _round(value * np.exp(DECILE * spread))}
    return entry | {"source": source}


def _left_out(law: Law, rows: Sequence[Record], device: str, start: Prior) -> np.ndarray:
    """Errors of a device's times by the constants of all others."""
    made, times = columns(law, rows, facts.datasheet(device))
    return np.log(predict(law, {name: centre for name, (centre, _) in start.items()}, made) / times)


def _quality(summary: Mapping[str, float]) -> Entry:
    return {name: int(value) if name == "n" else _round(value, 3) for name, value in summary.items()}


def _sources(rows: Iterable[Record]) -> dict[str, int]:
    return dict(sorted(Counter(str(r["environment"].get("source", "measured")) for r in rows).items()))


def _round(value: float, digits: int = 4) -> float:
    return float(f"{value:.{digits}g}")
