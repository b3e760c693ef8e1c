"""Records → profiles: a device's constants, held near what others say, and the prior for one never measured."""

from __future__ import annotations

import copy
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from costmodel import files, profile
from costmodel.calibration import facts, laws, prior
from costmodel.calibration.fit import Fit, Prior, columns, fit, judged, predict
from costmodel.calibration.law import Constant, Law, Record
from costmodel.catalog import hardware
from costmodel.ranges import Z90

SHIPPED = ("a100-sxm-80gb", "h100-sxm", "h200-sxm", "b200-sxm", "gb200", "l40s")
FEWEST = 12  # records of one law and format below which a device keeps the prior's constants
DEVICES = 3  # devices below which the prior's own judgement stays
SINCE = 2020  # year of the oldest devices that speak for one never measured
SOURCE = "aiconfigurator-2026"  # of almost all published timings
# Of weight-only products one library alone was timed row by row, and the rate of another is published: of that of
# 16-bit products, from 256 rows on (first Marlin on an A100: 0.6 to 0.74; github.com/vllm-project/vllm, issue 2497).
MARLIN, UNPACKED, PLAIN = 0.67, f"matmul:{profile.WEIGHT_ONLY}", "matmul:16bit"
FIXED = ("overlap_power",)  # goes with the efficiencies: given a range of its own it would count their error twice

Entry = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """A set of constants: its law, and by device the records and the fit to them with the law's own prior alone."""

    law: Law
    rows: Mapping[str, Sequence[Record]]
    fits: Mapping[str, Fit]

    def known(self, without: str) -> Prior:
        """The prior that all devices but one give."""
        return prior.shared(self.law, [f for device, f in sorted(self.fits.items()) if device != without])

    def near(self, device: str, rows: Sequence[Record]) -> Fit:
        """Records of a device fitted near the others."""
        return fit(self.law, *columns(self.law, rows, facts.datasheet(device)), self.known(without=device))

    def left_out(self, device: str) -> np.ndarray:
        """Errors ln(predicted/measured) of a device's records by the constants of all others."""
        made, times = columns(self.law, self.rows[device], facts.datasheet(device))
        centre = {name: value for name, (value, _) in self.known(without=device).items()}
        return np.asarray(np.log(predict(self.law, centre, made) / times))

    @cached_property
    def single(self) -> bool:
        """Whether one library alone was timed."""
        return len({record["backend"] for rows in self.rows.values() for record in rows}) == 1

    @cached_property
    def apart(self) -> Mapping[str, float]:
        """How far libraries on a device lie apart (s.d. of ln); the law's own spread where one alone was timed."""
        if self.single:
            return {c.name: c.spread for c in self.law.constants}
        fits: list[list[Fit]] = []
        for device, rows in self.rows.items():
            libraries: dict[str, list[Record]] = defaultdict(list)
            for record in rows:
                libraries[self.law.cell(record)].append(record)
            fits.append([self.near(device, own) for own in libraries.values() if len(own) >= FEWEST])
        return prior.between(self.law, fits)


def by_group(found: Iterable[Record]) -> dict[str, Group]:
    """Records by the set of constants that they inform and by device. Measured machines are left."""
    rows: dict[str, dict[str, list[Record]]] = {}
    members: dict[str, Law] = {}
    for record in found:
        device = record["environment"].get("hardware")
        for law in laws.every():
            name = law.group(record)
            if device and name is not None:
                members[name] = law
                rows.setdefault(name, {}).setdefault(device, []).append(record)
    return {name: _group(members[name], by_device) for name, by_device in sorted(rows.items())}


def _group(law: Law, rows: Mapping[str, Sequence[Record]]) -> Group:
    fits = {}
    for device, own in sorted(rows.items()):
        if len(own) >= FEWEST:
            try:
                fits[device] = fit(law, *columns(law, own, facts.datasheet(device)))
            except KeyError:  # the data sheet lacks what the law needs
                continue
    return Group(law, {device: rows[device] for device in fits}, fits)


