"""Scenario → assumptions: names looked up, defaults filled in, each number with its status and source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from costmodel import profile
from costmodel.architectures.kinds import Architecture, Samples
from costmodel.catalog import CatalogError, economics, embodied, formats, grids, prices, pue
from costmodel.compression import effects
from costmodel.compression.formulas import compressed_peak
from costmodel.compression.schema import Distil, Prune
from costmodel.device import Device, device
from costmodel.job import RECOMPUTE, Assumption, Assumptions, leaves
from costmodel.model import Model, misfits, model
from costmodel.operators.optimizer import MOMENTS, kept_state_bytes, update_bytes
from costmodel.scenario import Scenario
from costmodel.shapes import ModelFamily
from costmodel.source import clash
from costmodel.stated import stated
from costmodel.units import HOUR, MONTH, YEAR
from costmodel.workloads.formulas.run import mean_time_between_failures

TRAINING = ("train", "finetune")
USER = "stated in the scenario"
RULE = "costmodel-prior"


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


class _Book:
    """Collects assumptions by path."""

    def __init__(self, shape: type) -> None:
        self.units = leaves(shape=shape)
        self.found: Assumptions = {}

    def set(
        self, path: str, value: Any, status: str, source: str, low: Any = None, high: Any = None, note: str = ""
    ) -> None:
        value = None if value is None else float(value)
        self.found[path] = Assumption(path, value, self.units[path], status, source, low, high, note)

    def given_or(
        self, path: str, given: Any, value: Any, source: str, low: Any = None, high: Any = None, note: str = ""
    ) -> None:
        """What the user said, or else a figure of the catalog, or else this program's default."""
        if given is not None:
            self.set(path, given, "given", USER)
        else:
            self.set(path, value, "default" if source == RULE else "catalog", source, low, high, note)


def resolve(scenario: Scenario) -> Resolved:
    """Every number that an estimate of `scenario` needs; None where a rule will fill it in.

    Raises CatalogError for a name that is unknown, ambiguous or of a family that is not modelled, and for a device
    without a price when none is stated; ScenarioError for a format that the device lacks.
    """
    with scenario.written.located():
        return _resolved(scenario)


def _resolved(scenario: Scenario) -> Resolved:
    found = _model(scenario)
    name, made = found.name, found.architecture
    book = _Book(made.shape)
    book.set("devices", scenario.devices, "given", USER)
    for field in made.fields:
        book.set(f"model.{field}", found.fields[field], found.status, found.source, note=found.note)
    hardware = device(scenario.hardware, USER)
    compute, sparse, unpacked = _precision(book, scenario, hardware, made)
    _hardware(book, hardware, compute, sparse)
    _work(book, scenario, made)
    _traffic(book, scenario)
    _layout(book, scenario)
    _costs(book, scenario, hardware, made)
    _profile(book, scenario, hardware, made, compute, unpacked)
    missing = set(book.units) - set(book.found)
    if missing:
        raise AssertionError(f"unresolved: {sorted(missing)}")
    assumptions = stated(scenario, {path: book.found[path] for path in book.units}, USER)
    warnings = (*_warnings(scenario, assumptions, name), *hardware.warnings)
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


def _model(scenario: Scenario) -> Model:
    """The model that is left after all steps of compression. Raises ScenarioError for what it has no use for."""
    found = _fitting(scenario, model(scenario.model, USER))
    for step in scenario.compression:
        if isinstance(step, Distil):
            found = replace(_fitting(scenario, model(step.student, USER)), note=f"distilled from {found.name}")
        elif isinstance(step, Prune):
            found = replace(
                found, name=f"{found.name}, pruned", fields=effects.pruned(found.fields, step), note="pruned"
            )
    return found


def _fitting(scenario: Scenario, model: Model) -> Model:
    if (wrong := next(misfits(scenario, model), None)) is not None:
        raise clash(*wrong)
    return model


def _precision(book: _Book, scenario: Scenario, device: Device, made: Architecture) -> tuple[str, bool, bool]:
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
    optimizer = getattr(scenario.workload, "optimizer", "adamw")
    moments = MOMENTS[optimizer]
    state = kept_state_bytes(moments, plain.value)
    note = f"{optimizer} with{'' if state > moments else 'out'} an fp32 copy"
    book.set("precision.optimizer_state", state, "default", "rajbhandari-2020", note=note)
    traffic = update_bytes(state, moments, size)
    book.set("precision.optimizer_traffic", traffic, "default", "rajbhandari-2020", note="state read and written")
    return compute, held.sparse, unpacked and not training


def _hardware(book: _Book, device: Device, compute: str, sparse: bool) -> None:
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
        "overlap": (1.0, None, None, "copies of a GPU run by themselves"),
        "link_bandwidth": (31.5e9, 12e9, 63e9, "PCIe 4 x16"),
        "scale_up_domain": (8.0, None, None, "devices in a usual server"),
        "network_bandwidth": (25e9, 12.5e9, 50e9, "200 Gb/s per device"),
        "idle": (0.12 * tdp, 0.08 * tdp, 0.2 * tdp, "12 % of TDP"),
        "host_power": (0.4 * tdp, 0.2 * tdp, 0.6 * tdp, "40 % of TDP"),
    }
    for name, (value, low, high, note) in priors.items():
        stated = device.figures.get(name)
        if stated is not None:
            book.set(f"hardware.{name}", stated, status, source)
        else:
            book.set(f"hardware.{name}", value, "default", RULE, low, high, note)


