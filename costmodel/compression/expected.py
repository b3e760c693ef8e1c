"""What a step is expected to do to quality, each with its evidence; what nothing published answers, in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from costmodel.compression.effects import BIT, group_of, quantised
from costmodel.compression.formulas import removed_share
from costmodel.compression.making import recipe_of
from costmodel.compression.schema import Distil, Prune, Quantise, Sparsify, Step
from costmodel.quality import pruning, quantisation, recovery
from costmodel.quality.evidence import Case, Expected, NoEvidence

# Models of few training tokens per parameter; all others lose more to quantisation.
OLDER = ("llama-1", "llama-2", "llama-7b", "llama-13b", "llama-30b", "llama-65b", "codellama", "vicuna", "opt", "gpt")
OLDER_TOO = ("bloom", "pythia", "falcon", "mpt", "mistral", "cerebras")
# Weights and activations in one format: the case of published accuracies.
TOGETHER = {"fp8": "fp8", "fp8-block": "fp8", "int8": "int8", "nvfp4": "nvfp4", "int4": "int4-w4a4"}
# Weights alone: the case by their format.
ALONE = {"int8": "int8", "q8-0": "int8", "int4": "int4", "q4-0": "int4", "q4-k-m": "int4", "nf4": "int4"}

Found = tuple[list[Expected], list[str]]


def quality(step: Step, model: str, before: float, after: float, width: float) -> Found:
    """Expected changes, and lines on what has no evidence; `before` and `after` are parameters."""
    if isinstance(step, Quantise):
        return _quantised(step, model, before, width)
    if isinstance(step, Sparsify):
        return _asked(lambda: _sparse(step))
    found, missing = _asked(lambda: _smaller(step, before, after))
    if isinstance(step, Distil):
        missing.append("published students were cut out of their teacher; one of another origin may do worse")
    return found, missing


def _smaller(step: Prune | Distil, before: float, after: float) -> Expected:
    if after >= before:
        raise NoEvidence("the model does not become smaller: nothing published compares such models")
    return pruning.structured(removed_share(before, after), float(step.tokens or 0))


def _sparse(step: Sparsify) -> Expected:
    if step.tokens:
        if step.pattern is None:
            raise NoEvidence("no evidence for language models with single weights removed and training after it")
        return recovery.expected("sparse-2:4-trained")
    if step.share not in (None, 0.5):
        raise NoEvidence(f"no evidence for {step.share:.0%} of single weights at zero; published are 50 % and 2:4")
    return pruning.sparse(step.pattern or "50%")


def _quantised(step: Quantise, model: str, parameters: float, width: float) -> Found:
    found: list[Expected] = []
    missing: list[str] = []

    def ask(question: Callable[..., Expected], *arguments: Any) -> None:
        values, lines = _asked(lambda: question(*arguments))
        found.extend(values)
        missing.extend(lines)

    together = TOGETHER.get(step.weights or "") if step.activations == step.weights else None
    if together == "int4-w4a4" and recipe_of(step) == "outlier-aware":
        together = "int4-w4a4-rotated"
    if step.weights and together:
        ask(recovery.expected, together, parameters)
    elif step.weights:
        if step.activations:
            missing.append(f"no evidence for {step.weights} weights with {step.activations} activations together")
        if step.weights in ("fp8", "fp8-block", "mxfp8", "nvfp4", "mxfp4"):
            missing.append(
                f"no evidence for {step.weights} weights alone; {step.weights} of both loses at least as much"
            )
        else:
            recipe, bits, group = recipe_of(step), quantised(step, width)[0] / BIT, group_of(step, width)
            blocks = group if step.weights.startswith("int") else 32
            if step.weights.startswith("nf4"):
                missing.append("no perplexities of nf4 in the evidence: that of rounding to nearest in groups is given")
            ask(_perplexity, recipe, bits, parameters, generation(model), blocks)
            ask(quantisation.collapse, recipe, bits, blocks)
            if step.weights in ALONE:
                ask(_accuracy, ALONE[step.weights], recipe, parameters)
    if step.kv_cache:
        ask(recovery.expected, "kv-8-bit")
    return found, missing


def _perplexity(recipe: str, bits: float, parameters: float, models: str, group: float | None) -> Expected:
    """The expected perplexity, with the nearest published perplexities whose scales are shared alike."""
    expected = quantisation.expected(recipe, bits, parameters, models, group)
    hurt = quantisation.per_channel(recipe, bits, group)
    like = [
        c
        for c in quantisation.perplexity_cases(quantisation.recipe_of(recipe))
        if quantisation.per_channel(c.recipe, c.bits or 0, c.group) == hurt
    ]
    return _nearest(expected, like, parameters, bits)


def _accuracy(case: str, recipe: str, parameters: float) -> Expected:
    """The accuracy kept in a case, with the nearest published models of the same recipe if there are any."""
    found = recovery.chosen(case)
    like = [c for c in found if c.recipe == quantisation.recipe_of(recipe) and (c.recovery or 0) > recovery.COLLAPSED]
    return _nearest(recovery.expected(case), like or found, parameters)


def _nearest(expected: Expected, like: list[Case], parameters: float, bits: float | None = None) -> Expected:
    """The same answer, with the cases nearest in bits and size (a factor of ten counts as half a bit)."""

    def distance(case: Case) -> float:
        apart = abs(math.log10(case.parameters / parameters)) if case.parameters else 1.0
        return apart / 2 + (abs((case.bits or 0) - bits) if bits else 0.0)

    return replace(expected, evidence=replace(expected.evidence, cases=tuple(sorted(like, key=distance)[:5])))


def generation(model: str) -> str:
    """Whether a model's name, or file, is of those trained on few tokens per parameter ("older"), else "newer"."""
    return "older" if Path(model).name.lower().startswith(OLDER + OLDER_TOO) else "newer"


def _asked(question: Callable[[], Expected]) -> Found:
    try:
        return [question()], []
    except NoEvidence as lack:
        return [], [str(lack)]
