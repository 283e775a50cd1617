"""How long features remember: the number of independent samples that a baseline carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_LAG_SHARE = 0.1
"""Correlations over longer lags come from too few pairs of independent samples."""

LAG_RATIO = 1.25
"""Lags grow by this factor; the memory is needed to a tenth only."""

COLUMNS = 16
"""Features that are read at once."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The slowest feature (its index; None if all are constant), and how many samples it remembers.

    `effective` is the number of independent samples that carry as much information on it as the n samples.
    """

    feature: int | None
    samples: float
    effective: float


def slowest(columns: Callable[[slice], Floats], features: int, n: int) -> Memory:
    """Return the memory of the slowest of `features` features; `columns` returns some of them (n, c).

    The mean of n samples is as precise as that of n/t independent ones, t = 1 + 2 sum_k r_k, the integrated
    autocorrelation time (Sokal 1997), which also counts what is slow beneath noise. The memory is t/2, that
    of an autoregressive process in samples. Chance raises the largest of d correlations to about
    sqrt(2 ln(d)/n), which is subtracted; the sum ends where nothing is left.
    """
    chance = float(np.sqrt(2.0 * np.log(max(features, 2)) / max(n, 1)))
    worst, where = 0.5, None
    for first in range(0, features, COLUMNS):
        block = columns(slice(first, min(features, first + COLUMNS)))
        for place, area in enumerate(_areas(block, chance)):
            if area >= worst and np.ptp(block[:, place]) > 0.0:
                worst, where = float(area), first + place
    return Memory(where, worst, max(1.0, n / (2.0 * worst)))


def _areas(x: Floats, chance: float) -> Floats:
    """Return the areas (c,) under the autocorrelations of columns x (n, c), by the trapezoidal rule."""
    n = x.shape[0]
    centred = x - x.mean(axis=0)
    power = np.einsum("ij,ij->j", centred, centred)
    power = np.where(power > 0.0, power, np.inf)
    area, before = np.zeros(x.shape[1]), np.ones(x.shape[1])
    last, longest = 0, max(1, int(MAX_LAG_SHARE * n))
    while before.any() and last < longest:
        lag = min(longest, max(last + 1, int(LAG_RATIO * last)))
        pairs = n / max(1, n - lag)
        after = np.einsum("ij,ij->j", centred[lag:], centred[: n - lag]) * pairs / power - chance
        after = np.where(before > 0.0, np.maximum(after, 0.0), 0.0)
        area += 0.5 * (lag - last) * (before + after)
        last, before = lag, after
    return area
