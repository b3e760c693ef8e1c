"""A device that was measured: what it can do, how well its laws fit, how its verification came out."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from costmodel import profile
from costmodel.device import device
from costmodel.report.quantities import interval, show
from costmodel.report.table import aligned
from costmodel.units import counted

Profile = Mapping[str, Any]
Cells = list[tuple[str, ...]]
PEAK = "peak:"
FACTS = {  # of a machine that was measured as a whole: what each is called, and its unit
    "memory_bandwidth": ("memory bandwidth", "B/s"),
    "memory": ("memory", "B"),
    "cache": ("last cache", "B"),
    "cache_speedup": ("cache over memory bandwidth", "1"),
    "fresh_rate": ("rate of filling new memory", "B/s"),
    "link_bandwidth": ("bandwidth of the link", "B/s"),
    "cores": ("cores", "1"),
    "tdp": ("thermal design power", "W"),
}
FIT = ("law", "records", "median error", "90 % within", "warnings")
VERIFIED = ("case", "measured", "predicted", "80 % range", "error", "in range")


def measured() -> list[str]:
    """The devices that have a profile of their own: machines measured as a whole, this one first, then accelerators."""
    shipped = sorted(path.stem for path in profile.FOLDER.glob("*.json"))
    return profile.machines() + [name for name in shipped if profile.load(name).get("hardware") == name]


def facts(name: str) -> Cells:
    """Name and value of each figure that is known of a device."""
    on = device(name, "")
    known: Mapping[str, Any] = on.figures if on.id else profile.load(name)["hardware"]
    rows: Cells = [(f"peak {kind}", show(rate, "FLOP/s")) for kind, rate in on.peaks.items()]
    return rows + [(said, show(known[key], unit)) for key, (said, unit) in FACTS.items() if known.get(key) is not None]


def made_when(made: Profile) -> str:
    """When and with what a profile was made."""
    environment = made.get("environment") or {}
    day = str(environment.get("date") or made.get("date") or "unknown date")[:10]
    versions = environment.get("versions") or {}
    backend = made.get("backend")
    return f"{day}, {backend} {versions.get(backend, '')}".rstrip() if backend else f"records until {day}"


def sentence(made: Profile) -> str:
    """What the device can do, how well its laws meet their records, and what to beware of."""
    return " ".join([_said(made), *(f"Beware: {warning}." for warning in made.get("warnings", ()))])


def _said(made: Profile) -> str:
    hardware = made.get("hardware")
    if isinstance(hardware, Mapping):
        peaks = {key.removeprefix(PEAK): rate for key, rate in hardware.items() if key.startswith(PEAK)}
        rates = ", ".join(f"{kind} {show(rate, 'FLOP/s')}" for kind, rate in peaks.items())
        cores = f"{hardware['cores']:.0f} cores"
        said = f"{(made.get('environment') or {}).get('cpu') or made['name']}, {cores}: computes {rates}; "
        said += f"moves {show(hardware['memory_bandwidth'], 'B/s')}"
    else:
        said = str(made.get("meaning") or made["name"]).removesuffix(".")
    judged = made.get("fit") or {}
    if not judged:
        return f"{said}. How well its laws fit is not recorded: run costmodel calibrate."
    records = sum(int(row["n"]) for row in judged.values())
    middle = median(row["median"] for row in judged.values())
    return (
        f"{said}. Its {len(judged)} laws, fitted to {counted(records, 'record')}, have a median error of {middle:.0%}."
    )


def fit(made: Profile) -> Cells:
    """A row for each law that was fitted, as `FIT` says."""
    return [
        (law, f"{row['n']:,}", f"{row['median']:.0%}", f"{row['p90']:.0%}", "; ".join(row.get("warnings", [])))
        for law, row in (made.get("fit") or {}).items()
    ]


def laws(made: Profile) -> Cells:
    """A row for each constant: law, name, value, 80 % range, source and note."""
    return [
        (law, name, show(c["value"], c["unit"], 4), _range(c), c["source"], c.get("note", ""))
        for law, constants in made["laws"].items()
        for name, c in constants.items()
    ]


def _range(constant: Mapping[str, Any]) -> str:
    low, high = constant.get("low"), constant.get("high")
    return "" if low is None or high is None else interval(low, high, constant["unit"], constant["value"])


def overview(made: Profile) -> str:
    """Sentence, facts and fit as text."""
    known = facts(made["name"]) if isinstance(made.get("hardware"), Mapping) else []
    lines = [f"{name:32}{value}" for name, value in [("measured", made_when(made)), *known]]
    judged = [[*row[:4], f"{len(row[4].split('; '))}" if row[4] else ""] for row in fit(made)]
    tables = [aligned([FIT, *judged])] if judged else []
    return "\n\n".join([sentence(made), "\n".join(lines), *tables])


def everything(made: Profile) -> str:
    """The overview, every warning and every constant as text."""
    warned = [f"{row[0]}: {row[4]}" for row in fit(made) if row[4]]
    lines = [("law", "constant", "value", "80 % range", "source"), *(row[:5] for row in laws(made))]
    return "\n\n".join([overview(made), *(["\n".join(warned)] if warned else []), aligned(lines, left=range(5))])


def verification(name: str) -> list[Any] | None:
    """The rows that `costmodel calibrate --verify` kept for a profile (verify.run.Row); None where there are none."""
    from costmodel.calibration.verify import run

    rows: list[Any] | None = run.kept(name)
    return rows


def verdict(rows: list[Any]) -> str:
    """How near the predictions came, in a sentence."""
    from costmodel.calibration.verify import parity

    return f"{parity.summary(rows)}."


def verified(rows: list[Any]) -> Cells:
    """A row for each case, as `VERIFIED` says; a case that was skipped says why."""
    found: Cells = []
    for row in rows:
        if row.skipped or not row.measured or not row.predicted:
            found.append((row.id, "", "", "", f"skipped: {row.skipped}", ""))
            continue
        unit = "1" if row.metric == "speed_up" else "s"
        inside = row.p10 <= row.measured <= row.p90
        figures = (show(row.measured, unit), show(row.predicted, unit), interval(row.p10, row.p90, unit, row.predicted))
        found.append((row.id, *figures, f"{row.predicted / row.measured - 1:+.0%}", "yes" if inside else "no"))
    return found
