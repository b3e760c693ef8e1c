"""Perplexity after weight-only quantisation, and how often a format collapses.

The loss that quantisation adds is close to linear in the relative squared error of the weights (Malinovskii et al.
2024), and that error shrinks by a constant factor per bit (4 in theory, Shannon 1959): hence one factor per bit, and
a factor each for how the rounding was chosen, for the generation of the model and for scales per channel instead of
per group. Size has no factor: once the generation is in, none shows in the evidence.
"""

from __future__ import annotations

import math
from functools import cache

from costmodel import ops
from costmodel.catalog.table import key, unknown
from costmodel.formula import formula
from costmodel.quality.evidence import (
    COLLAPSE,
    PERPLEXITY,
    Case,
    Evidence,
    Expected,
    NoEvidence,
    cases,
    constants,
    positive,
)
from costmodel.units import Count, Fraction

# the recipe that a method belongs to; a recipe is what the evidence can tell apart
METHODS = {
    "rtn": "rtn",
    "q4-0": "rtn",
    "gptq": "calibrated",
    "awq": "calibrated",
    "hqq": "calibrated",
    "autoround": "calibrated",
    "calibrated": "calibrated",
    "gguf": "k-quant",
    "k-quant": "k-quant",
    "owq": "outlier-aware",
    "quarot": "outlier-aware",
    "spinquant": "outlier-aware",
    "outlier-aware": "outlier-aware",
    "aqlm": "codebook",
    "quip#": "codebook",
    "codebook": "codebook",
    "smoothquant": "smoothquant",
}
GENERATIONS = ("older", "newer")
CHANNEL_BITS = 4.2  # up to here a scale per channel, not per group, shows
CHANNEL_RECIPES = ("rtn", "calibrated", "smoothquant")  # the others spread outliers or keep them apart
COLLAPSED = 1.0  # nats: perplexity more than e times what it was
MARGIN = 0.25  # bits beyond the evidence that are still answered


@formula(r"\Delta_q", source="malinovskii-2024")
def quantisation_loss(
    bits: Count,
    level: Count,
    per_bit: Fraction,
    recipe: Count,
    generation: Count,
    channel: Count,
    share: Fraction,
) -> Count:
    """Loss in nats per token that weights of so many bits add: `level` at 4 bits, times a factor for each trait.

    `share` is the part of the weights that has these bits, the rest having 8: losses of parts add.
    """
    return share * level * recipe * generation * channel * per_bit ** (bits - 4)


@formula(r"r_{ppl}", source="definition")
def perplexity_ratio(loss: Count) -> Count:
    """Perplexity after over perplexity before, given the added loss in nats per token."""
    return ops.exp(loss)


@formula(r"p_{col}", source="definition")
def collapse_probability(collapsed: Count, published: Count) -> Fraction:
    """Share of collapsed cases that published ones suggest (Jeffreys' rule, never quite 0 or 1)."""
    return (collapsed + 0.5) / (published + 1)


def recipe_of(method: str) -> str:
    """The recipe of a method such as "gptq". Raises CatalogError with the nearest names."""
    if not isinstance(method, str) or key(method) not in METHODS:
        raise unknown("quantisation method", method, {m: m for m in METHODS})
    return METHODS[key(method)]


def per_channel(recipe: str, bits: float, group: float | None) -> bool:
    """Whether a scale per channel hurts: few bits, no groups, and nothing done about outliers."""
    return group is None and bits <= CHANNEL_BITS and recipe in CHANNEL_RECIPES


def expected(
    method: str,
    bits: float,
    parameters: float | None = None,
    generation: str = "newer",
    group: float | None = None,
    share: float = 1.0,
) -> Expected:
    """Perplexity ratio expected of weight-only quantisation, in the case that it does not collapse.

    `bits` are effective bits per weight of the linear layers, scales included (4.125 for 4 bits with a 16-bit scale
    per 128); `parameters` only choose the nearest cases; `generation` is "newer" for models of many training tokens
    per parameter (Llama 3, Qwen 2.5, Gemma, Phi), else "older"; `group` is None for a scale per channel; `share` of
    the weights has these bits, the rest 8. Raises CatalogError, ValueError, and NoEvidence outside the bits published.
    """
    recipe, bits, fitted = recipe_of(method), positive(bits, "bits"), constants("quantisation")
    if group is not None:
        positive(group, "group")
    if positive(share, "share") > 1:
        raise ValueError(f"share must be at most 1, not {share}")
    known = perplexity_cases(recipe)
    low, high = min(c.bits or 0 for c in known), max(c.bits or 0 for c in known)
    if not low - MARGIN <= bits <= high + MARGIN:
        raise NoEvidence(
            f"no evidence for {method} at {bits:g} bits; perplexities are published from {low:g} to {high:g}"
        )
    loss, spread = quantisation_loss(bits, **factors(method, bits, generation, group), share=share), fitted["spread"]
    low_ratio, value, high_ratio = (perplexity_ratio(x) for x in (loss / spread, loss, loss * spread))
    return Expected(
        value,
        low_ratio,
        high_ratio,
        PERPLEXITY,
        Evidence(len(known), tuple(sorted({c.source for c in known})), evidence(method, bits, parameters)),
        tuple(_collapse_warning(recipe, bits, group)),
    )


