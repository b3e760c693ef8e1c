"""Scenario → assumptions: names looked up, defaults filled in, each number with its status and source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from costmodel import pricing, profile
from costmodel.architectures.kinds import Architecture, Samples
from costmodel.book import RULE, USER, Book, named
from costmodel.catalog import formats
from costmodel.compression import effects
from costmodel.compression.formulas import compressed_peak
from costmodel.compression.schema import Distil, Prune
from costmodel.device import Device, device
from costmodel.fields import TRAINING
from costmodel.job import RECOMPUTE, Assumptions
from costmodel.model import Model, misfits, model
from costmodel.operators.optimizer import MOMENTS, kept_state_bytes, update_bytes
from costmodel.scenario import Scenario
from costmodel.shapes import ModelFamily
from costmodel.source import clash
from costmodel.stated import stated


@dataclass(frozen=True, slots=True)
class Resolved:
    """A scenario with everything looked up: what is asked, and every number that the answer stands on."""

    scenario: Scenario
    kind: str
    model: str
    hardware: str
    compute: str
    assumptions: Assumptions
    warnings: tuple[str, ...]


def resolve(scenario: Scenario) -> Resolved:
    """Every number that an estimate of `scenario` needs; None where a rule will fill it in.

    Raises ScenarioError for a name that is unknown, ambiguous or of a family that is not modelled, and for a format
    that the device lacks; CatalogError for a device without a price when none is stated.
    """
    with scenario.written.located():
        return _resolved(scenario)


def _resolved(scenario: Scenario) -> Resolved:
    found = _model(scenario)
    name, made = found.name, found.architecture
    book = Book(made.shape)
    book.set("devices", scenario.devices, "given", USER)
    for field in made.fields:
        book.set(f"model.{field}", found.fields[field], found.status, found.source, note=found.note)
    with named("hardware"):
        hardware = device(scenario.hardware, USER)
    compute, sparse, unpacked = _precision(book, scenario, hardware, made)
    _hardware(book, hardware, compute, sparse)
    _work(book, scenario, made)
    _traffic(book, scenario)
    _layout(book, scenario)
    pricing.costs(book, scenario, hardware, made)
    _profile(book, scenario, hardware, made, compute, unpacked)
    missing = set(book.units) - set(book.found)
    if missing:
        raise AssertionError(f"unresolved: {sorted(missing)}")
    assumptions = stated(scenario, {path: book.found[path] for path in book.units}, USER)
    warnings = (*_warnings(scenario, assumptions, name), *hardware.warnings, *_elsewhere(scenario.profile, hardware))
    return Resolved(scenario, scenario.workload.kind, name, hardware.name, compute, assumptions, warnings)


def _warnings(scenario: Scenario, assumptions: Assumptions, model: str) -> list[str]:
    found, asked = [], scenario.model
    if isinstance(asked, ModelFamily):
        from costmodel.architectures.family import member

        off = member(asked.family, asked.parameters)[1] / asked.parameters - 1
        if abs(off) > 0.005:
            found.append(
                f"family {asked.family} has no member of {asked.parameters / 1e9:.4g} B; taken is {model} ({off:+.1%})"
            )
    said = [assumptions[f"workload.{name}"].value for name in ("sequence", "input_tokens", "output_tokens")]
    length, longest = sum(value or 0.0 for value in said), assumptions.get("model.max_sequence")
    if longest is not None and length > longest.value:
        found.append(f"{length:,.0f} tokens are more than the {longest.value:,.0f} that {model} was made for")
    return found


def _elsewhere(stated: str | None, device: Device) -> Iterator[str]:
    """A warning where the profile that a scenario states is of another device than its own."""
    of = profile.load(stated).get("hardware") if stated else None
    if of is None or of == device.name or (isinstance(of, dict) and device.profile):
        return
    where = of if isinstance(of, str) else "a machine measured as a whole"
    yield (
        f"profile {stated} was fitted on {where}, not on {device.name}, whose times it does not tell; leave profile "
        f"out, or fit one to runs on {device.name} (costmodel calibrate --from-runs RUNS.csv)"
    )


def _model(scenario: Scenario) -> Model:
    """The model that is left after all steps of compression. Raises ScenarioError for what it has no use for."""
    with named("model"):
        asked = model(scenario.model, USER)
    found = _fitting(scenario, asked)
    for place, step in enumerate(scenario.compression):
        if isinstance(step, Distil):
            with named(f"compression.{place}.student"):
                student = model(step.student, USER)
            found = replace(_fitting(scenario, student), note=f"distilled from {found.name}")
        elif isinstance(step, Prune):
            found = replace(
                found, name=f"{found.name}, pruned", fields=effects.pruned(found.fields, step), note="pruned"
            )
    return found


def _fitting(scenario: Scenario, model: Model) -> Model:
    if (wrong := next(misfits(scenario, model), None)) is not None:
        raise clash(*wrong)
    return model


def _precision(book: Book, scenario: Scenario, device: Device, made: Architecture) -> tuple[str, bool, bool]:
    """Set the number formats; returns that of the layers' products.

    Beside it: whether these skip a pattern of zeros, and whether they unpack narrower weights on the way.
    """
    said = scenario.precision
    asked = said.compute or device.usual_format
    wide = device.wide_format(asked)
    training = scenario.workload.kind in TRAINING
    device.peak(asked)  # raises for a format that the device lacks
    defaults = {"weights": wide if training else asked} | dict.fromkeys(("kv_cache", "gradients"), wide)
    defaults["activations"] = asked if made.fused and not training else wide
    for use, default in defaults.items():
        given = getattr(said, use) or (effects.cache_format(scenario.compression) if use == "kv_cache" else None)
        size = formats.number_format(given or default).bytes
        book.set(f"precision.{use}", size, *(("given", USER) if given else ("default", RULE)), note=given or default)
    plain, name = book.found["precision.weights"], said.weights or defaults["weights"]
    width = book.found.get("model.hidden", plain).value  # looked at by compression, which knows decoders alone
    held = effects.weights(scenario.compression, effects.Weights(plain.value, plain.value, name, name), device, width)
    compute, size = held.computed or asked, formats.number_format(wide).bytes
    if held.note != name:
        book.set("precision.weights", held.memory, "given", USER, note=held.note)
    book.set("precision.file", held.file, plain.status, plain.source, note=held.note)
    ends = plain.value if training else max(size, plain.value)
    book.set("precision.ends", ends, "default", RULE, note="embedding, head and norms are not compressed")
    unpacked = held.format != compute and held.memory < formats.number_format(compute).bytes
    if unpacked and training:
        value, low, high, source = effects.UNPACKING
        book.set("precision.unpacking", value, "fitted", source, low, high, f"{held.format} to {compute}")
    else:
        book.set("precision.unpacking", 0.0, "default", "definition", note="no weights are unpacked in memory")
    book.set("precision.logits", formats.number_format("fp32").bytes, "default", "micikevicius-2018", note="fp32")
    written = size if scenario.engine.attention == "unfused" else None
    if written and "heads" not in made.fields:
        raise clash("engine.attention", f"a {made.name} has no attention; leave it out")
    book.given_or("precision.scores", written, None, RULE, note="attention is fused: no score is written")
    _optimizer(book, getattr(scenario.workload, "optimizer", None), made, plain.value, size)
    return compute, held.sparse, unpacked and not training


def _optimizer(book: Book, said: str | None, made: Architecture, kept: float, moved: float) -> None:
    """Set what an optimizer keeps and moves for each parameter, of so many bytes as it is kept and as it is moved."""
    usual, published = made.optimizer
    name, source = (said, "rajbhandari-2020") if said else (usual, f"{published}; rajbhandari-2020")
    moments = MOMENTS[name]
    state = kept_state_bytes(moments, kept)
    note = f"{name} with{'' if state > moments else 'out'} an fp32 copy"
    book.set("precision.optimizer_state", state, "default", source, note=note)
    traffic = update_bytes(state, moments, moved)
    book.set("precision.optimizer_traffic", traffic, "default", "rajbhandari-2020", note="state read and written")


def _hardware(book: Book, device: Device, compute: str, sparse: bool) -> None:
    status, source, wide = device.status, device.source, device.wide_format(compute)
    for name in ("memory", "memory_bandwidth", "tdp"):
        book.set(f"hardware.{name}", device.figure(name), status, source)
    dense = device.peak(compute)
    book.set("hardware.peak", dense, status, source, note=f"dense {compute}")
    if sparse:
        *gains, origin, why = effects.SPARSE_GAIN
        rate, low, high = (compressed_peak(dense, gain) for gain in gains)
        book.set("hardware.peak", rate, "default", origin, low, high, f"dense {compute}, times {gains[0]:g}: {why}")
    book.set("hardware.peak_16bit", device.peak(wide), status, source, note=f"dense {wide}")
    tdp = device.figure("tdp")
    priors = {
        "cache": (50e6, 30e6, 130e6, "last cache of data-centre GPUs"),
        "multiprocessors": (132.0, 100.0, 160.0, "of data-centre GPUs"),
        "tile_keys": (128.0, None, None, "keys that attention's kernel on a GPU takes at a time"),
        "tile_rows": (16.0, None, None, "rows that a matrix unit takes at a time"),
        "overlap": (1.0, None, None, "a GPU copies by itself, and the host has a processor of its own"),
        "link_bandwidth": (31.5e9, 12e9, 63e9, "PCIe 4 x16"),
        "scale_up_domain": (8.0, None, None, "devices in a usual server"),
        "network_bandwidth": (25e9, 12.5e9, 50e9, "200 Gb/s per device"),
        "idle": (0.12 * tdp, 0.08 * tdp, 0.2 * tdp, "12 % of TDP"),
        "host_power": (0.4 * tdp, 0.2 * tdp, 0.6 * tdp, "40 % of TDP"),
    }
    for name, (value, low, high, note) in priors.items():
        figure = device.figures.get(name)
        if figure is not None:
            book.set(f"hardware.{name}", figure, status, source)
        else:
            book.set(f"hardware.{name}", value, "default", RULE, low, high, note)


# Where the figures come from that a workload leaves unsaid.
UNSAID = {
    "tokens": "20 tokens per parameter",
    "samples": "does not apply",
    "epochs": "does not apply",
    "sequence": "the smaller of the model's maximum and 8,192",
    "global_batch": "about 4 M tokens, more where devices and the length of the run allow",
    "requests": "an example; state your own",
    "input_tokens": "an example; state your own",
    "output_tokens": "an example; state your own",
    "period": "a month of 30 days",
}
FINETUNE_SAMPLES = (1e5, RULE, 1e4, 1e6, "a usual set for one task; state your own")
# Instruction data sets: from 52 thousand short examples (Taori et al. 2023, Alpaca) to a million long ones.
FINETUNE_TOKENS = (1e8, RULE, 1e7, 1e9, "a usual set of instructions, some epochs; state your own")


def _work(book: Book, scenario: Scenario, made: Architecture) -> None:
    work = scenario.workload
    unused = made.unused
    usual = {"global_batch": f"{made.samples.name} in a step of a usual run"} if made.samples else {}
    for name, note in (UNSAID | usual).items():
        value = None if name in unused else getattr(work, name, None)
        if name in work.model_fields_set and value is not None:
            book.set(f"workload.{name}", value, "given", USER)
        else:
            source = "hoffmann-2022" if name == "tokens" else RULE
            book.set(f"workload.{name}", value, "default", source, note=note)
    if made.samples is not None:
        _samples(book, work, made.samples)
        if made.generates and work.kind in TRAINING:
            given, longest = getattr(work, "sequence", None), book.found["model.max_sequence"].value
            book.given_or("workload.sequence", given, longest, RULE, note="transcripts padded to the longest")
    elif work.kind == "finetune":
        book.given_or("workload.tokens", work.tokens, *FINETUNE_TOKENS)
    if "max_sequence" in made.fields and not made.generates and "input_tokens" not in work.model_fields_set:
        prompt, longest = book.found["workload.input_tokens"], book.found["model.max_sequence"].value
        if prompt.value is not None:
            book.set("workload.input_tokens", min(prompt.value, longest), "default", RULE, note=prompt.note)
    adapters = getattr(work, "adapters", None)
    book.given_or("workload.rank", adapters and adapters.rank, None, RULE, note="all weights are trained")


def _samples(book: Book, work: Any, usual: Samples) -> None:
    """Set samples and epochs of training: a usual data set unless said otherwise."""
    if work.kind not in TRAINING:
        return
    if work.kind == "finetune":
        book.given_or("workload.samples", work.samples, *FINETUNE_SAMPLES)
        book.given_or("workload.epochs", work.epochs, 1.0 if work.samples else 3.0, RULE, note="as fine-tuning has")
        return
    book.given_or("workload.samples", work.samples, usual.count, usual.source, note=usual.note)
    book.given_or("workload.epochs", work.epochs, 1.0 if work.samples else usual.epochs, RULE, note=usual.note)


BUSY = 0.5  # share of the sequences that run at once, of a service whose traffic nobody states


def _traffic(book: Book, scenario: Scenario) -> None:
    traffic = scenario.traffic
    for name in ("request_rate", "utilisation", "concurrency"):
        book.given_or(f"traffic.{name}", getattr(traffic, name), None, RULE)
    if traffic == type(traffic)():
        if scenario.workload.kind == "infer":
            book.set("traffic.utilisation", 1.0, "default", RULE, note="as many requests in flight as run at once")
        else:
            note = "requests in flight, of the most that run at once; not a share of the throughput"
            book.set("traffic.utilisation", BUSY, "default", RULE, 0.3, 0.8, note)
    book.given_or(
        "traffic.max_sequences", scenario.engine.max_sequences, 256.0, RULE, note="what engines allow by default"
    )


def _layout(book: Book, scenario: Scenario) -> None:
    said = scenario.parallelism
    for name in ("tp", "pp", "dp", "vp", "zero", "micro_batch"):
        book.given_or(f"parallelism.{name}", getattr(said, name), None, RULE, note="the first layout that fits")
    level = None if said.recompute is None else RECOMPUTE.index(said.recompute)
    book.given_or("parallelism.recompute", level, None, RULE, note="0 none, 1 selective, 2 full; the first that fits")
    training = scenario.workload.kind in TRAINING
    note = "1 in training, 0 in inference engines; without effect when tp = 1"
    book.given_or("parallelism.sequence_parallel", said.sequence_parallel, training, RULE, note=note)


def _profile(book: Book, scenario: Scenario, device: Device, made: Architecture, compute: str, unpacked: bool) -> None:
    """The constants of the laws, each with a word on what it is."""
    name = scenario.profile or device.profile or profile.shipped(device.id)
    with named("profile"):
        fitted, judged = str(profile.load(name).get("meaning", f"profile {name}")), "judgement, not a fit"
    for path, constant in profile.constants(name, compute, unpacked).items():
        note = constant.note or (judged if constant.status == "default" else fitted)
        book.found[path] = replace(constant, note=note)
    if not made.generates:
        for name in ("host_time_per_step", "host_time_per_sequence"):
            book.set(f"profile.framework.{name}", 0.0, "default", RULE, note="no tokens to schedule and to sample")
    if scenario.engine.host_time is not None:
        book.set("profile.framework.host_time_per_step", scenario.engine.host_time, "given", USER)
