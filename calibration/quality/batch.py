"""Batch laws of MLPerf reference points, loss at fixed tokens, optimisers, precision: costmodel.quality.steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costmodel.calibration.quality import fitting

NOISE = 0.03  # s.d. of ln E of a point beside its own seeds: what tuning leaves open
LEFT_OVER = 0.1  # s.d. of what the law leaves over, smooth in the batch
BASE = (
    "criteo1tb",
    "fastmri",
    "imagenet_resnet",
    "imagenet_vit",
    "librispeech_conformer",
    "librispeech_deepspeech",
    "ogbg",
    "wmt",
)  # of AlgoPerf; the others are variants of these
OCTAVES = 1.01  # distance over which it fades (0.7 in ln B)
LOOSE = 1.5  # s.d. of ln B_crit around e times the middle batch, for workloads with few points


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one workload in the last round that has it: batch, ln progress, s.d. of its mean."""

    workload: str
    unit: str
    batch: np.ndarray
    y: np.ndarray
    noise: np.ndarray


@dataclass(frozen=True, slots=True)
class Fit:
    """ln E = least + ln(1 + B/critical) + correction; `spread` is the s.d. of ln critical."""

    least: float
    critical: float
    spread: float
    batch: np.ndarray
    weight: np.ndarray

    def law(self, batch: float | np.ndarray) -> np.ndarray:
        return np.asarray(self.least + np.log1p(batch / np.exp(self.critical)))

    def __call__(self, batch: float) -> float:
        return float(self.law(batch) + (kernel(np.array([batch]), self.batch) @ self.weight)[0])


def workloads() -> list[Points]:
    """Workloads with at least three batches; points whose runs scatter by over half their mean failed in part."""
    groups: dict[str, list[dict[str, str]]] = {}
    for row in fitting.rows("batch"):
        groups.setdefault(row["workload"], []).append(row)
    found = []
    for name, group in sorted(groups.items()):
        last = max((r["last_round"] for r in group), key=_round)
        points: dict[float, dict[str, str]] = {}
        for row in group:  # later rows re-measure earlier ones
            if row["last_round"] == last and float(row["deviation"] or 0) <= 0.5 * float(row["progress"]):
                points[float(row["batch"])] = row
        chosen = [points[b] for b in sorted(points)]
        if len(chosen) >= 3:
            progress = np.array([float(r["progress"]) for r in chosen])
            deviation = np.array([float(r["deviation"] or 0.05) for r in chosen])
            runs = np.array([float(r["runs"]) for r in chosen])
            noise = np.hypot(deviation / progress / np.sqrt(runs), NOISE)
            found.append(Points(name, chosen[0]["unit"], np.array(sorted(points)), np.log(progress), noise))
    return found