def device_profile(device: str, groups: Mapping[str, Group], template: Entry) -> Entry:
    """The profile of a device: the template's constants, in their place those that its records tell.

    Their ranges hold for a library that was not timed.
    """
    meaning = f"{hardware.device(device).name}: fitted to published kernel timings, libraries pooled."
    made = _header(device, meaning, template)
    made["hardware"] = device
    own = {name: group for name, group in groups.items() if device in group.fits and name in template["laws"]}
    for name, group in own.items():
        found, used = group.near(device, group.rows[device]), made["laws"][name]
        for c in group.law.constants:
            error = found.errors[c.name]
            if c.name in used:
                entry = _entry(found.constants[c.name], float(np.hypot(error, group.apart[c.name])), c)
                used[c.name] = entry | {"se": _round(error)}
        warnings = [warning for warning in found.warnings if warning.split()[0] in used]
        made["fit"][name] = _quality(found.summary()) | {"warnings": warnings}
        made["records"][name] = _sources(group.rows[device])
    if UNPACKED in own:
        _join_marlin(made["laws"])
    made["date"] = _date(record for group in own.values() for record in group.rows[device])
    return made


def unmeasured(groups: Mapping[str, Group], template: Entry) -> Entry:
    """The prior: medians over devices, with the error that leaving a device out shows as the range.

    Where one library alone was timed, others may lie further off. Groups that fewer than three devices inform stay as
    they are in the template.
    """
    made = _header(profile.UNMEASURED, template["meaning"], template)
    for name, everywhere in groups.items():
        recent = {d: f for d, f in everywhere.fits.items() if hardware.device(d).year >= SINCE}
        if name not in template["laws"] or len(recent) < DEVICES:
            continue
        group = replace(everywhere, rows={d: everywhere.rows[d] for d in recent}, fits=recent)
        centre = group.known(without="")
        others = {d: group.known(without=d) for d in recent}
        for c in (c for c in group.law.constants if c.name in made["laws"][name]):
            off = [abs(np.log(f.constants[c.name] / others[d][c.name][0])) for d, f in recent.items()]
            spread = float(np.hypot(np.quantile(off, 0.8) / Z90, group.apart[c.name] * group.single))
            note = "median over devices; range: error when one is left out" + ", and other libraries" * group.single
            made["laws"][name][c.name] = _entry(centre[c.name][0], spread, c) | {"note": note}
        made["fit"][name] = _quality(judged(np.concatenate([group.left_out(d) for d in recent])))
        made["fit"][name]["devices"] = sorted(recent)
        made["records"][name] = _sources(record for rows in group.rows.values() for record in rows)
    if UNPACKED in made["fit"]:
        _join_marlin(made["laws"])
    made["date"] = _date(record for group in groups.values() for rows in group.rows.values() for record in rows)
    return made


def _join_marlin(constants: Entry) -> None:
    """Put the rate of products that unpack their weights half-way (in ln) between the two libraries that tell it."""
    entry = constants[UNPACKED]["compute_efficiency"]
    value = np.sqrt(entry["value"] * MARLIN * constants[PLAIN]["compute_efficiency"]["value"])
    factor = value / entry["value"]
    entry |= {name: _round(entry[name] * factor) for name in ("value", "low", "high")}
    entry |= {"source": f"{SOURCE}; vllm-2497-2024", "note": "between TensorRT-LLM's kernels and the first Marlin"}


def refit(found: Iterable[Record], devices: Sequence[str] = SHIPPED) -> dict[str, Entry]:
    """All profiles that ship, by name."""
    groups = by_group(found)
    prior_profile = unmeasured(groups, _template())
    own = {device: device_profile(device, groups, prior_profile) for device in devices}
    return {profile.UNMEASURED: prior_profile} | own


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


def _entry(value: float, spread: float, constant: Constant) -> Entry:
    entry: Entry = {"value": _round(value), "unit": constant.unit}
    if constant.name not in FIXED:
        low, high = value * np.exp(-Z90 * spread), value * np.exp(Z90 * spread)
        entry |= {"low": _round(max(low, constant.low)), "high": _round(min(high, constant.high))}
    return entry | {"source": SOURCE}


def _quality(summary: Mapping[str, float]) -> Entry:
    return {name: int(value) if name == "n" else _round(value, 3) for name, value in summary.items()}


def _sources(rows: Iterable[Record]) -> dict[str, int]:
    return dict(sorted(Counter(str(r["environment"].get("source", "measured")) for r in rows).items()))


def _date(rows: Iterable[Record]) -> str:
    """The latest day of the records."""
    return max((str(r["environment"].get("date") or "") for r in rows), default="")[:10]


def _round(value: float, digits: int = 4) -> float:
    return float(f"{value:.{digits}g}")
