"""What a case should take: its operators by the engine's laws with this machine's constants, summed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np

from costmodel import ops
from costmodel.calibration.eager import FP32, TABLE, TILES, UPDATE_PASSES
from costmodel.calibration.laws.collective import PASSES
from costmodel.calibration.measure.record import WIDTH
from costmodel.calibration.verify.case import Case, Update, Work
from costmodel.calibration.verify.layers import Layer
from costmodel.job import Assumption, AttentionLaw, Hardware, Laws, MatmulLaw, MemoryBoundLaw
from costmodel.operators import eager
from costmodel.operators.collective import ring_time
from costmodel.operators.convolution import convolution_time
from costmodel.operators.launch import host_call_time
from costmodel.operators.matmul import matrix_bytes
from costmodel.operators.memory_bound import CLASSES, copy_bytes
from costmodel.operators.optimizer import optimizer_time, optimizer_traffic
from costmodel.operators.timing import operator_time
from costmodel.parallel.pipeline import repeated
from costmodel.profile import FAMILY
from costmodel.program import Operator
from costmodel.ranges import draw, normals
from costmodel.units import Number
from costmodel.workloads.formulas.step import backward_time

Section = TypeVar("Section")
Constants = Mapping[str, Mapping[str, Number]]
PRODUCT_GRADIENTS = 2.0  # backward over forward: one product for the input's gradient, one for the weights'
DRAWS = 256


@dataclass(frozen=True, slots=True)
class Machine:
    """A profile as numbers (or arrays of draws): constants by law, facts, calls of the host, and a factor for each law.

    The factors are one at the middle; drawn, they hold the scatter that a law leaves. "machine" is that of everything,
    "calls" that of launches and of what the host pays.
    """

    laws: Constants
    hardware: Mapping[str, float]
    calls: Mapping[str, float]
    factors: Mapping[str, Number]


def machine(profile: Mapping[str, Any], drawn: bool = False) -> Machine:
    """The machine that a profile describes; `drawn`: with quasi-random draws of what its records leave open.

    That is the scatter of records about each law, taken as common to all operators of a network; the ratio of backward
    to forward; and the machine's own drift. Errors of single constants are part of the scatter.
    """
    laws = {law: {name: c["value"] for name, c in constants.items()} for law, constants in profile["laws"].items()}
    scatter = dict(profile["scatter"])
    ratios = [law for law in scatter if laws.get(law, {}).get("backward")] if drawn else []
    names = (*scatter, *(f"{law}.backward" for law in ratios))
    z = normals(names, DRAWS) if drawn else np.zeros((len(names), 1))
    factors: dict[str, Number] = dict.fromkeys(scatter, 1.0)
    if drawn:
        factors = {law: np.exp(value * z[i]) for i, (law, value) in enumerate(scatter.items())}
    for i, law in enumerate(ratios, start=len(scatter)):
        c = profile["laws"][law]["backward"]
        leaf = Assumption("backward", c["value"], c["unit"], "fitted", c["source"], c.get("low"), c.get("high"))
        laws[law]["backward"] = draw(leaf, z[i]) if leaf.low is not None else leaf.value
    return Machine(laws, profile["hardware"], profile["calls"], factors)


def predict(case: Case, on: Machine) -> Number:
    """Time of one unit of a case [s]."""
    on = _among_others(on, "training_factor" if case.work.update else "forward_factor")
    parts = _parts(case.work, _shared(on, max(1, case.work.processes), bool(case.work.processes)))
    once = repeated(on.factors.get("machine", 1.0), ops.total(parts))
    return eager.time_per_unit(repeated(case.work.times, once), case.units)


def _among_others(on: Machine, named: str) -> Machine:
    """The machine with what calls take in a network: launches, and what the host pays."""
    factor = repeated(on.factors.get("calls", 1.0), on.calls.get(named, 1.0))
    laws = {law: dict(constants) for law, constants in on.laws.items()}
    for constants in laws.values():
        for name in ("launch", "start"):
            if name in constants:
                constants[name] = repeated(factor, constants[name])
    calls = {name: value if name.endswith("factor") else repeated(factor, value) for name, value in on.calls.items()}
    return replace(on, laws=laws, calls=calls)


def lacks(case: Case, on: Machine) -> str:
    """Why a case cannot be predicted from this profile, or nothing."""
    layers = [layer for stage in case.work.stages for layer in stage.layers]
    needed = {law_of(layer) for layer in layers}
    if case.work.update:
        needed |= {update_law(case.work.update)} | {TABLE for layer in layers if layer.table}
    for law in sorted(needed):
        if law not in on.laws:
            return f"the profile has no law {law}"
    if case.work.processes > 1 and "link_bandwidth" not in on.hardware:
        return "the profile has no link between processes"
    return ""


def law_of(layer: Layer) -> str:
    """The key of the law that times a layer."""
    operator = layer.operator
    if operator.kind in ("matmul", "convolution"):
        return f"{operator.kind}:{FAMILY[layer.dtype]}"
    return operator.operation if operator.kind == "attention" else f"memory_bound:{operator.operation}"


def update_law(update: Update) -> str:
    """The key of the law that times an optimizer's step."""
    return f"optimizer:{update.algorithm.removesuffix('w')}"


