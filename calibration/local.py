"""One machine: measure it, fit its laws, keep them as the profile called `local`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from costmodel import files
from costmodel import profile as profiles
from costmodel.calibration import eager
from costmodel.calibration.fit import Fit, FitError, columns, fit, predict
from costmodel.calibration.law import Law, Record
from costmodel.calibration.measure.progress import Progress
from costmodel.calibration.measure.quiet import BUSY, settled
from costmodel.calibration.records import read
from costmodel.operators.eager import backward_from_start_time, fresh_rate, fresh_time
from costmodel.ranges import Z90

Told = Callable[[str, float], None]
DIGITS = 4
LARGE = fresh_time.defaults["largest_kept"]  # bytes of an array that is not kept for reuse
PROCESS = 0.4e9  # bytes of a process that has loaded its libraries
OPERATORS = 50.0  # called in a step of a small network
BEST = 0.9  # quantile of the fastest transfers that stands for a link's bandwidth


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the records of one machine say.

    `facts`: peaks, bandwidth, cache, link, memory, cores. `fits` by the key of a profile's laws. `backward`: time of
    gradients over that of the forward pass, and its scatter (s.d. of the logarithm). `calls`: what the host pays [s].
    """

    environment: Record
    backend: str
    facts: dict[str, float]
    fits: dict[str, Fit]
    backward: dict[str, tuple[float, float]]
    calls: dict[str, float]

    def report(self) -> str:
        """Every fit as text."""
        facts = ", ".join(f"{name} {value:.4g}" for name, value in self.facts.items())
        ratios = ", ".join(f"{key} {ratio:.2f}" for key, (ratio, _) in self.backward.items()) or "not measured"
        calls = ", ".join(f"{name} {1e6 * value:.1f} µs" for name, value in self.calls.items())
        parts = [f"{key}\n{found.report()}" for key, found in self.fits.items()]
        return "\n\n".join([f"facts: {facts}", *parts, f"backward over forward: {ratios}", f"calls: {calls}"])


def records_path() -> Path:
    """Where the records of this machine are kept. Raises ProfileError where nothing can be."""
    return profiles.own_folder() / "records.jsonl"


def measure_local(effort: str = "default", on_progress: Told | None = None, resume: bool = False) -> Path:
    """Measure this machine: torch where it is installed, else NumPy; on its GPU where there is one.

    Records are written as they are measured; `resume` goes on with those that an interrupted run left. Progress is told
    as (what, seconds left). Raises Unavailable, BadFile or FileError with one line.
    """
    import time

    from costmodel.calibration.measure import device, host
    from costmodel.calibration.measure.__main__ import opened, pinned
    from costmodel.calibration.measure.collect import Run
    from costmodel.calibration.measure.effort import EFFORTS, SHARES
    from costmodel.calibration.measure.environment import describe
    from costmodel.calibration.measure.record import line

    began, found, path = time.perf_counter(), device.find(None, None), records_path()
    environment = describe(found, host.cores(), EFFORTS[effort])
    partial = path.with_suffix(".part.jsonl")
    if resume and not partial.exists() and path.exists():
        files.write(partial, path.read_bytes())
    if not (resume and partial.exists()):
        files.write(partial, b"")
    target, there = opened(partial, environment)
    target.close()
    with pinned(host.cores(), found):

        def write(record: Record) -> None:
            try:
                with partial.open("ab") as target:
                    target.write(line(dict(record)).encode())
            except OSError as error:
                instead = "make room and add --resume to the same command; measured points are kept"
                raise files.unwritable(partial, error, instead) from None

        run = Run(found, EFFORTS[effort], environment["id"], write, there, began)
        if on_progress:
            run.progress = _Told(on_progress)
        if not there:
            write(environment)
        run.collect(SHARES)
    partial.replace(path)
    return path


class _Told(Progress):
    """The collector's progress, handed on to a function."""

    def __init__(self, tell: Told) -> None:
        super().__init__()
        self.tell = tell

    def show(self, phenomenon: str, detail: str, left_s: float) -> None:
        self.tell(f"{phenomenon}: {detail}", left_s)

    def say(self, text: str) -> None:
        self.tell(text, 0.0)


