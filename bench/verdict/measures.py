"""Measures of a verdict: what it finds, how late, and how often it is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.data import Floats
from bench.verdict.sets import Case

DRAWS = 400
CONFIDENCE = 0.95
MIN_EXPECTED_ALARMS = 10
MAX_LAG_SHARE = 0.1


@dataclass(frozen=True)
class Figures:
    """NaN where a case has no faults. Rates are shares (0..1); `delay` is in samples."""

    precision: float
    f1: float
    false_alarms: float
    interval: tuple[float, float]
    found: float
    delay: float
    episodes: float


def measure(case: Case, ratio: Floats) -> Figures:
    """Figures of the ratios (m,) of distance to threshold: above 1 is an alarm."""
    alarm = ratio > 1.0
    normal = case.before_faults
    low, high = interval(alarm[normal], memory(case.baseline))
    found, delay = _events(case, alarm)
    faults = bool(case.faulty.any())
    return Figures(
        average_precision(ratio, case.faulty) if faults else np.nan,
        f1(alarm, case.faulty) if faults else np.nan,
        float(alarm[normal].mean()) if normal.any() else np.nan,
        (low, high),
        found,
        delay,
        1000.0 * _episodes(alarm & ~case.faulty) / max(1, int((~case.faulty).sum())),
    )


def average_precision(score: Floats, faulty: NDArray[np.bool_]) -> float:
    """The mean precision over the recall steps of a ranking; tied scores share one step."""
    order = np.argsort(-score, kind="stable")
    ranked, hits = score[order], np.cumsum(faulty[order])
    last = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1)
    precision = hits[last] / (last + 1.0)
    recall = hits[last] / max(1, int(faulty.sum()))
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def f1(alarm: NDArray[np.bool_], faulty: NDArray[np.bool_]) -> float:
    """The harmonic mean of precision and recall of single samples."""
    both = int((alarm & faulty).sum())
    return 2.0 * both / max(1, int(alarm.sum()) + int(faulty.sum()))


def memory(baseline: Floats) -> int:
    """Samples until the autocorrelation of the slowest feature of a baseline (n, d) falls below 1/e."""
    n = len(baseline)
    longest = 1
    limit = max(1, int(MAX_LAG_SHARE * n))
    for column in baseline.T:
        centred = column - column.mean()
        power = float(centred @ centred)
        if power == 0.0:
            continue
        size = 1 << (2 * n - 1).bit_length()
        spectrum = np.fft.rfft(centred, size)
        correlation = np.fft.irfft(spectrum * spectrum.conj(), size)[:limit] / power
        below = np.flatnonzero(correlation < np.exp(-1.0))
        longest = max(longest, int(below[0]) if below.size else limit)
    return longest


def interval(alarm: NDArray[np.bool_], length: int, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of the alarm rate by a circular block bootstrap (Politis and Romano 1992)."""
    n = alarm.size
    if n == 0:
        return np.nan, np.nan
    length = min(max(10, 2 * length), max(1, n // 4))
    sums = np.convolve(np.concatenate([alarm, alarm[: length - 1]]), np.ones(length), mode="valid")
    blocks = -(-n // length)
    draws = np.random.default_rng(seed).integers(0, n, (DRAWS, blocks))
    rates = sums[draws].sum(axis=1) / (blocks * length)
    low, high = np.quantile(rates, [(1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0])
    return float(low), float(high)


@dataclass(frozen=True)
class Promise:
    """A promised rate against the realised one. `decidable`: ten alarms or more were to be expected."""

    promised: float
    realised: float
    interval: tuple[float, float]
    samples: int

    @property
    def decidable(self) -> bool:
        return self.promised * self.samples >= MIN_EXPECTED_ALARMS

    @property
    def kept(self) -> bool:
        """The interval of the realised rate meets [promised / 2, 2 * promised]."""
        return self.interval[0] <= 2.0 * self.promised and self.interval[1] >= self.promised / 2.0


def kept_share(promises: Sequence[Promise]) -> tuple[int, int]:
    """How many of the decidable promises are kept, and how many there are."""
    decidable = [promise for promise in promises if promise.decidable]
    return sum(promise.kept for promise in decidable), len(decidable)


def _events(case: Case, alarm: NDArray[np.bool_]) -> tuple[float, float]:
    delays = [np.flatnonzero(alarm[start:stop]) for start, stop in case.events()]
    if not delays:
        return np.nan, np.nan
    seen = [float(hits[0]) for hits in delays if hits.size]
    return len(seen) / len(delays), float(np.median(seen)) if seen else np.nan


def _episodes(alarm: NDArray[np.bool_]) -> int:
    return int((np.diff(alarm.astype(int), prepend=0) == 1).sum())