# Where the figures come from that a workload leaves unsaid.
UNSAID = {
    "tokens": "20 tokens per parameter",
    "samples": "does not apply",
    "epochs": "does not apply",
    "sequence": "the smaller of the model's maximum and 8,192",
    "global_batch": "about 4 M tokens",
    "requests": "an example; state your own",
    "input_tokens": "an example; state your own",
    "output_tokens": "an example; state your own",
    "period": "a month of 30 days",
}
FINETUNE_SAMPLES = (1e5, RULE, 1e4, 1e6, "a usual set for one task; state your own")
# Instruction data sets: from 52 thousand short examples (Taori et al. 2023, Alpaca) to a million long ones.
FINETUNE_TOKENS = (1e8, RULE, 1e7, 1e9, "a usual set of instructions, some epochs; state your own")


def _work(book: _Book, scenario: Scenario, made: Architecture) -> None:
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


def _samples(book: _Book, work: Any, usual: Samples) -> None:
    """Set samples and epochs of training: a usual data set unless said otherwise."""
    if work.kind not in TRAINING:
        return
    if work.kind == "finetune":
        book.given_or("workload.samples", work.samples, *FINETUNE_SAMPLES)
        book.given_or("workload.epochs", work.epochs, 1.0 if work.samples else 3.0, RULE, note="as fine-tuning has")
        return
    book.given_or("workload.samples", work.samples, usual.count, usual.source, note=usual.note)
    book.given_or("workload.epochs", work.epochs, 1.0 if work.samples else usual.epochs, RULE, note=usual.note)


def _traffic(book: _Book, scenario: Scenario) -> None:
    traffic = scenario.traffic
    for name in ("request_rate", "utilisation", "concurrency"):
        book.given_or(f"traffic.{name}", getattr(traffic, name), None, RULE)
    if traffic == type(traffic)():
        if scenario.workload.kind == "infer":
            book.set("traffic.utilisation", 1.0, "default", RULE, note="a batch of requests runs at saturation")
        else:
            book.set("traffic.utilisation", 0.5, "default", RULE, 0.3, 0.8, "of the sequences that run at once")
    book.given_or(
        "traffic.max_sequences", scenario.engine.max_sequences, 256.0, RULE, note="what engines allow by default"
    )


def _layout(book: _Book, scenario: Scenario) -> None:
    said = scenario.parallelism
    for name in ("tp", "pp", "dp", "vp", "zero", "micro_batch"):
        book.given_or(f"parallelism.{name}", getattr(said, name), None, RULE, note="the first layout that fits")
    level = None if said.recompute is None else RECOMPUTE.index(said.recompute)
    book.given_or("parallelism.recompute", level, None, RULE, note="0 none, 1 selective, 2 full; the first that fits")
    training = scenario.workload.kind in TRAINING
    note = "1 in training, 0 in inference engines; without effect when tp = 1"
    book.given_or("parallelism.sequence_parallel", said.sequence_parallel, training, RULE, note=note)


def _profile(book: _Book, scenario: Scenario, device: Device, made: Architecture, compute: str, unpacked: bool) -> None:
    """The constants of the laws, each with a word on what it is."""
    name = scenario.profile or device.profile or profile.shipped(device.id)
    fitted, judged = str(profile.load(name).get("meaning", f"profile {name}")), "judgement, not a fit"
    for path, constant in profile.constants(name, compute, unpacked).items():
        note = constant.note or (judged if constant.status == "default" else fitted)
        book.found[path] = replace(constant, note=note)
    if not made.generates:
        for name in ("host_time_per_step", "host_time_per_sequence"):
            book.set(f"profile.framework.{name}", 0.0, "default", RULE, note="no tokens to schedule and to sample")
    if scenario.engine.host_time is not None:
        book.set("profile.framework.host_time_per_step", scenario.engine.host_time, "given", USER)


def _costs(book: _Book, scenario: Scenario, device: Device, made: Architecture) -> None:
    said = scenario.costs
    own = said.pricing == "own"
    rental = prices.rental(device.id, said.pricing or "on-demand") if device.id and not own else None
    unpriced = rental is None and said.price is None and not own
    if unpriced and device.profile is None:
        raise CatalogError(
            f"no {said.pricing or 'on-demand'} price of {device.name} is known; "
            "write costs: {price: 2.5 USD/h} or pricing: own"
        )
    yours = unpriced and said.pricing is None and said.hardware_price is None  # measured here: electricity alone
    note = "1 when bought or measured whole, 0 when rented"
    book.given_or("costs.own", own if said.pricing else None, own or yours, RULE, note=note)
    if rental is None or said.price is not None:
        book.given_or("costs.price", said.price, 0.0, RULE, note="no rent is known" if unpriced else "not rented")
    else:
        note = f"{rental.provider}, {rental.date}; range of {rental.rows} offers"
        book.set("costs.price", rental.value, "catalog", rental.source, rental.low, rental.high, note)
    _capital(book, said, device, own, yours)
    _surroundings(book, said, device)
    _storage(book, said, made.samples)
    _staff(book, said, scenario.workload.kind)