def _shared(on: Machine, processes: int, single: bool) -> Machine:
    """The machine as one process sees it that has one core of it to itself."""
    if not single:
        return on
    cores, figures = on.hardware["cores"], dict(on.hardware)
    for name, value in figures.items():
        if name.startswith("peak:"):
            figures[name] = eager.core_peak(value, cores)
    figures["memory_bandwidth"] = eager.core_bandwidth(figures["memory_bandwidth"], cores)
    return replace(on, hardware=figures)


def _parts(work: Work, on: Machine) -> dict[str, Number]:
    """Time of one step or pass by part."""
    training = 1.0 if work.update else 0.0
    layers = [(stage.times, layer) for stage in work.stages for layer in stage.layers]
    traffic = ops.total({str(i): repeated(n, x.operator.traffic) for i, (n, x) in enumerate(layers)})
    weights = ops.total({str(i): repeated(n, _weights(x)) for i, (n, x) in enumerate(layers)})
    between = eager.step_working_set(traffic, weights, training)
    forward, backward = dict[str, Number](), dict[str, Number]()
    for i, (times, layer) in enumerate(layers):
        once = layer_time(layer, on, between)
        forward[str(i)] = repeated(times, once)
        if training and layer.recorded:
            backward[str(i)] = repeated(times, _backward(layer, once, on))
    parts = {"forward": ops.total(forward), "backward": ops.total(backward or {"none": 0.0})}
    recorded = sum(times * layer.operator.calls for times, layer in layers if layer.recorded) * training
    start = on.calls.get("start", 0.0) * training
    parts["host"] = eager.host_calls_time(
        work.modules, work.views, recorded, on.calls["module"], on.calls["view"], on.calls.get("record", 0.0), start
    )
    parts["quantised layers"] = host_call_time(work.quantised, 0.0, on.calls.get("quantized", 0.0))
    parts["taking samples"] = host_call_time(work.taken, 0.0, on.calls["take"])
    return parts | _update(work, on)


def _update(work: Work, on: Machine) -> dict[str, Number]:
    """Clearing gradients, averaging them over processes, and the optimizer's step."""
    if work.update is None:
        return {}
    update, law = work.update, update_law(work.update)
    parts: dict[str, Number] = {}
    if "zero_grad" in on.calls:
        parts["clearing"] = host_call_time(update.tensors, on.calls["zero_grad_start"], on.calls["zero_grad"])
    traffic = optimizer_traffic(update.parameters, FP32 * UPDATE_PASSES[update.algorithm])
    constants = on.laws[law]
    step = optimizer_time(
        update.tensors,
        traffic,
        on.hardware["memory_bandwidth"],
        on.hardware["cache"],
        *(constants[name] for name in ("bandwidth_efficiency", "launch", "cache_speedup")),
    )
    parts["update"] = host_call_time(1.0, constants["start"], repeated(on.factors[law], step))
    if work.processes > 1:
        link = on.laws["link"]
        payload = copy_bytes(update.parameters, 0.5, FP32)
        efficiency, latency, power = (link[n] for n in ("bandwidth_efficiency", "latency", "overlap_power"))
        bandwidth = on.hardware["link_bandwidth"]
        time = ring_time(payload, work.processes, PASSES["all_reduce"], bandwidth, efficiency, latency, 0.0, power)
        parts["averaging"] = repeated(on.factors["link"], time)
    return parts