def factors(method: str, bits: float, generation: str = "newer", group: float | None = None) -> dict[str, float]:
    """The factors that `quantisation_loss` takes beside bits and share, by name. Raises CatalogError."""
    recipe, fitted = recipe_of(method), constants("quantisation")
    if not isinstance(generation, str) or key(generation) not in GENERATIONS:
        raise unknown("generation", generation, {g: g for g in GENERATIONS})
    return {
        "level": fitted["level"],
        "per_bit": fitted["per bit"],
        "recipe": fitted.get(recipe, 1.0),
        "generation": fitted["newer"] if key(generation) == "newer" else 1.0,
        "channel": fitted["per channel"] if per_channel(recipe, bits, group) else 1.0,
    }


def collapse(method: str, bits: float, group: float | None = None) -> Expected:
    """Probability that weight-only quantisation of this kind destroys a model (perplexity more than e times).

    Counted over published cases: of any recipe within half a bit where scales are per channel, else of the same recipe.
    Raises CatalogError, ValueError, NoEvidence.
    """
    recipe, bits = recipe_of(method), positive(bits, "bits")
    like = _like(recipe, bits, group)
    if not like:
        raise NoEvidence(f"no evidence on collapse for {method} at {bits:g} bits; ask for the nearest published cases")
    n, k = len(like), sum((c.loss or 0) > COLLAPSED for c in like)
    margin = 1.2816 * math.sqrt((k + 0.5) * (n - k + 0.5) / (n + 1) ** 3)
    value = collapse_probability(k, n)
    sources = tuple(sorted({c.source for c in like}))
    return Expected(
        value, max(0.0, value - margin), min(1.0, value + margin), COLLAPSE, Evidence(n, sources, tuple(like[:5]))
    )


def evidence(method: str, bits: float, parameters: float | None = None, rows: int = 5) -> tuple[Case, ...]:
    """The published cases of a recipe nearest to these bits and this size (a factor of ten counts as half a bit).

    Raises CatalogError for an unknown method.
    """
    recipe = recipe_of(method)

    def distance(case: Case) -> tuple[float, str]:
        apart = abs(math.log10(case.parameters / parameters)) if parameters and case.parameters else 0.0
        return abs((case.bits or 0) - bits) + apart / 2, case.id

    like = [c for c in cases() if c.technique == "weight-only" and c.recipe == recipe and c.bits]
    return tuple(sorted(like, key=distance)[:rows])


@cache
def perplexity_cases(recipe: str | None = None) -> tuple[Case, ...]:
    """Cases with a WikiText-2 perplexity, all or of one recipe, collapsed ones too; no training took place."""
    return tuple(
        c
        for c in cases()
        if c.technique == "weight-only" and c.metric.startswith("wikitext") and c.loss is not None and c.bits
        if c.recipe in set(METHODS.values()) and recipe in (None, c.recipe)
    )


def _like(recipe: str, bits: float, group: float | None) -> list[Case]:
    """Cases that could collapse alike, worst first: with a scale per channel any recipe, else the same recipe."""
    hurt = per_channel(recipe, bits, group)
    found = [c for c in perplexity_cases() if per_channel(c.recipe, c.bits or 0, c.group) == hurt]
    alike = [c for c in found if (abs((c.bits or 0) - bits) <= 0.5 if hurt else c.recipe == recipe)]
    return sorted(alike, key=lambda c: -(c.loss or 0))


def _collapse_warning(recipe: str, bits: float, group: float | None) -> list[str]:
    like = _like(recipe, bits, group)
    lost = [c for c in like if (c.loss or 0) > COLLAPSED]
    if not lost:
        return []
    models = ", ".join(sorted({c.model for c in lost})[:4])
    instead = "; prefer groups of 128" if per_channel(recipe, bits, group) else ""
    return [f"{len(lost)} of {len(like)} published cases of this kind collapsed ({models}){instead}"]
