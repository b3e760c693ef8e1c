"""Quality of pruned models: bands of what was published; without training after it, nothing can be predicted."""

from __future__ import annotations

from costmodel.catalog.table import unknown
from costmodel.formula import formula
from costmodel.quality import recovery
from costmodel.quality.evidence import Case, Evidence, Expected, NoEvidence, cases, positive, table
from costmodel.units import Count, Fraction

EXPONENT = (0.25, 0.4, 0.55)  # of the gap against tokens; two published curves have 0.28 and 0.53
CURVE = (2.5e9, 1e11)  # tokens over which such curves are published
REMOVED = 0.35  # share of the parameters removed in those curves, at most
SPARSE = {"2:4": "2:4", "4:8": "4:8", "50%": "unstructured 50%"}


@formula(r"g", source="modelopt-pruning-2026")
def remaining_gap(gap: Fraction, tokens: Count, tokens_then: Count, exponent: Fraction) -> Fraction:
    """Accuracy still lost after more distillation, given the `gap` after fewer tokens: a power law in tokens."""
    return gap * (tokens / tokens_then) ** -exponent


def structured(removed: float, tokens: float = 0.0) -> Expected:
    """Accuracy kept when a share of the parameters is removed and `tokens` of distillation follow (language models).

    Raises ValueError, and NoEvidence without training or for a removed share beyond what was published.
    """
    if positive(removed, "removed share") >= 1:
        raise ValueError(f"removed share must be below 1, not {removed}")
    if not tokens:
        band = recovery.expected("pruned")
        raise NoEvidence(
            "quality of a pruned model without training after it is not predictable: published rows keep "
            f"{band.low:.2f} to {band.high:.2f} of the accuracy ({band.evidence}); state distillation tokens"
        )
    name = next((n for n, (low, high) in recovery.PRUNED.items() if low <= tokens <= high), "")
    if positive(tokens, "distillation tokens") and not name:
        raise NoEvidence(f"no evidence for {tokens:.3g} distillation tokens; published are 1e6 to 4e11")
    found = recovery.chosen(name)
    most = max(c.removed or 0.0 for c in found)
    if removed > most:
        raise NoEvidence(f"no evidence for {removed:.0%} removed with so many tokens; at most {most:.0%} was published")
    band = recovery.expected(name)
    warnings = ["one vendor's models dominate; reasoning loses more than knowledge"]
    if removed > REMOVED:
        warnings.append(f"above {REMOVED:.0%} removed only few models were published, at the low end of the band")
    return Expected(band.value, band.low, band.high, band.unit, band.evidence, (*band.warnings, *warnings))


def gap_after(gap: float, tokens_then: float, tokens: float) -> Expected:
    """Accuracy still lost after `tokens` of distillation, given your own gap after `tokens_then`.

    Raises ValueError, and NoEvidence outside the published curves.
    """
    if positive(gap, "gap") >= 1:
        raise ValueError(f"gap must be a share below 1, not {gap}")
    for count in (positive(tokens_then, "tokens then"), positive(tokens, "tokens")):
        if not CURVE[0] / 4 <= count <= CURVE[1] * 4:
            raise NoEvidence(f"no evidence at {count:.3g} tokens; curves are published from 2.5 B to 100 B tokens")
    values = sorted(remaining_gap(gap, tokens, tokens_then, e) for e in EXPONENT)
    found = [c for c in cases() if c.technique == "structured" and c.metric.startswith("avg of 8") and c.tokens]
    sources = tuple(sorted({c.source for c in found}))
    note = "two families of one vendor"
    return Expected(values[1], values[0], values[2], "share lost", Evidence(len(found), sources, tuple(found)), (note,))


def sparse(pattern: str) -> Expected:
    """Perplexity ratio of a Llama-2 model with half of its weights set to zero and no training: "2:4", "4:8", "50%".

    Magnitude pruning without data is left out: it does worse throughout. Raises CatalogError.
    """
    if not isinstance(pattern, str) or pattern not in SPARSE:
        raise unknown("sparsity pattern", pattern, {p: p for p in SPARSE})
    row = next(r for r in table("sparse") if r["pattern"] == pattern)
    found = sparse_cases(pattern)
    return Expected(
        float(row["value"]),
        float(row["low"]),
        float(row["high"]),
        "perplexity ratio",
        Evidence(len(found), (row["source"],), tuple(found)),
        ("one source, one model family",),
    )


def sparse_cases(pattern: str) -> list[Case]:
    """Published perplexities of one pattern, chosen with data (Wanda, SparseGPT), without training."""
    return [
        c
        for c in cases()
        if c.metric.startswith("wikitext") and c.method.endswith(SPARSE[pattern]) and "magnitude" not in c.method
    ]
