"""What devices and libraries measured so far say of one that was not: a centre, and how far constants lie apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from costmodel.calibration.fit import IDENTIFIED, Fit, Prior
from costmodel.calibration.law import Law


def shared(law: Law, fits: Sequence[Fit]) -> Prior:
    """The prior that fits of other devices give: median, and spread between devices joined with their own errors.

    The law's own prior counts as one device more in the spread, so that few devices that happen to agree do not make
    it narrow, and is all there is without fits. A fit that cannot tell a constant has no say in it.
    """
    prior: dict[str, tuple[float, float]] = {}
    for c in law.constants:
        told = [f for f in fits if f.errors[c.name] < IDENTIFIED]
        if not told:
            prior[c.name] = (c.start, c.spread)
            continue
        values = np.log([f.constants[c.name] for f in told])
        own = np.median([f.errors[c.name] ** 2 for f in told])
        centre = np.median(values)
        between = (np.sum((values - centre) ** 2) + c.spread**2) / (len(values) + 1)
        prior[c.name] = (float(np.exp(centre)), float(np.sqrt(between + own)))
    return prior


def between(law: Law, devices: Iterable[Sequence[Fit]]) -> dict[str, float]:
    """How far a constant of one library lies from that of another on the same device (s.d. of its logarithm).

    From the fits of each device's libraries, all devices pooled; 0 where none has two of them.
    """
    fits = [list(f) for f in devices]
    apart = {}
    for c in law.constants:
        told = [np.log([f.constants[c.name] for f in each if f.errors[c.name] < IDENTIFIED]) for each in fits]
        several = [values for values in told if len(values) > 1]
        squares = sum(float(np.sum((values - values.mean()) ** 2)) for values in several)
        freedom = sum(len(values) - 1 for values in several)
        apart[c.name] = float(np.sqrt(squares / freedom)) if freedom else 0.0
    return apart
