"""Loss laws: bootstrap of the Chinchilla refit, constants of other families, errors on runs not fitted."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from costmodel.calibration.quality import fitting
from costmodel.quality import scaling
from costmodel.quality.evidence import NoEvidence

LEAST = (1e8, 1e9)  # parameters and tokens from which families are compared
DRAWS = 200
FAMILIES = {"open_lm c4_original": "open-lm-c4", "open_lm rpj": "open-lm-redpajama",
            "open_lm rw_original": "open-lm-refinedweb", "step-law dense": "step-law", "pythia": "pythia",
            "pythia-dedup": "pythia-dedup", "cerebras-gpt": "cerebras-gpt"}  # fmt: skip


def families(least: tuple[float, float] = LEAST) -> dict[str, np.ndarray]:
    """Single-epoch runs of each family as (parameters, tokens, loss); Chinchilla is "chinchilla"."""
    found: dict[str, list[list[float]]] = {}
    for row in fitting.rows("loss"):
        run = [float(row["parameters"]), float(row["tokens"]), float(row["loss"])]
        repeated = row["family"] == "datablations" and float(row["epochs"] or 1) > 1.001
        if run[0] >= least[0] and run[1] >= least[1] and not repeated and row["family"] != "cerebras-gpt-mup":
            found.setdefault(row["family"], []).append(run)
    return {name: np.array(runs) for name, runs in found.items() if len(runs) >= 5}


def predicted(runs: np.ndarray, law: scaling.Law) -> np.ndarray:
    """The loss of runs by a law."""
    return np.asarray(scaling.scaling_loss(runs[:, 0], runs[:, 1], **law.constants))


def spreads(without: str | None = None) -> tuple[float, float]:
    """Spread of size_scale and data_scale between families, relative to the refit; one family may be left aside."""
    law, ratios = scaling.law(scaling.DEFAULT), []
    for name, runs in families().items():
        if name not in (without, "chinchilla"):
            ratios.append(np.linalg.lstsq(_columns(runs, law), runs[:, 2], rcond=None)[0][1:])
    size, data = 1.4826 * np.median(np.abs(np.array(ratios) - 1), axis=0)
    return float(size), float(data)


def errors(own: bool) -> dict[str, np.ndarray]:
    """Per family, predicted minus published loss of each run: by the refit and one offset, or by a law of the others.

    Neither has seen the run: the offset, or the family's constants, come from the other runs. Chinchilla's own runs,
    to which the refit's exponents were fitted, are left out; see `chinchilla_errors`.
    """
    refit, found = scaling.law(scaling.DEFAULT), {}
    for name, runs in families().items():
        if name == "chinchilla":
            continue
        missed, spread = [], spreads(name)
        for i in range(len(runs)):
            rest = np.delete(runs, i, axis=0)
            if own:
                law = scaling.family([tuple(r) for r in rest], spread=spread)
                missed.append(predicted(runs[i : i + 1], law)[0] - runs[i, 2])
            else:
                offset = np.median(rest[:, 2] - predicted(rest, refit))
                missed.append(predicted(runs[i : i + 1], refit)[0] + offset - runs[i, 2])
        found[name] = np.array(missed)
    return found


def pair_errors() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Per family that the refit has not seen: published differences of pairs of runs, and how far it misses them."""
    refit, found = scaling.law(scaling.DEFAULT), {}
    for name, runs in families().items():
        if name != "chinchilla":
            off = predicted(runs, refit) - runs[:, 2]
            pairs = list(combinations(range(len(runs)), 2))
            true = np.array([abs(runs[i, 2] - runs[j, 2]) for i, j in pairs])
            found[name] = true, np.array([abs(off[i] - off[j]) for i, j in pairs])
    return found


def difference_error(without: str | None = None, fixed: float = 0.01) -> float:
    """The share of a difference that, with `fixed` nats, covers four fifths of the pairs; every family counts once."""
    pairs = {k: v for k, v in pair_errors().items() if k != without}
    ratio = np.concatenate([np.maximum(miss - fixed, 0) / np.maximum(true, 1e-6) for true, miss in pairs.values()])
    weight = np.concatenate([np.full(len(true), 1 / len(true)) for true, _ in pairs.values()])
    return float(fitting.quantiles(ratio, weight, [0.8])[0])


def coverage(fixed: float = 0.01) -> float:
    """Share of pairs, family by family, inside a band set on the other families."""
    held = [
        (miss <= fixed + difference_error(name, fixed) * true).mean() for name, (true, miss) in pair_errors().items()
    ]
    return float(np.mean(held))


def repeated() -> np.ndarray:
    """Error of the data-constrained law on runs of 1 to 16 epochs and 1 B parameters or more, one offset removed."""
    missed = []
    for row in fitting.rows("loss"):
        if row["family"] == "datablations" and float(row["parameters"]) >= 1e9 and float(row["epochs"]) <= 16:
            n, d, unique = (float(row[k]) for k in ("parameters", "tokens", "unique_tokens"))
            try:
                value = scaling.loss(n, d, "data-constrained", unique).value
            except NoEvidence:
                continue
            missed.append(value - float(row["loss"]))
    return np.array(missed) - np.median(missed)


