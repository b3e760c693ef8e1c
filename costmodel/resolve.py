"""Scenario → assumptions: names looked up, defaults filled in, each number with its status and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from costmodel import profile
from costmodel.architectures.dense_decoder import Shape
from costmodel.catalog import CatalogError, economics, embodied, formats, grids, hardware, models, nodes, prices, pue
from costmodel.costs.energy import host_power_per_device
from costmodel.job import RECOMPUTE, Assumption, Assumptions, leaves
from costmodel.scenario import DeviceSpec, ModelShape, Scenario
from costmodel.units import HOUR, MONTH, YEAR
from costmodel.workloads.formulas import mean_time_between_failures

USER = "stated in the scenario"
RULE = "costmodel-prior"
OPTIMIZER_STATE = {"adamw": 12.0, "adam": 12.0, "sgd-momentum": 8.0, "sgd": 4.0}


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


class ResolveError(ValueError):
    """A scenario whose parts do not fit the model or device that it names; the message says what to write."""


class _Book:
    """Collects assumptions by path."""

    def __init__(self) -> None:
        self.units = leaves()
        self.found: Assumptions = {}
        self.warnings: list[str] = []

    def set(
        self, path: str, value: Any, status: str, source: str, low: Any = None, high: Any = None, note: str = ""
    ) -> None:
        value = None if value is None else float(value)
        self.found[path] = Assumption(path, value, self.units[path], status, source, low, high, note)

    def given_or(
        self, path: str, given: Any, value: Any, source: str, low: Any = None, high: Any = None, note: str = ""
    ) -> None:
        """What the user said, or else the default."""
        if given is not None:
            self.set(path, given, "given", USER)
        else:
            self.set(path, value, "default" if source == RULE else "catalog", source, low, high, note)


def resolve(scenario: Scenario) -> Resolved:
    """Every number that an estimate of `scenario` needs.

    Raises CatalogError for a name that is unknown, ambiguous or of a family that is not modelled, for a format that
    the device lacks, and for a device without a price when none is stated.
    """
    book = _Book()
    book.set("devices", scenario.devices, "given", USER)
    model = _model(book, scenario)
    device = _device(scenario.hardware)
    compute = _precision(book, scenario, device)
    _hardware(book, device, compute)
    _work(book, scenario)
    _layout(book, scenario)
    _costs(book, scenario, device)
    _check(book, model)
    book.found |= profile.constants(scenario.profile or "prior", compute)
    if scenario.engine.host_time is not None:
        book.set("profile.framework.host_time_per_step", scenario.engine.host_time, "given", USER)
    missing = set(book.units) - set(book.found)
    if missing:
        raise AssertionError(f"unresolved: {sorted(missing)}")
    assumptions = {path: book.found[path] for path in book.units}
    return Resolved(scenario, scenario.workload.kind, model, device.name, compute, assumptions, tuple(book.warnings))


def _model(book: _Book, scenario: Scenario) -> str:
    model = scenario.model
    if isinstance(model, ModelShape):
        status, source, name = "given", USER, model.name or "custom model"
        shape = model.model_dump() | {"head_bias": False, "embedding_norm": False}
    else:
        row = models.model(model)
        if row.kind != "language-dense":
            raise CatalogError(f"model {row.id} is of family {row.kind}, which is not modelled yet; dense decoders are")
        status, source, name = "catalog", row.source, row.id
        shape = {field: getattr(row, field) for field in row.__slots__} | {"max_sequence": row.max_position}
    shape["qkv_bias"] = shape["attention_bias"]
    shape["norm_vectors"] = {"rms": 1, "layernorm": 2}.get(shape["norm"], 0)
    shape["learned_positions"] = shape["max_sequence"] if shape["position"] == "learned" else 0
    for field in Shape.__slots__:
        if shape[field] is None:
            raise CatalogError(
                f"model {name}: the catalog does not say {field}; give the model as a mapping of its shape"
            )
        book.set(f"model.{field}", shape[field], status, source)
    return name


def _check(book: _Book, model: str) -> None:
    """The stated layout and sequence against the model's shape."""
    value = {path: assumption.value for path, assumption in book.found.items()}
    tp, heads = value["parallelism.tp"], value["model.heads"]
    if tp is not None and heads % tp:
        raise ResolveError(f"parallelism.tp: {tp:g} does not divide the {heads:g} heads of {model}; write a divisor")
    stages, layers = (value["parallelism.pp"] or 1) * (value["parallelism.vp"] or 1), value["model.layers"]
    if stages > layers:
        raise ResolveError(
            f"parallelism.pp: {stages:g} stages are more than the {layers:g} layers of {model}; write less"
        )
    sequence, longest = value["workload.sequence"], value["model.max_sequence"]
    if sequence is not None and sequence > longest:
        book.warnings.append(f"sequence {sequence:g} is longer than the {longest:g} that {model} was made for")


