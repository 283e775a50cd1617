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

DECAYED = float(np.exp(-1.0))

COLUMNS = 16
"""Features that are read at once."""


@dataclass(frozen=True, slots=True)
class Memory:
    """The slowest feature (its index; None if all are constant), and after how many samples it forgets.

    `effective` is the number of independent samples that carry as much information on it as the n samples.
    """

    feature: int | None
    samples: float
    effective: float


def slowest(columns: Callable[[slice], Floats], features: int, n: int) -> Memory:
    """Return the memory of the slowest of `features` features; `columns` returns some of them (n, c).

    The memory is the lag at which the autocorrelation falls below 1/e. Chance raises the largest of d
    correlations to about sqrt(2 ln(d)/n), which is subtracted. An autoregressive process with this memory t
    has r = exp(-1/t), and n samples carry as much information on its mean as n (1 - r)/(1 + r).
    """
    chance = float(np.sqrt(2.0 * np.log(max(features, 2)) / max(n, 1)))
    worst, where = 0.0, None
    for first in range(0, features, COLUMNS):
        block = columns(slice(first, min(features, first + COLUMNS)))
        for place, lag in enumerate(_memories(block, chance)):
            if lag >= worst and np.ptp(block[:, place]) > 0.0:
                worst, where = float(lag), first + place
    r = float(np.exp(-1.0 / worst)) if worst > 0.0 else 0.0
    return Memory(where, worst, max(1.0, n * (1.0 - r) / (1.0 + r)))


def _memories(x: Floats, chance: float) -> Floats:
    """Return the lags (c,) at which the autocorrelations of columns x (n, c) fall below 1/e."""
    n = x.shape[0]
    centred = x - x.mean(axis=0)
    power = np.einsum("ij,ij->j", centred, centred)
    power = np.where(power > 0.0, power, np.inf)
    memory = np.zeros(x.shape[1])
    last, before = 0, np.ones(x.shape[1])
    undecided = np.isfinite(power)
    longest = max(1, int(MAX_LAG_SHARE * n))
    while undecided.any() and last < longest:
        lag = min(longest, max(last + 1, int(LAG_RATIO * last)))
        pairs = n / max(1, n - lag)
        after = np.einsum("ij,ij->j", centred[lag:], centred[: n - lag]) * pairs / power - chance
        found = undecided & (after < DECAYED)
        # Between two lags the correlation decays exponentially.
        low = np.maximum(after, 1e-3)
        step = np.log(before / DECAYED) / np.log(np.maximum(before / low, 1.0 + 1e-9))
        memory[found] = (last + (lag - last) * np.clip(step, 0.0, 1.0))[found]
        undecided &= ~found
        last, before = lag, np.maximum(after, DECAYED)
    memory[undecided] = longest
    return memory