def chinchilla(runs: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Constants (irreducible, ln size_scale, size_exponent, ln data_scale, data_exponent) by Huber loss on ln L.

    As Besiroglu et al. 2024: delta 1e-3.
    """
    from scipy.optimize import minimize

    n, d, y = np.log(runs[:, 0]), np.log(runs[:, 1]), np.log(runs[:, 2])

    def cost(c: np.ndarray) -> tuple[float, np.ndarray]:
        size, data = np.exp(c[1] - c[2] * n), np.exp(c[3] - c[4] * d)
        total = c[0] + size + data
        residual = np.log(total) - y
        inside = np.abs(residual) <= 1e-3
        value = np.where(inside, residual**2 / 2, 1e-3 * (np.abs(residual) - 5e-4)).sum()
        slope = np.where(inside, residual, 1e-3 * np.sign(residual)) / total
        gradient = [slope.sum(), (slope * size).sum(), -(slope * size * n).sum(), (slope * data).sum(),
                    -(slope * data * d).sum()]  # fmt: skip
        return 1e3 * float(value), 1e3 * np.array(gradient)

    return np.asarray(minimize(cost, start, jac=True, method="BFGS").x)


def chinchilla_runs() -> np.ndarray:
    """The 240 runs of the refit: those of figure 4 but the five of fewest tokens, which the authors leave out."""
    names = ("parameters", "tokens", "loss")
    found = [[float(r[k]) for k in names] for r in fitting.rows("loss") if r["family"] == "chinchilla"]
    return np.array(sorted(found, key=lambda run: run[1])[5:])


def chinchilla_start() -> np.ndarray:
    """The published constants of the refit, as `chinchilla` takes them."""
    law = scaling.law(scaling.DEFAULT)
    return np.array(
        [law.irreducible, np.log(law.size_scale), law.size_exponent, np.log(law.data_scale), law.data_exponent]
    )


def chinchilla_errors(folds: int = 5) -> np.ndarray:
    """Predicted minus published loss of the 240 runs, each by constants fitted without its fifth."""
    runs = chinchilla_runs()
    fold, missed = np.random.default_rng(7).permutation(len(runs)) % folds, np.empty(len(runs))
    for train, tested in fitting.left_out(fold):
        c = chinchilla(runs[train], chinchilla_start())
        n, d = np.log(runs[tested, 0]), np.log(runs[tested, 1])
        missed[tested] = c[0] + np.exp(c[1] - c[2] * n) + np.exp(c[3] - c[4] * d) - runs[tested, 2]
    return missed


def refit() -> None:
    """Write chinchilla_draws.csv, families.csv and scaling.csv."""
    runs, start = chinchilla_runs(), chinchilla_start()
    rng, draws = np.random.default_rng(7), list[tuple[float, ...]]()
    while len(draws) < DRAWS:
        found = chinchilla(runs[rng.integers(0, len(runs), len(runs))], start)
        draws.append((found[0], np.exp(found[1]), found[2], np.exp(found[3]), found[4]))
    names = ("irreducible", "size_scale", "size_exponent", "data_scale", "data_exponent")
    fitting.write("chinchilla_draws", names, [tuple(f"{v:.7g}" for v in draw) for draw in draws])
    spread = spreads()
    left = np.concatenate(list(errors(own=True).values()))
    source = "gadre-2024; li-2025; dey-2023; muennighoff-2023"
    unseen = sum(len(true) for true, _ in pair_errors().values())
    lines: list[tuple[object, ...]] = [
        ("residual", float(np.quantile(np.abs(left), 0.8)), len(left), source),
        ("size spread", spread[0], len(families()) - 1, source),
        ("data spread", spread[1], len(families()) - 1, source),
        ("difference error", 0.01, unseen, source),
        ("relative difference error", difference_error(), unseen, source),
        ("repeat decay", "15.387756", 182, "muennighoff-2023"),
        ("excess parameter decay", "5.309743", 182, "muennighoff-2023"),
    ]
    fitting.write("scaling", ("constant", "value", "rows", "source"), lines)
    _refit_families()


def _refit_families() -> None:
    sources = {"open": "gadre-2024", "step": "li-2025", "pyth": "dey-2023", "cere": "dey-2023"}
    lines = []
    for name, runs in families().items():
        if name in FAMILIES:
            law = scaling.family([tuple(r) for r in runs], spread=spreads())
            lines.append((FAMILIES[name], law.irreducible, law.size_scale, law.size_exponent, law.data_scale,
                          law.data_exponent, *law.parameters, *law.tokens, len(runs), sources[name[:4]],
                          "fitted to this family, drawn to the refit"))  # fmt: skip
    columns = ("law", "irreducible", "size_scale", "size_exponent", "data_scale", "data_exponent", "parameters_low",
               "parameters_high", "tokens_low", "tokens_high", "rows", "source", "note")  # fmt: skip
    fitting.write("families", columns, lines)


def _columns(runs: np.ndarray, law: scaling.Law) -> np.ndarray:
    n, d = runs[:, 0], runs[:, 1]
    return np.stack([np.ones_like(n), law.size_scale / n**law.size_exponent, law.data_scale / d**law.data_exponent], 1)
