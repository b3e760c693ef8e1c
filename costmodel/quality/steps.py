"""Steps to a target: batch size, optimiser, precision.

Samples grow with the batch as E(B) = E_min·(1 + B/B_crit) (McCandlish et al. 2018), fitted per workload to the
reference points of MLPerf; between points measured, a smooth correction follows what they leave over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from costmodel import ops
from costmodel.catalog.table import find, key
from costmodel.formula import formula
from costmodel.quality.evidence import Evidence, Expected, NoEvidence, constants, positive, table
from costmodel.units import Count, Fraction, shortened

BEYOND = 4.0  # times outside the batches measured that are refused
SWEPT = (2e9, 1e11)  # tokens of the runs in which batches of language models were swept
TUNED = "reference points are tuned for each batch; scaling the batch without tuning does worse"


@dataclass(frozen=True, slots=True)
class Workload:
    """A benchmark: progress to its target in `unit` (samples, epochs, tokens), batch in samples."""

    name: str
    unit: str
    least: float
    critical: float
    critical_low: float
    critical_high: float
    batches: tuple[float, float]
    points: tuple[tuple[float, float], ...]
    source: str


@formula(r"E(B)", source="mccandlish-2018")
def progress_to_target(batch: Count, least: Count, critical: Count) -> Count:
    """Samples, epochs or tokens to a target: twice the least at the critical batch."""
    return least * (1 + batch / critical)


@formula(r"c_i", source="mccandlish-2018")
def batch_correction(batch: Count, point: Count, weight: Count, octaves: Count) -> Count:
    """What one measured point adds to ln E at another batch: its weight, fading over octaves (Matérn 3/2)."""
    apart = ops.maximum(ops.log2(batch / point), ops.log2(point / batch)) / octaves
    return weight * (1 + apart) * ops.exp(-apart)


@formula(r"E", source="mccandlish-2018")
def corrected_progress(progress: Count, correction: Count) -> Count:
    """Progress by the law, times the factor that the measured points left over."""
    return progress * ops.exp(correction)


@formula(r"\Delta_B", source="li-2025")
def loss_off_best_batch(batch: Count, best: Count, above: Count, below: Count) -> Count:
    """Loss in nats per token added at fixed tokens by a batch that is not the best: quadratic in octaves."""
    octaves = ops.log2(batch / best)
    return ops.where(batch > best, above, below) * octaves**2


@formula(r"B_{opt}", source="li-2025")
def best_batch_tokens(tokens: Count, scale: Fraction = 0.5807, exponent: Fraction = 0.5709) -> Count:
    """Batch in tokens of the least loss after so many tokens (dense models of 0.2–1.1 B, 2–100 B tokens)."""
    return scale * tokens**exponent


@cache
def workloads() -> dict[str, Workload]:
    """The workloads that have a law, by name."""
    points: dict[str, list[tuple[float, float]]] = {}
    for row in table("batch_points"):
        points.setdefault(row["workload"], []).append((float(row["batch"]), float(row["weight"])))
    return {row["workload"]: _workload(row, points[row["workload"]]) for row in table("batch")}


def workload(name: str) -> Workload:
    """The workload of a name such as "resnet". Raises CatalogError with the nearest names."""
    index = {key(n): found for n, found in workloads().items()}
    return find(index, name, "workload with a batch law", lambda: {k: found.name for k, found in index.items()})


def samples_to_target(name: str, batch: float) -> Expected:
    """Progress to a workload's target at a batch, in the workload's unit.

    Raises CatalogError, ValueError, and NoEvidence beyond four times the batches measured.
    """
    used = workload(name)
    positive(batch, "batch")
    low, high = used.batches
    if not low / BEYOND <= batch <= high * BEYOND:
        raise NoEvidence(f"no evidence for {used.name} at batch {batch:g}; it was measured from {low:g} to {high:g}")
    fitted, warnings = constants("steps"), [TUNED]
    spread = fitted["spread between"]
    if not low <= batch <= high:
        spread = fitted["spread beyond"]
        warnings.append(f"batch {batch:g} lies outside those measured, {low:g} to {high:g}")
    value = _progress(used, batch)
    points = Evidence(len(used.points), (used.source,))
    return Expected(value, value / spread, value * spread, used.unit, points, tuple(warnings))


def batch_cost(name: str, batch: float, reference: float) -> Expected:
    """Progress to target at a batch over progress at a reference batch. Raises as `samples_to_target` does."""
    new, old = samples_to_target(name, batch), samples_to_target(name, reference)
    spread = max(new.high / new.value, old.high / old.value)
    value = new.value / old.value
    warnings = tuple(dict.fromkeys((*new.warnings, *old.warnings)))
    return Expected(value, value / spread, value * spread, "ratio", new.evidence, warnings)


def batch_over_best(tokens: float, batch_tokens: float) -> float:
    """A batch over the one of the least loss at fixed tokens, for language models.

    Raises ValueError, and NoEvidence for a batch beyond those swept.
    """
    best = best_batch_tokens(positive(tokens, "tokens"))
    ratio = float(positive(batch_tokens, "batch in tokens") / best)
    if not 1 / 16 <= ratio <= 16:
        raise NoEvidence(
            f"no evidence for {ratio:.3g} times the best batch, {shortened(best)} tokens; 1/16 to 16 times were swept"
        )
    return ratio


def loss_at_batch(tokens: float, batch_tokens: float) -> Expected:
    """Loss in nats per token that a batch costs against the best batch, at fixed tokens, for language models.

    Raises ValueError, and NoEvidence beyond what was swept.
    """
    batch_over_best(tokens, batch_tokens)
    best, fitted = best_batch_tokens(tokens), constants("steps")
    least, most = SWEPT
    swept = f"{shortened(least)} to {shortened(most)}"
    if not least / 100 <= tokens <= most * 100:
        raise NoEvidence(f"no evidence at {shortened(tokens)} tokens; the best batch was swept from {swept}")
    value = loss_off_best_batch(batch_tokens, best, fitted["loss above best"], fitted["loss below best"])
    error = fitted["loss error"] + fitted["loss relative error"] * value
    warnings = () if least <= tokens <= most else (f"{shortened(tokens)} tokens lie outside the sweep, {swept}",)
    rows = Evidence(int(fitted["loss rows"]), ("li-2025",))
    return Expected(value, max(0.0, value - error), value + error, "nats per token", rows, warnings)


def optimisers() -> dict[str, dict[str, str]]:
    """The published rows of optimisers, by each name that they go by."""
    return {alias: row for row in table("optimisers") for alias in row["optimiser"].split(";")}


def optimiser(name: str) -> Expected:
    """Steps to the same target against tuned AdamW. Raises NoEvidence for an optimiser without published pairs."""
    index = {key(alias): row for alias, row in optimisers().items()}
    if not isinstance(name, str) or key(name) not in index:
        known = ", ".join(optimisers())
        raise NoEvidence(f"no evidence on the steps of optimiser {str(name)[:40]!r}; published are {known}")
    row = index[key(name)]
    rows = Evidence(int(row["rows"]), tuple(row["source"].split("; ")))
    value, low, high = (float(row[k]) for k in ("value", "low", "high"))
    return Expected(value, low, high, "ratio of steps", rows, (row["note"],) if row["note"] else ())


def precision(name: str) -> Expected:
    """Steps to the same target against FP32 or TF32, for mixed precision in fp16 or bf16.

    Raises NoEvidence for another precision.
    """
    if not isinstance(name, str) or key(name) not in ("fp16", "bf16", "amp"):
        raise NoEvidence(f"no evidence on the steps of training in {str(name)[:40]!r}; published are fp16 and bf16")
    fitted = constants("steps")
    note = f"final metrics of the same schedule agree within {fitted['precision metric spread']:.1%} (80 % of pairs)"
    rows = Evidence(int(fitted["precision rows"]), ("deeplearningexamples-2024",))
    return Expected(1.0, 1.0, 1.0, "ratio of steps", rows, (note,))


def _progress(used: Workload, batch: float) -> float:
    octaves = constants("steps")["correction octaves"]
    parts = {f"{b:g}": batch_correction(batch, b, w, octaves) for b, w in used.points}
    law = progress_to_target(batch, used.least, used.critical)
    return float(corrected_progress(law, ops.total(parts)))


def _workload(row: dict[str, str], points: list[tuple[float, float]]) -> Workload:
    return Workload(
        name=row["workload"],
        unit=row["unit"],
        least=float(row["least"]),
        critical=float(row["critical"]),
        critical_low=float(row["critical_low"]),
        critical_high=float(row["critical_high"]),
        batches=(float(row["batch_low"]), float(row["batch_high"])),
        points=tuple(points),
        source=row["source"],
    )
