"""Counts what the values of each sensor are like, over successive chunks, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..rows import CHUNK_VALUES
from .runs import Runs

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

EXPONENTS = 256
"""Powers of two that steps between values are counted by, from 2^-128 to 2^127."""

MAX_KEPT = 4096
"""Samples that are kept, evenly spread, to estimate the memory of a sensor."""

MIN_COUNTED = 65_536
"""Values (512 KiB) that are counted at once: a chunk of few sensors costs as many calls as a large one."""

JUMP_POWERS = 6
"""A step at least 2^6 = 64 times the median step is a jump."""

SIGNIFICANT = 9
"""Digits that a difference of two decimal numbers still has."""


@dataclass(frozen=True, slots=True)
class SensorFacts:
    """Facts of one sensor. Counts are of samples; a share is of the present ones."""

    present: int
    missing: int
    low: float | None
    high: float | None
    mean: float | None
    deviation: float | None
    constant: bool
    longest_run: int
    final_run: int
    resolution: float | None
    steps: int | None
    at_low: float
    at_high: float
    jumps: int
    largest_step: float
    rising: int
    falling: int
    effective_samples: float | None


class SensorCounts:
    """Streams over chunks (m, d) with NaN for missing values. Merging depends on order, not on chunk
    sizes."""

    def __init__(self, sensors: int) -> None:
        self._d = sensors
        self._n = 0
        zeros = np.zeros(sensors, dtype=np.int64)
        self._present, self._rising, self._falling = zeros.copy(), zeros.copy(), zeros.copy()
        self._at_low, self._at_high = zeros.copy(), zeros.copy()
        self._low, self._high = np.full(sensors, np.inf), np.full(sensors, -np.inf)
        self._mean, self._square = np.zeros(sensors), np.zeros(sensors)
        self._least, self._most = np.full(sensors, np.inf), np.zeros(sensors)
        self._exponents = np.zeros((sensors, EXPONENTS), dtype=np.int64)
        self._runs = Runs.of(sensors)
        self._last = np.full((1, sensors), np.nan)
        self._kept: list[Floats] = []
        self._waiting: list[Floats] = []
        self._rows = 0
        self._stride = 1
        self._room = max(64, min(MAX_KEPT, CHUNK_VALUES // max(1, sensors)))

    def add(self, x: Floats) -> None:
        """Count a chunk; small ones are counted together."""
        self._waiting.append(x)
        self._rows += len(x)
        if self._rows * self._d >= MIN_COUNTED:
            self._count()

    def _count(self) -> None:
        if not self._rows:
            return
        x = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting)
        self._waiting, self._rows = [], 0
        self._count_values(x)
        self._count_steps(np.vstack([self._last, x]))
        self._runs.add(x)
        self._keep(x)
        # The last present value: a gap does not hide the step over it.
        self._last = np.where(np.isnan(x[-1:]), self._last, x[-1:])
        self._n += len(x)

    def _count_values(self, x: Floats) -> None:
        here = ~np.isnan(x)
        counts = here.sum(axis=0)
        filled = np.where(here, x, 0.0)
        low = np.where(here, x, np.inf).min(axis=0)
        high = np.where(here, x, -np.inf).max(axis=0)
        for extreme, count, mine, better in (
            (self._low, self._at_low, low, low < self._low),
            (self._high, self._at_high, high, high > self._high),
        ):
            count[better] = 0
            extreme[better] = mine[better]
            count += (x == extreme).sum(axis=0)
        # Chan, Golub and LeVeque: the variance of two groups from their own.
        total = self._present + counts
        safe = np.maximum(counts, 1)
        mean = filled.sum(axis=0) / safe
        shift = mean - self._mean
        weight = counts / np.maximum(total, 1)
        with np.errstate(over="ignore", invalid="ignore"):  # values beyond 1e150 have no known deviation
            square = np.where(here, (x - mean) ** 2, 0.0).sum(axis=0)
            self._square += square + shift**2 * self._present * weight
        self._mean += shift * weight
        self._present = total

    def _count_steps(self, x: Floats) -> None:
        steps = np.diff(x, axis=0)
        self._rising += (steps > 0).sum(axis=0)
        self._falling += (steps < 0).sum(axis=0)
        size = np.abs(steps)
        moved = size > 0
        self._least = np.minimum(self._least, np.where(moved, size, np.inf).min(axis=0))
        self._most = np.maximum(self._most, np.where(moved, size, 0.0).max(axis=0))
        rows, sensors = np.nonzero(moved)
        _, exponent = np.frexp(size[rows, sensors])
        place = np.clip(exponent + EXPONENTS // 2, 0, EXPONENTS - 1) + EXPONENTS * sensors
        self._exponents += np.bincount(place, minlength=self._d * EXPONENTS).reshape(self._d, EXPONENTS)

    def _keep(self, x: Floats) -> None:
        first = -self._n % self._stride
        self._kept.append(x[first :: self._stride].copy())
        while sum(map(len, self._kept)) > self._room:
            self._kept = [np.concatenate(self._kept)[::2]]
            self._stride *= 2

    def facts(self) -> list[SensorFacts]:
        """Return the facts of each sensor."""
        self._count()
        kept = np.concatenate(self._kept) if self._kept else np.empty((0, self._d))
        return [self._of(sensor, kept[:, sensor]) for sensor in range(self._d)]

    def _of(self, at: int, kept: Floats) -> SensorFacts:
        present = int(self._present[at])
        low, high = float(self._low[at]), float(self._high[at])
        resolution = float(f"{self._least[at]:.{SIGNIFICANT}g}") if np.isfinite(self._least[at]) else None
        steps = round((high - low) / resolution) if resolution else None
        square = float(self._square[at])
        return SensorFacts(
            present=present,
            missing=self._n - present,
            low=low if present else None,
            high=high if present else None,
            mean=float(self._mean[at]) if present else None,
            deviation=float(np.sqrt(square / (present - 1))) if present > 1 and np.isfinite(square) else None,
            constant=present > 0 and low == high,
            longest_run=int(self._runs.longest[at]),
            final_run=int(self._runs.current[at]),
            resolution=resolution,
            steps=steps,
            at_low=float(self._at_low[at] / max(1, present)),
            at_high=float(self._at_high[at] / max(1, present)),
            jumps=self._jumps(at),
            largest_step=float(self._most[at]),
            rising=int(self._rising[at]),
            falling=int(self._falling[at]),
            effective_samples=effective_samples(kept, present),
        )

    def _jumps(self, at: int) -> int:
        counts = self._exponents[at]
        total = int(counts.sum())
        if not total:
            return 0
        median = int(np.searchsorted(np.cumsum(counts), (total + 1) // 2))
        return int(counts[median + JUMP_POWERS :].sum())


def effective_samples(kept: Floats, total: int) -> float | None:
    """Return how many independent samples the values of a sensor are worth, at most `total`; None if
    constant.

    n / (1 + 2 sum of autocorrelations), summed in pairs while they are positive (Geyer 1992, initial positive
    sequence). Of `kept`, every so-manieth value of a long series, the result is a lower bound.
    """
    x = kept[~np.isnan(kept)]
    n = len(x)
    if n < 4 or x.min() == x.max():
        return None
    x = x - x.mean()
    x /= np.abs(x).max() or 1.0  # so that squares neither overflow nor vanish
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(x, size)
    correlation = np.fft.irfft(spectrum * np.conj(spectrum), size)[:n]
    if correlation[0] <= 0:
        return None
    correlation /= correlation[0]
    pairs = correlation[: n - n % 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0)
    stop = int(negative[0]) if len(negative) else len(pairs)
    memory = max(1.0, float(2 * pairs[:stop].sum() - 1))
    worth = n / memory
    # Values that are independent even when far apart say nothing about the ones between them.
    return float(min(worth * total / n if memory < 1.5 else worth, total))