def fit_local(path: Path) -> dict[str, Any]:
    """The profile of the machine whose records lie at `path`, kept as `local` for later estimates.

    Raises BadFile for a file that cannot be used and FitError for one without the records that a fit needs.
    """
    return keep(read(path), profiles.LOCAL)[1]


def keep(records: Sequence[Record], name: str) -> tuple[Fitted, dict[str, Any], Path]:
    """The fit of one machine's records, its profile, and the file among the user's own where that is kept.

    Raises ProfileError for a name that a user's profile cannot have, FitError where records are missing.
    """
    profiles.own_name(name)  # before a long fit
    found = fitted(records)
    made = complete(found, records, name, "This machine, from its own records.")
    return found, made, profiles.keep(name, made)


def profile_from(path: Path, name: str, meaning: str) -> dict[str, Any]:
    """The profile of the machine whose records lie at `path`."""
    records = read(path)
    return complete(fitted(records), records, name, meaning)


def complete(found: Fitted, records: Sequence[Record], name: str, meaning: str) -> dict[str, Any]:
    """A machine's profile, its calls set by those of whole tiny networks."""
    made = profile_of(found, records, name, meaning)
    ratios = _among_others(records, made)
    made["calls"] |= {key: _rounded(max(1.0, float(np.median(values)))) for key, values in ratios.items()}
    if ratios:  # what a call takes depends on its company
        every = np.log([ratio for values in ratios.values() for ratio in values])
        made["scatter"]["calls"] = _rounded(float(np.std(every)))
    return made


def _among_others(records: Sequence[Record], made: dict[str, Any]) -> dict[str, list[float]]:
    """How much longer calls take in tiny networks than each in a loop of its own, forward and in training."""
    from costmodel.calibration.verify import tiny
    from costmodel.calibration.verify.predict import machine, predict

    found: dict[str, list[float]] = {}
    for record in records:
        operation = record["shape"].get("operation", "") if record["kind"] == "launch" else ""
        if operation in tiny.FACTORS:
            case = tiny.case(operation, int(record["shape"]["count"]))
            found.setdefault(tiny.FACTORS[operation], []).append(record["time_s"] / float(predict(case, machine(made))))
    return found


def fitted(records: Sequence[Record]) -> Fitted:
    """The facts and laws of the machine that these records are of.

    Raises FitError where they come from several machines, or lack products or copies.
    """
    environments = {r["environment"]["id"]: r["environment"] for r in records}
    if len(environments) != 1:
        raise FitError(f"a profile needs the records of one machine, not of {len(environments)}")
    (environment,) = environments.values()
    if "hardware" in environment:
        raise FitError("these records were published by others; give those that the collector wrote on this machine")
    facts = _facts(records, environment)
    calls = _calls(records)
    fits: dict[str, Fit] = {}
    backward: dict[str, tuple[float, float]] = {}
    for law in eager.LAWS:
        for key, group in _groups(law, records).items():
            forward = [r for r in group if not eager.is_backward(r) or key == eager.TABLE]
            back = [r for r in group if eager.is_backward(r) and key != eager.TABLE]
            try:
                if forward:
                    fits[key] = fit(law, *columns(law, forward, facts))
                if forward and back:
                    backward[key] = _ratio(fits[key], back, facts, calls.get("start", 0.0))
            except KeyError as fact:
                raise FitError(f"{law.name}: these records do not tell {fact}; measure again without --only") from None
    return Fitted(environment, records[0]["backend"], facts, fits, backward, calls)


