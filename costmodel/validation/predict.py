"""Questions to predictions: each by the ordinary way, their draws many at a time."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from costmodel import engine
from costmodel.fields import TRAINING
from costmodel.job import Assumptions, numbers
from costmodel.loading import load
from costmodel.ops import total
from costmodel.outcome import Outcome
from costmodel.ranges import DRAWS, normals, stacked, uncertain
from costmodel.resolve import resolve
from costmodel.units import Number
from costmodel.validation import measures
from costmodel.validation.question import RULES, Question

FIGURES: dict[str, Callable[[Outcome], Number]] = {
    "step_time_s": lambda o: o.performance["step_time_s"],
    "peak_memory_bytes": lambda o: o.memory_used,
    "ttft_s": lambda o: o.performance["ttft_s"],
    "tpot_s": lambda o: o.performance["tpot_s"],
    "latency_s": lambda o: o.performance["latency_s"],
    "seconds_per_output_token": lambda o: measures.time_of_one(o.performance["output_tokens_per_s"]),
    "seconds_per_input_token": lambda o: measures.time_of_one(
        measures.input_rate(o.performance["requests_per_s"], o.job.workload.input_tokens)
    ),
    "seconds_per_sample": lambda o: measures.time_of_one(o.performance["requests_per_s"]),
    "seconds_per_request": lambda o: measures.time_of_one(o.performance["requests_per_s"]),
    "power_w": lambda o: measures.mean_device_power(_device_energy(o), o.job.devices, o.totals["time_s"]),
}


def _device_energy(o: Outcome) -> Number:
    parts = o.breakdown["energy_j"]
    return total({name: parts[name] for name in ("devices idle", "devices load")})


@dataclass(frozen=True, slots=True)
class Answer:
    """A scenario's outcome at its central values, with the assumptions that draws need."""

    kind: str
    assumptions: Assumptions
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Prediction:
    """A figure with the 10th and 90th percentile of its draws."""

    value: float
    p10: float
    p90: float


def predict(questions: Sequence[Question]) -> list[tuple[Prediction, Outcome] | str]:
    """For each question its prediction and outcome, or why there is none. Equal scenarios are computed once."""
    keys = [json.dumps(q.scenario, sort_keys=True) for q in questions]
    answers = {key: _answer(question) for key, question in dict(zip(keys, questions, strict=True)).items()}
    asked: defaultdict[str, set[str]] = defaultdict(set)
    for key, question in zip(keys, questions, strict=True):
        asked[key].add(question.figure)
    drawn = _draws({key: answer for key, answer in answers.items() if isinstance(answer, Answer)}, asked)
    found: list[tuple[Prediction, Outcome] | str] = []
    for key, question in zip(keys, questions, strict=True):
        answer = answers[key]
        if isinstance(answer, str):
            found.append(answer)
            continue
        value = float(FIGURES[question.figure](answer.outcome))
        if not (math.isfinite(value) and value > 0):
            found.append(f"the engine answers {value:g}")
            continue
        low, high = _range(drawn[key][question.figure], question)
        found.append((Prediction(value, low, high), answer.outcome))
    return found


def _answer(question: Question) -> Answer | str:
    try:
        resolved = resolve(load(question.scenario))
    except ValueError as error:
        if not type(error).__module__.startswith("costmodel."):
            raise  # no matter of the row: a scenario that cannot be answered says so in errors of its own
        return " ".join(str(error).split())
    # Money and people change no time and no byte: their spread would only take draws.
    known = {
        path: replace(a, low=None, high=None) if path.startswith("costs.") else a
        for path, a in resolved.assumptions.items()
    }
    outcome = engine.complete(numbers(known), resolved.kind)
    memory = outcome.job.hardware.memory
    if resolved.kind not in TRAINING and outcome.memory_parts["weights"] > memory:
        return "the weights do not fit the devices' memory: offloading is not modelled"
    return Answer(resolved.kind, known, outcome)


def _draws(answers: Mapping[str, Answer], asked: Mapping[str, set[str]]) -> dict[str, dict[str, np.ndarray]]:
    """The draws of the figures asked of a scenario; those that say the same fields go through the formulas together."""
    alike: defaultdict[tuple[Any, ...], list[str]] = defaultdict(list)
    for key, answer in answers.items():
        unsaid = [path for path, a in answer.assumptions.items() if a.value is None]
        alike[answer.kind, type(answer.outcome.job.model), *unsaid].append(key)
    found: dict[str, dict[str, np.ndarray]] = {}
    for keys in alike.values():
        together = [answers[key] for key in keys]
        given = [answer.assumptions for answer in together]
        paths = sorted({a.path for each in given for a in uncertain(each)})
        z = dict(zip(paths, normals(tuple(paths)), strict=True))
        job = stacked(given, [answer.outcome.job.parallelism for answer in together], z)
        outcome = engine.outcome(job, together[0].kind)
        figures = {name: FIGURES[name](outcome) for name in set().union(*(asked[key] for key in keys))}
        shape = len(keys), DRAWS
        arrays = {name: np.broadcast_to(np.asarray(values, dtype=float), shape) for name, values in figures.items()}
        found |= {key: {name: array[i] for name, array in arrays.items()} for i, key in enumerate(keys)}
    return found


def _range(draws: np.ndarray, question: Question) -> tuple[float, float]:
    """10th and 90th percentile, widened by what was inferred for this row: independent spreads add up in quadrature."""
    name = "memory" if question.figure == "peak_memory_bytes" else "time"
    logs = [math.log(getattr(RULES[rule], name)) for rule in question.inferred]
    low, middle, high = (float(q) for q in np.quantile(draws, (0.1, 0.5, 0.9)))
    return middle / math.exp(math.hypot(math.log(middle / low), *logs)), middle * math.exp(
        math.hypot(math.log(high / middle), *logs)
    )