def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Matérn 3/2 over octaves of the batch, as costmodel.quality.steps.batch_correction."""
    apart = np.abs(np.log2(a[:, None] / b[None])) / OCTAVES
    return np.asarray((1 + apart) * np.exp(-apart))


def fit(batch: np.ndarray, y: np.ndarray, noise: np.ndarray, correct: bool = True) -> Fit:
    """Robust fit of the law over a grid of B_crit, then the smooth correction of what it leaves over."""
    total = np.hypot(noise, LEFT_OVER)
    middle = (np.log(batch.min()) + np.log(batch.max())) / 2 + 1
    grid = np.linspace(np.log(batch.min()) - 3, np.log(batch.max()) + 5, 400)
    residual = y - np.log1p(batch / np.exp(grid)[:, None])  # one row for each B_crit
    level = np.median(residual, axis=1)
    for _ in range(15):
        far = np.abs(residual - level[:, None]) / total
        weight = np.minimum(1, fitting.HUBER / np.maximum(far, 1e-9)) / total**2
        level = (weight * residual).sum(1) / weight.sum(1)
    far = np.abs(residual - level[:, None]) / total
    huber = np.where(far < fitting.HUBER, far**2 / 2, fitting.HUBER * far - fitting.HUBER**2 / 2)
    costs = huber.sum(1) + (((grid - middle) / LOOSE) ** 2 / 2 if correct else 0.0)
    best = int(np.argmin(costs))
    chance = np.exp(costs[best] - costs)
    spread = float(np.sqrt((chance * (grid - grid[best]) ** 2).sum() / chance.sum()))
    law = Fit(float(level[best]), float(grid[best]), spread, batch, np.zeros(len(batch)))
    if not correct:
        return law
    covariance = LEFT_OVER**2 * kernel(batch, batch) + np.diag(noise**2)
    weight = LEFT_OVER**2 * np.linalg.solve(covariance, y - law.law(batch))
    return Fit(law.least, law.critical, spread, batch, weight)


def errors(correct: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """ln(predicted / measured) of each point by a fit without it; whether it lies between the other points."""
    found, inside = [], []
    for p in workloads():
        for i in range(len(p.y)):
            rest = np.arange(len(p.y)) != i
            found.append(fit(p.batch[rest], p.y[rest], p.noise[rest], correct)(p.batch[i]) - p.y[i])
            inside.append(0 < i < len(p.y) - 1)
    return np.array(found), np.array(inside)


def fixed_tokens() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Step Law sweeps: octaves from the best batch, loss above the best, and the sweep (parameters and tokens)."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for row in fitting.rows("batch_loss"):
        groups.setdefault(f"{row['parameters']} {row['tokens']}", []).append(
            (float(row["batch_tokens"]), float(row["loss"]))
        )
    octaves, above, sweep = [], [], []
    for name, points in groups.items():
        best, least = min(points, key=lambda p: p[1])
        for batch, loss in points:
            if batch != best:
                octaves.append(np.log2(batch / best))
                above.append(loss - least)
                sweep.append(name)
    return np.array(octaves), np.array(above), np.array(sweep)


def curvature(octaves: np.ndarray, above: np.ndarray) -> tuple[float, float]:
    """Loss per squared octave above and below the best batch: medians."""
    up = octaves > 0
    return tuple(float(np.median(above[side] / octaves[side] ** 2)) for side in (up, ~up))  # type: ignore[return-value]


def fixed_token_errors() -> tuple[np.ndarray, np.ndarray]:
    """Predicted minus published loss above the best batch, by the curvature of the other sweeps; predictions."""
    octaves, above, sweep = fixed_tokens()
    found = np.empty(len(above))
    for train, tested in fitting.left_out(sweep):
        up, down = curvature(octaves[train], above[train])
        found[tested] = np.where(octaves[tested] > 0, up, down) * octaves[tested] ** 2
    return found - above, found


def refit() -> None:
    """Write batch.csv, batch_points.csv, steps.csv and optimisers.csv."""
    lines, points = [], []
    for p in workloads():
        f = fit(p.batch, p.y, p.noise)
        critical, ends = np.exp(f.critical), np.exp(f.critical + 1.2816 * f.spread * np.array([-1.0, 1.0]))
        source = "mlcommons-logging-2026"
        lines.append((p.workload, p.unit, float(np.exp(f.least)), float(critical), float(ends[0]), float(ends[1]),
                      float(p.batch[0]), float(p.batch[-1]), len(p.y), source))  # fmt: skip
        points += [(p.workload, float(b), float(w)) for b, w in zip(p.batch, f.weight, strict=True)]
    columns = ("workload", "unit", "least", "critical", "critical_low", "critical_high", "batch_low", "batch_high",
               "rows", "source")  # fmt: skip
    fitting.write("batch", columns, lines)
    fitting.write("batch_points", ("workload", "batch", "weight"), points)
    _refit_steps()
    _refit_optimisers()


def _refit_steps() -> None:
    found, inside = errors()
    octaves, above, _ = fixed_tokens()
    missed, predicted = fixed_token_errors()
    up, down = curvature(octaves, above)
    pairs = fitting.rows("precision")
    apart = [abs(np.log(float(r["after"]) / float(r["before"]))) for r in pairs if r["before"] and r["after"]]
    scale = float(np.quantile(np.maximum(np.abs(missed) - 0.005, 0) / np.maximum(predicted, 1e-6), 0.8))
    mlperf, step = "mlcommons-logging-2026", "li-2025"
    fitting.write(
        "steps",
        ("constant", "value", "rows", "source"),
        [
            ("correction octaves", OCTAVES, len(found), mlperf),
            ("spread between", float(np.exp(np.quantile(np.abs(found[inside]), 0.8))), int(inside.sum()), mlperf),
            ("spread beyond", float(np.exp(np.quantile(np.abs(found[~inside]), 0.8))), int((~inside).sum()), mlperf),
            ("loss above best", up, int((octaves > 0).sum()), step),
            ("loss below best", down, int((octaves < 0).sum()), step),
            ("loss error", 0.005, len(above), step),
            ("loss relative error", scale, len(above), step),
            ("loss rows", float(len(above)), len(above), step),
            ("precision metric spread", float(np.quantile(apart, 0.8)), len(apart), "deeplearningexamples-2024"),
            ("precision rows", float(len(apart)), len(apart), "deeplearningexamples-2024"),
        ],
    )


def _refit_optimisers() -> None:
    """Published ratios of steps; AlgoPerf pairs that reached the target with both."""
    groups = {"shampoo": ("shampoo", "shampoo_submission"), "schedule-free-adamw": ("schedule_free_adamw",),
              "nadamp": ("nadamp",), "caspr": ("caspr_adaptive",)}  # fmt: skip
    rows = fitting.rows("optimisers")
    lines: list[tuple[object, ...]] = [("adamw", 1.0, 1.0, 1.0, 0, "loshchilov-2019", "the reference: tuned AdamW")]
    for name, members in groups.items():
        pairs = [r for r in rows if r["optimiser"] in members and r["workload"] in BASE]
        ratios = np.array([float(r["steps"]) for r in pairs])
        low, middle, high = (float(q) for q in np.quantile(ratios, [0.1, 0.5, 0.9]))
        note = "AlgoPerf against tuned NadamW; only base workloads that both reached"
        lines.append((name, middle, low, high, len(ratios), "submissions-algorithms-2024", note))
    note = "0.71 at 0.1 B parameters; 0.91 at 1.2 B (tuned AdamW); 0.5 claimed: the gain shrinks with size and tuning"
    papers = [float(r["steps"]) for r in rows if "submissions" not in r["source"]]
    lines.append(("muon;soap", 0.91, min(papers), 1.0, len(papers), "liu-2025; wen-2025", note))
    fitting.write("optimisers", ("optimiser", "value", "low", "high", "rows", "source", "note"), lines)


def _round(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split("."))