@dataclass(frozen=True, slots=True)
class _Device:
    """What the engine needs of a device, wherever it was described."""

    name: str
    id: str | None
    status: str
    source: str
    numbers: dict[str, float | None]
    peaks: dict[str, float]


def _device(spec: str | DeviceSpec) -> _Device:
    if isinstance(spec, DeviceSpec):
        numbers = {
            name: getattr(spec, name) for name in ("memory", "memory_bandwidth", "tdp", "idle", "link_bandwidth")
        }
        numbers |= {"scale_up_domain": spec.scale_up_domain, "network_bandwidth": spec.network_bandwidth}
        return _Device(
            spec.name or "custom device",
            None,
            "given",
            USER,
            numbers,
            {str(name): peak for name, peak in spec.peak.items()},
        )
    row = hardware.device(spec)
    node = nodes.node_for(row.id)
    numbers = {
        "memory": row.memory,
        "memory_bandwidth": row.memory_bandwidth,
        "tdp": row.tdp,
        "idle": row.idle,
        "link_bandwidth": row.link_bandwidth or row.pcie_bandwidth,
        "scale_up_domain": row.scale_up_domain,
        "network_bandwidth": node.network_bandwidth if node else None,
        "node_devices": node.devices if node else None,
    }
    if node and node.system_power_max:
        numbers["host_power"] = host_power_per_device(node.system_power_max, node.devices, row.tdp)
    if not row.link_bandwidth:  # cards without a fast link still share a server's PCIe
        numbers["scale_up_domain"] = node.devices if node else None
    return _Device(row.id, row.id, "catalog", row.source, numbers, dict(row.peaks))


def _precision(book: _Book, scenario: Scenario, device: _Device) -> str:
    said = scenario.precision
    training = scenario.workload.kind in ("train", "finetune")
    half = next((name for name in ("bf16", "fp16", "fp32") if name in device.peaks), None)
    if half is None:
        raise CatalogError(
            f"hardware {device.name} states no bf16, fp16 or fp32 peak; give hardware as a mapping with one"
        )
    compute = said.compute or half
    _peak(device, compute)  # raises for a format that the device lacks
    weights = said.weights or (half if training or said.compute is None else compute)
    activations = said.activations or half
    for path, given, name in (
        ("precision.weights", said.weights, weights),
        ("precision.activations", said.activations, activations),
        ("precision.kv_cache", said.kv_cache, said.kv_cache or half),
        ("precision.gradients", said.gradients, said.gradients or half),
    ):
        status = "given" if given else "default"
        book.set(path, formats.number_format(name).bytes, status, USER if given else RULE, note=name)
    book.set("precision.logits", 4.0, "default", "micikevicius-2018", note="fp32")
    optimizer = getattr(scenario.workload, "optimizer", "adamw")
    state = OPTIMIZER_STATE[optimizer]
    book.set("precision.optimizer_state", state, "default", "rajbhandari-2020", note=f"{optimizer} with an fp32 copy")
    traffic = 2 * state + 2 * formats.number_format(half).bytes
    book.set("precision.optimizer_traffic", traffic, "default", "rajbhandari-2020", note="state read and written")
    return compute