def _groups(law: Law, records: Sequence[Record]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        key = law.group(record)
        if key is not None:
            groups.setdefault(key, []).append(record)
    return groups


def _facts(records: Sequence[Record], environment: Record) -> dict[str, float]:
    """Peaks are the best products measured; bandwidth and cache come from copies by size."""
    facts: dict[str, float] = {}
    for r in records:
        if r["kind"] in ("matmul", "convolution") and r["flops"] > 0:
            name = f"peak:{r['dtype']}"
            facts[name] = max(facts.get(name, 0.0), r["flops"] / r["time_s"])
    copies = [r for r in records if eager.BANDWIDTH.group(r)]
    if not facts or not copies:
        raise FitError("these records hold no products or no copies; measure them again without --only")
    found = fit(eager.BANDWIDTH, *columns(eager.BANDWIDTH, copies, {})).constants
    facts |= {name: found[name] for name in ("memory_bandwidth", "cache", "cache_speedup")}
    filled = [r for r in records if r["kind"] == "bandwidth" and r["shape"]["operation"] == "fresh"]
    rates = [fresh_rate(r["bytes"], r["time_s"], facts["memory_bandwidth"]) for r in filled if r["bytes"] >= LARGE]
    made = [rate for rate in rates if rate > 0]  # filled faster than memory allows: an allocator had kept the array
    if made:
        facts["fresh_rate"] = float(np.median(made))
    linked = [r for r in records if eager.LINK.group(r)]
    if linked:
        counted = eager.LINK.columns(linked, facts | {"link_bandwidth": 1.0})
        moved = counted["passes"] * (counted["ranks"] - 1) / counted["ranks"] * counted["payload"]
        facts["link_bandwidth"] = float(np.quantile(moved / [r["time_s"] for r in linked], BEST))
    accelerator = environment.get("accelerator") or {}
    memory = accelerator.get("memory_bytes") or environment.get("memory_bytes")
    if memory:
        facts["memory"] = float(memory)
    cores = float(environment["threads"])
    units = float(accelerator.get("multiprocessors") or cores)
    return facts | eager.TILES["cuda" if accelerator else "cpu"] | {"cores": cores, "multiprocessors": units}


def _calls(records: Sequence[Record]) -> dict[str, float]:
    """What the host pays: single calls as measured, chains as a start and a slope."""
    single = {r["shape"]["operation"]: r["time_s"] for r in records if r["kind"] == "launch" and not _chained(r)}
    calls = {"take": single.get("index", 0.0), "view": single.get("slice", 0.0), "module": 0.0}
    if {"module", "linear"} <= single.keys():
        calls["module"] = max(0.0, single["module"] - single["linear"])
    if {"quantized_module", "linear"} <= single.keys():
        calls["quantized"] = max(0.0, single["quantized_module"] - single["linear"])
    for key, group in _groups(eager.HOST, records).items():
        found = fit(eager.HOST, *columns(eager.HOST, group, {})).constants
        calls[key.removeprefix("calls:")] = found["time_per_call"]
        calls[key.removeprefix("calls:") + "_start"] = found["latency"]
    if "gradients" in calls:  # a chain of sums: each is called, recorded, and has two gradients that are free
        calls["record"] = max(0.0, calls["gradients"] - 2 * single.get("call", 0.0))
        calls["start"] = max(0.0, calls["gradients_start"] - 2 * calls["gradients"])
    return calls


def _chained(record: Record) -> bool:
    return eager.HOST.group(record) is not None


def _ratio(found: Fit, records: Sequence[Record], facts: dict[str, float], start: float) -> tuple[float, float]:
    """Time of gradients over that of the forward pass, and the scatter of its logarithm."""
    made, times = columns(found.law, records, facts)
    forward = predict(found.law, found.constants, made)
    logs = np.log(np.maximum(times - start, 0.1 * times) / backward_from_start_time(forward, 1.0, 0.0))
    return float(np.exp(np.median(logs))), float(np.std(logs))


def _drift(records: Sequence[Record]) -> dict[str, float]:
    """How much the machine's speed came and went while it was measured, as s.d. of the logarithm of a known call."""
    probes = [r["probe_s"] for r in records if "probe_s" in r]
    if not probes:  # a GPU, whose clocks its owner controls
        return {}
    low, high = np.quantile(np.log(probes), (0.1, 0.9))
    return {"machine": _rounded(float(high - low) / (2 * Z90))}


def _warnings(records: Sequence[Record]) -> list[str]:
    """What every estimate with the profile must say: that the machine was busy while it was measured."""
    quiet = [was_quiet for _, was_quiet in settled(dict(r) for r in records).values()]
    busy = quiet.count(False) / max(1, len(quiet))
    told = f"the machine was busy in {busy:.0%} of its calibration; run costmodel calibrate --resume when it is idle"
    return [told] if busy > BUSY else []


def profile_of(found: Fitted, records: Sequence[Record], name: str, meaning: str) -> dict[str, Any]:
    """A fit as a profile: the prior, with everything that was measured in its place.

    Ranges are standard errors of the constants; `scatter` is how far single records lie from their law (s.d. of the
    logarithm), which no constant explains.
    """
    prior = profiles.load("prior")["laws"]
    laws: dict[str, dict[str, Any]] = {key: dict(constants) for key, constants in prior.items()}
    for key, result in found.fits.items():
        known = dict(laws.get(key, {}))
        known |= {name: _stated(*said) for name, said in eager.UNUSED.get(result.law.name, {}).items()}
        known |= {c.name: _constant(result, c.name, c.unit) for c in result.law.constants}
        if key in found.backward:
            ratio, spread = found.backward[key]
            known["backward"] = _told(ratio, spread, "1")
        laws[key] = known
    if "optimizer:adam" in laws:  # the engine's optimizer, without the start that a large model never notices
        adam = laws["optimizer:adam"]
        laws["optimizer"] = {name: adam[name] for name in laws["optimizer"]}
    if not found.environment.get("accelerator"):
        laws["framework"] |= _process(found.calls, _drift(records))
        laws[f"matmul:{profiles.WEIGHT_ONLY}"] = laws["matmul:16bit"]  # the prior of GPUs says nothing of a processor
    environment = found.environment
    return {
        "schema": "costmodel/profile/1",
        "name": name,
        "meaning": meaning,
        "environment": {k: environment[k] for k in ("id", "date", "cpu", "cores", "threads", "versions")},
        "backend": found.backend,
        "hardware": {k: _rounded(v) for k, v in found.facts.items()},
        "laws": laws,
        "calls": {k: _rounded(v) for k, v in found.calls.items()},
        "warnings": _warnings(records),
        "fit": {key: _judged(result) for key, result in found.fits.items()},
        "scatter": {key: _rounded(result.scatter) for key, result in found.fits.items()} | _drift(records),
    }


def _process(calls: dict[str, float], drift: dict[str, float]) -> dict[str, dict[str, Any]]:
    """The software around the operators on a machine without an accelerator: one process that calls them in turn.

    The laws are of whole calls on this machine, so that a run differs from their sum by its drift alone. A step on the
    host is the start of a chain and what `OPERATORS` calls through modules and views add; half and twice as many are
    its range, as they are that of what a process holds.
    """
    call = calls.get("forward", calls["view"])
    step = calls.get("forward_start", 0.0) + OPERATORS * (calls["module"] + calls["view"])
    doubled = math.log(2) / Z90
    return {
        "time_factor": _told(1.0, drift.get("machine", 0.1), "1"),
        "host_time_per_call": _told(call, doubled, "s"),
        "host_time_per_step": _told(step, doubled, "s"),
        "context_bytes": _told(PROCESS, doubled, "B") | {"source": "costmodel-prior", "note": "libraries of a process"},
    }


def _judged(result: Fit) -> dict[str, Any]:
    """How well a law meets its records: how many, median and p90 of the error, bias, warnings."""
    summary = {name: int(value) if name == "n" else _rounded(value) for name, value in result.summary().items()}
    return summary | {"warnings": list(result.warnings)}


def _constant(result: Fit, name: str, unit: str) -> dict[str, Any]:
    return _told(result.constants[name], min(result.errors[name], 1.0), unit)


def _stated(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "source": profiles.MEASURED, "note": "not fitted here"}


def _told(value: float, error: float, unit: str) -> dict[str, Any]:
    low, high = value * np.exp(-Z90 * error), value * np.exp(Z90 * error)
    if unit == "fraction":
        high = min(high, max(1.0, value))  # of a share, unless it was measured above 1
    return {
        "value": _rounded(value),
        "low": _rounded(low),
        "high": _rounded(high),
        "unit": unit,
        "source": profiles.MEASURED,
    }


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