def _capital(book: _Book, said: Any, device: Device, own: bool, yours: bool) -> None:
    bought = prices.purchase(device.id) if device.id else None
    if said.hardware_price is None and bought is None and own:
        raise CatalogError(f"no purchase price of {device.name} is known; write costs: {{hardware_price: 30000 USD}}")
    if bought is not None and said.hardware_price is None:
        book.set("costs.hardware_price", bought.value, "catalog", bought.source, bought.low, bought.high, bought.date)
    else:
        book.given_or("costs.hardware_price", said.hardware_price, 0.0, RULE, note="not bought")
    life = economics.value("hardware_life_years")
    book.given_or(
        "costs.hardware_life", said.hardware_life, life.mid * YEAR, life.source, life.low * YEAR, life.high * YEAR
    )
    book.given_or("costs.utilisation", said.utilisation, 1.0, RULE, note="bought hardware works all the time")
    if bought is not None and bought.pricing == "purchase-system":
        book.set("costs.server_overhead", 1.0, "catalog", bought.source, note="the price is that of a whole system")
    else:
        overhead = economics.value("epoch_server_cost_overhead")
        book.set("costs.server_overhead", overhead.mid, "catalog", overhead.source, overhead.low, overhead.high)
    usd, least, most, note = (0, 0, 0, "in no data centre") if yours else (0.1, 0.05, 0.2, "space and operations")
    book.given_or("costs.hosting", said.hosting, usd / HOUR, RULE, least / HOUR, most / HOUR, note)


def _surroundings(book: _Book, said: Any, device: Device) -> None:
    power = prices.electricity()
    book.given_or("costs.electricity", said.electricity, power.value, power.source, power.low, power.high)
    building = pue.pue()
    book.given_or("costs.pue", said.pue, building.value, building.source, building.low, building.high)
    if isinstance(said.grid, float | int):
        book.set("costs.grid", said.grid, "given", USER)
    else:
        grid = grids.intensity(said.grid or "world")
        status = "given" if said.grid else "catalog"
        book.set("costs.grid", grid.value, status, grid.source, grid.low, grid.high, f"{grid.name}, {grid.year}")
    made = embodied.embodied(device.id) if device.id else embodied.by_power(device.figure("tdp"))
    host = embodied.host_share(int(device.figures.get("node_devices") or 8))
    low, high, source = made.low + host.low, made.high + host.high, f"{made.source}; {host.source}"
    note = "device and its share of the host"
    book.set("costs.embodied", made.value + host.value, "catalog", source, low, high, note)


def _storage(book: _Book, said: Any, samples: Samples | None) -> None:
    price = prices.storage()
    book.given_or("costs.storage", said.storage, price.value, price.source, price.low, price.high)
    if samples is None:
        book.set("costs.data_bytes", 4.0, "default", RULE, 2.0, 8.0, "of a token: its id, some of the raw text")
    else:
        book.set("costs.data_bytes", samples.size, "default", RULE, samples.size / 3, samples.size * 3, "of a sample")
    book.given_or("costs.checkpoints_kept", said.checkpoints_kept, 3.0, RULE, note="the last ones")
    book.set("costs.checkpoint_bandwidth", 20e9, "default", RULE, 5e9, 60e9, "BLOOM wrote 57.5 GB/s from 384 devices")
    book.set("costs.retention", 6 * MONTH, "default", RULE, 2 * MONTH, 24 * MONTH, "kept after the run")


def _staff(book: _Book, said: Any, kind: str) -> None:
    shared = kind in ("serve", "infer") and said.staff is None
    people, rate, low, high, status, source = 0.0, 0.0, None, None, "given", USER
    if shared or said.staff == "none":
        note = "none of its own: shared with other services"
        status, source = ("default", RULE) if shared else (status, source)
    elif said.staff is not None and not isinstance(said.staff, str):
        people, rate, note = said.staff.people, said.staff.rate, ""
    else:
        preset = economics.staff_preset(said.staff or "industry")
        people, rate, low, high = preset.heads, preset.rate, preset.rate_low, preset.rate_high
        status, source, note = "given" if said.staff else "catalog", preset.source, preset.preset
    book.set("costs.people", people, status, source, note=note)
    book.set("costs.rate", rate, status, source, low, high, note)
    hours = economics.staff_preset("industry")
    book.set("costs.working_share", hours.working_share, "catalog", hours.source, note="paid working time")
    failures = economics.value("failures:per_device_hour")
    book.set(
        "costs.device_mtbf",
        mean_time_between_failures(failures.mid),
        "catalog",
        failures.source,
        mean_time_between_failures(failures.high),
        mean_time_between_failures(failures.low),
    )
    book.set("costs.restart", 600.0, "default", RULE, 180.0, 1800.0, "restart and reload")