def layer_time(layer: Layer, on: Machine, between: Number) -> Number:
    """Forward time of a layer whose weights come again after `between` bytes [s]."""
    law = law_of(layer)
    once = _operator_time(layer, on, on.laws[law], between)
    once = repeated(on.factors.get(law, 1.0), once)
    if "fresh_rate" in on.hardware:
        made = layer.operator.outputs or eager.written_bytes(layer.operator.traffic)
        new = eager.fresh_time(made, on.hardware["fresh_rate"])
        once = ops.total({"operator": once, "new memory": new})
    if not layer.bias:
        return once
    out = Operator("bias", "memory_bound", "elementwise", traffic=layer.operator.outputs)
    return ops.total({"product": once, "bias": layer_time(Layer(out), on, between)})


def _operator_time(layer: Layer, on: Machine, constants: Mapping[str, Number], between: Number) -> Number:
    operator, figures = layer.operator, on.hardware
    peak = figures.get(f"peak:{layer.dtype}", 0.0)
    if operator.kind == "memory_bound":
        named = operator.operation if operator.operation in CLASSES else CLASSES[0]
        laws = {named: _section(MemoryBoundLaw, constants)}
        return operator_time(replace(operator, operation=named), _hardware(figures, peak), _laws(laws))
    bandwidth = _product_bandwidth(layer, figures, constants, between)
    if operator.kind == "convolution":
        efficiencies = (constants[n] for n in ("compute_efficiency", "bandwidth_efficiency", "launch"))
        return convolution_time(operator.flops, operator.traffic, operator.depth, peak, bandwidth, *efficiencies, 0.0)
    hardware = replace(_hardware(figures, peak), memory_bandwidth=bandwidth)
    if operator.kind == "attention":
        return operator_time(operator, hardware, _laws({operator.operation: _section(AttentionLaw, constants)}))
    product = _section(MatmulLaw, constants)
    return operator_time(operator, hardware, _laws({"matmul": product, "matmul_16bit": product}))


def _weights(layer: Layer) -> Number:
    return matrix_bytes(layer.operator.parameters, 1.0, float(WIDTH[layer.dtype]))


def _product_bandwidth(
    layer: Layer, figures: Mapping[str, float], constants: Mapping[str, Number], between: Number
) -> Number:
    """Weights, and keys and values of former tokens, come from where they were left one pass ago; the rest is new."""
    cache = figures["cache"], constants.get("cache_speedup", figures["cache_speedup"])
    fresh = eager.reached_bandwidth(layer.operator.traffic, figures["memory_bandwidth"], *cache)
    left = eager.reached_bandwidth(between, figures["memory_bandwidth"], *cache)
    if layer.operator.kind != "matmul":
        return left if layer.operator.operation == "attention_decode" else fresh
    return eager.mixed_bandwidth(_weights(layer), layer.operator.traffic, left, fresh)


def _backward(layer: Layer, forward: Number, on: Machine) -> Number:
    """Time of a layer's gradients."""
    if layer.table:
        table = Operator("table", "memory_bound", "table", traffic=copy_bytes(layer.table, 1.0, FP32))
        return layer_time(Layer(table), on, 0.0)
    product = layer.operator.kind == "matmul"
    ratio = PRODUCT_GRADIENTS if product else on.laws[law_of(layer)].get("backward", PRODUCT_GRADIENTS)
    return backward_time(forward, eager.weights_only(ratio) if layer.data else ratio)


def _section(section: type[Section], constants: Mapping[str, Number]) -> Section:
    """The constants of a law; what this machine's laws do not use is nothing."""
    return section(**{field.name: constants.get(field.name, 0.0) for field in fields(section)})  # type: ignore[arg-type]


def _laws(given: Mapping[str, object]) -> Laws:
    return _section(Laws, given)


def _hardware(figures: Mapping[str, float], peak: float) -> Hardware:
    stated = {name: value for name, value in figures.items() if ":" not in name}
    return _section(Hardware, {**TILES["cuda"], "multiprocessors": 1.0, **stated, "peak": peak, "peak_16bit": peak})


def bounds(case: Case, drawn: Machine) -> tuple[float, float]:
    """The 10th and 90th percentile of a prediction."""
    low, high = np.quantile(np.broadcast_to(predict(case, drawn), (DRAWS,)), (0.1, 0.9))
    return float(low), float(high)
