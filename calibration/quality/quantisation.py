"""The constants of costmodel.quality.quantisation, and how they do on sources that were left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from costmodel.calibration.quality import fitting
from costmodel.quality.evidence import Case
from costmodel.quality.quantisation import COLLAPSED, per_channel, perplexity_cases

# Priors of the logarithm of each factor: centre and spread.
# per bit: 4 times less squared error for each bit (Shannon 1959).
# codebook: trained vector quantisers come within 1.4 times of Shannon's bound at 2 bits, where uniform levels scaled
#   from 4 bits in groups of 128 are about 4 times off: ln 0.37 = -1.
# per channel: the largest of 4096 normal weights is 3.9 s.d., of 128 it is 2.9; squared, ln 1.8 = 0.6.
PRIORS = {
    "level": (-3.0, 100.0),
    "per bit": (-np.log(4.0), 0.2),
    "rtn": (0.0, 0.4),
    "k-quant": (0.0, 0.4),
    "codebook": (-1.0, 0.4),
    "outlier-aware": (0.0, 0.4),
    "smoothquant": (0.0, 0.4),
    "newer": (0.7, 0.5),
    "per channel": (0.6, 0.3),
}
CENTRE = np.array([centre for centre, _ in PRIORS.values()])
SPREAD = np.array([spread for _, spread in PRIORS.values()])
TOKENS_PER_WORD = 1.2  # a perplexity per word has this many times the loss per token (Llama tokenisers on WikiText-2)


def usable() -> list[Case]:
    """Cases that inform the fit: not collapsed, and an increase above the last digit that was published."""
    return [c for c in perplexity_cases() if 0 < (c.loss or 0) < COLLAPSED and _resolved(c)]


def design(cases: Sequence[Case]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Traits of each case in the order of PRIORS, ln(loss per token), and what a share or a word adds to it."""
    x = np.array(
        [
            [
                1.0,
                c.bits - 4,
                *(float(c.recipe == r) for r in ("rtn", "k-quant", "codebook", "outlier-aware", "smoothquant")),
                float(c.newer),
                float(per_channel(c.recipe, c.bits, c.group)),
            ]
            for c in cases
            if c.bits
        ]
    )
    offset = np.log([c.share * (TOKENS_PER_WORD if "word" in c.metric else 1.0) for c in cases])
    return x, np.log(np.array([c.loss for c in cases], float)), offset


def fit(x: np.ndarray, y: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Logarithms of the factors; every source counts once."""
    weight = fitting.share_of(sources, 1.0)
    return fitting.ridge(x, y, weight / weight.mean(), CENTRE, SPREAD)[0]


def errors() -> tuple[np.ndarray, np.ndarray]:
    """ln(predicted / published) of every case by a fit without its source; the sources."""
    cases = usable()
    sources = np.array([c.source for c in cases])
    x, y, offset = design(cases)
    found = np.empty(len(y))
    for train, tested in fitting.left_out(sources):
        found[tested] = x[tested] @ fit(x[train], (y - offset)[train], sources[train])
    return found + offset - y, sources


def floor() -> np.ndarray:
    """The same errors for the plain form: four classes, one scope of bits, no priors, every row alike."""
    cases = usable()
    sources = np.array([c.source for c in cases])
    x, y, _ = design(cases)
    kind = np.array([c.recipe for c in cases])
    plain = np.stack([*((kind == k).astype(float) for k in ("rtn", "k-quant", "codebook"))], 1)
    plain = np.column_stack(
        [
            plain,
            1 - plain.sum(1),
            x[:, 1],
            x[:, 7],
            [
                float(c.group is None and (c.bits or 0) <= 4.2 and c.recipe not in ("k-quant", "codebook"))
                for c in cases
            ],
            np.log([(c.parameters or 7e9) / 7e9 for c in cases]),
        ]
    )
    found = np.empty(len(y))
    wide = np.full(plain.shape[1], 1e3)
    for train, tested in fitting.left_out(sources):
        fitted = fitting.ridge(plain[train], y[train], np.ones(int(train.sum())), np.zeros(plain.shape[1]), wide)[0]
        found[tested] = plain[tested] @ fitted
    return np.asarray(found - y)


def coverage(found: np.ndarray, sources: np.ndarray) -> float:
    """Share of rows within a band whose width was set on the other sources."""
    held = [
        np.abs(found[tested]) <= _width(found[train], sources[train]) for train, tested in fitting.left_out(sources)
    ]
    return float(np.concatenate(held).mean())


def refit() -> None:
    """Write quantisation.csv: factors, standard errors of their logarithms by drawing sources, rows, sources."""
    cases = usable()
    sources = np.array([c.source for c in cases])
    x, y, offset = design(cases)
    found = fit(x, y - offset, sources)
    deviation = fitting.source_bootstrap(sources, lambda i: fit(x[i], (y - offset)[i], sources[i]))
    rows = [len(y), len(y), *x[:, 2:].sum(0).astype(int)]
    used = [sources, sources, *(sources[x[:, j] > 0] for j in range(2, x.shape[1]))]
    left, _ = errors()
    lines = [
        (name, float(np.exp(value)), float(max(error, 0.01)), n, "; ".join(sorted(set(s.tolist()))))
        for name, value, error, n, s in zip(PRIORS, found, deviation, rows, used, strict=True)
    ]
    spread = float(np.exp(_width(left, sources)))
    lines.append(("spread", spread, 0.0, len(y), "80 % of rows of sources left out lie within this factor of the loss"))
    fitting.write("quantisation", ("constant", "value", "relative_error", "rows", "source"), lines)


def _width(found: np.ndarray, sources: np.ndarray) -> float:
    weight = fitting.share_of(sources, 0.5)
    return float(fitting.quantiles(np.abs(found), weight, [0.8])[0])


def _resolved(case: Case) -> bool:
    """Whether the increase is more than one unit of the last digit that the table prints."""
    digits = len(case.before.partition(".")[2]) if "." in case.before else 0
    return abs(float(case.after) - float(case.before)) > 1.5 * 10.0**-digits