def _peak(device: _Device, number_format: str) -> float:
    """Dense peak in a format. Raises CatalogError with the formats that the device has."""
    for name in formats.number_format(number_format).peaks:
        if name in device.peaks:
            return device.peaks[name]
    raise CatalogError(f"hardware {device.name} has no peak for {number_format}; it has {', '.join(device.peaks)}")


def _hardware(book: _Book, device: _Device, compute: str) -> None:
    half = next(name for name in ("bf16", "fp16", "fp32") if name in device.peaks)
    numbers, status, source = device.numbers, device.status, device.source
    for name in ("memory", "memory_bandwidth", "tdp"):
        if numbers[name] is None:
            raise CatalogError(f"hardware {device.name} states no {name}; give hardware as a mapping with one")
        book.set(f"hardware.{name}", numbers[name], status, source)
    book.set("hardware.peak", _peak(device, compute), status, source, note=f"dense {compute}")
    book.set("hardware.peak_16bit", device.peaks[half], status, source, note=f"dense {half}")
    _or_prior(book, device, "link_bandwidth", 31.5e9, 12e9, 63e9, "PCIe 4 x16")
    _or_prior(book, device, "scale_up_domain", 8.0, None, None, "devices in a usual server")
    _or_prior(book, device, "network_bandwidth", 25e9, 12.5e9, 50e9, "200 Gb/s per device")
    _or_prior(
        book,
        device,
        "idle",
        0.12 * (numbers["tdp"] or 0),
        0.08 * (numbers["tdp"] or 0),
        0.2 * (numbers["tdp"] or 0),
        "12 % of TDP",
    )
    _or_prior(
        book,
        device,
        "host_power",
        0.4 * (numbers["tdp"] or 0),
        0.2 * (numbers["tdp"] or 0),
        0.6 * (numbers["tdp"] or 0),
        "40 % of TDP",
    )


def _or_prior(
    book: _Book, device: _Device, name: str, prior: float, low: float | None, high: float | None, note: str
) -> None:
    stated = device.numbers.get(name)
    if stated is not None:
        book.set(f"hardware.{name}", stated, device.status, device.source)
    else:
        book.set(f"hardware.{name}", prior, "default", RULE, low, high, note)


def _work(book: _Book, scenario: Scenario) -> None:
    work, traffic = scenario.workload, scenario.traffic
    for name in ("tokens", "sequence", "global_batch", "input_tokens", "output_tokens", "requests", "period"):
        value = getattr(work, name, None)
        said = name in work.model_fields_set and value is not None
        book.set(f"workload.{name}", value, "given" if said else "default", USER if said else RULE)
    for name in ("request_rate", "utilisation", "concurrency"):
        value = getattr(traffic, name)
        book.set(
            f"traffic.{name}", value, "given" if value is not None else "default", USER if value is not None else RULE
        )
    if work.kind == "infer" and traffic == type(traffic)():
        book.set("traffic.utilisation", 1.0, "default", RULE, note="a batch of requests runs at saturation")
    elif traffic == type(traffic)():
        book.set("traffic.utilisation", 0.5, "default", RULE, 0.3, 0.8, "of the sequences that run at once")
    book.given_or("traffic.max_sequences", scenario.engine.max_sequences, 256.0, RULE, note="usual limit of engines")


def _layout(book: _Book, scenario: Scenario) -> None:
    said = scenario.parallelism
    for name in ("tp", "pp", "vp", "zero", "micro_batch"):
        value = getattr(said, name)
        book.set(
            f"parallelism.{name}",
            value,
            "given" if value is not None else "inferred",
            USER if value is not None else RULE,
        )
    level = None if said.recompute is None else RECOMPUTE.index(said.recompute)
    book.set("parallelism.recompute", level, "inferred" if level is None else "given", RULE if level is None else USER)
    if said.dp is not None:
        fixed = {name: getattr(said, name) for name in ("tp", "pp")}
        if fixed["tp"] is None and fixed["pp"] is not None:
            book.set(
                "parallelism.tp",
                scenario.devices // (said.dp * fixed["pp"]),
                "inferred",
                RULE,
                note="devices / (dp · pp)",
            )
        elif fixed["pp"] is None and fixed["tp"] is not None:
            book.set(
                "parallelism.pp",
                scenario.devices // (said.dp * fixed["tp"]),
                "inferred",
                RULE,
                note="devices / (dp · tp)",
            )


