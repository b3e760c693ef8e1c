"""Quality of pruned models: bands of what was published; without training after it, nothing can be predicted."""

from __future__ import annotations

from costmodel.catalog.table import unknown
from costmodel.quality import recovery
from costmodel.quality.evidence import PERPLEXITY, Case, Evidence, Expected, NoEvidence, cases, positive, table

REMOVED = 0.35  # share of the parameters up to which many models were published
SPARSE = {"2:4": "2:4", "4:8": "4:8", "50%": "unstructured 50%"}


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
        PERPLEXITY,
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