def _costs(book: _Book, scenario: Scenario, device: _Device) -> None:
    said = scenario.costs
    own = said.pricing == "own"
    book.set(
        "costs.own",
        float(own),
        "given" if said.pricing else "default",
        USER if said.pricing else RULE,
        note="1 when bought",
    )
    rental = prices.rental(device.id, said.pricing or "on-demand") if device.id and not own else None
    if said.price is None and rental is None and not own:
        raise CatalogError(
            f"no {said.pricing or 'on-demand'} price of {device.name} is known; "
            "write costs: {price: 2.5 USD/h} or pricing: own"
        )
    if rental is None or said.price is not None:
        book.given_or("costs.price", said.price, 0.0, RULE, note="not rented")
    else:
        note = f"{rental.provider}, {rental.date}; range of {rental.rows} offers"
        book.set("costs.price", rental.value, "catalog", rental.source, rental.low, rental.high, note)
    _capital(book, said, device, own)
    _surroundings(book, said, device)
    _storage(book, said)
    _staff(book, said, scenario.workload.kind)


def _capital(book: _Book, said: Any, device: _Device, own: bool) -> None:
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
    if bought is not None and bought.pricing == "purchase-system":
        book.set("costs.server_overhead", 1.0, "catalog", bought.source, note="the price is that of a whole system")
    else:
        overhead = economics.value("epoch_server_cost_overhead")
        book.set("costs.server_overhead", overhead.mid, "catalog", overhead.source, overhead.low, overhead.high)
    book.set("costs.hosting", 0.10 / HOUR, "default", RULE, 0.05 / HOUR, 0.20 / HOUR, "space and operations per device")


def _surroundings(book: _Book, said: Any, device: _Device) -> None:
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
    made = embodied.embodied(device.id) if device.id else embodied.by_power(device.numbers["tdp"] or 0.0)
    host = embodied.host_share(int(device.numbers.get("node_devices") or 8))
    book.set(
        "costs.embodied",
        made.value + host.value,
        "catalog",
        f"{made.source}; {host.source}",
        made.low + host.low,
        made.high + host.high,
        "device and its share of the host",
    )


def _storage(book: _Book, said: Any) -> None:
    price = prices.storage()
    book.given_or("costs.storage", said.storage, price.value, price.source, price.low, price.high)
    book.set("costs.data_bytes_per_token", 4.0, "default", RULE, 2.0, 8.0, "token ids, some of the raw text")
    book.given_or("costs.checkpoints_kept", said.checkpoints_kept, 3.0, RULE)
    book.set("costs.checkpoint_bandwidth", 20e9, "default", RULE, 5e9, 60e9, "BLOOM wrote 57.5 GB/s from 384 devices")
    book.set("costs.retention", 6 * MONTH, "default", RULE, 2 * MONTH, 24 * MONTH, "kept after the run")


def _staff(book: _Book, said: Any, kind: str) -> None:
    shared = kind in ("serve", "infer") and said.staff is None
    if said.staff is not None and not isinstance(said.staff, str):
        people, rate, low, high, status, source, note = (
            said.staff.people,
            said.staff.rate,
            None,
            None,
            "given",
            USER,
            "",
        )
    elif shared or said.staff == "none":
        status, source = ("default", RULE) if shared else ("given", USER)
        people, rate, low, high, note = 0.0, 0.0, None, None, "none of its own: shared with other services"
    else:
        preset = economics.staff_preset(said.staff or "industry")
        people, rate, low, high = preset.heads, preset.rate, preset.rate_low, preset.rate_high
        status, source, note = "given" if said.staff else "catalog", preset.source, said.staff or "industry"
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
