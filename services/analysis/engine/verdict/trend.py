"""A robust trend of a series of several regimes: its slope with an interval, and whether there is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .regimes import Labels

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
"""The confidence level of the slope's interval."""

SIGNIFICANCE = 0.02
"""A trend is significant at this level. Half of the false ones rise; a healthy machine is looked at often."""

MIN_POINTS = 8
"""With fewer points, not even a series that always rises is significant."""

MAX_POINTS = 500
"""Every pair of points is compared, so longer series are first summarised in this many parts."""

ROUNDING = 1e-9
"""Residuals below this share of the ranks are rounding errors."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points (g,) of a series in the order of their `positions`: `wear`, and the `regimes` they belong to.

    Two points of one regime never share a position.
    """

    positions: Floats
    wear: Floats
    regimes: Labels

    def __len__(self) -> int:
        return self.wear.size

    def first(self, points: int) -> Series:
        """Return the series as it was when it had only so many points."""
        return self._cut(slice(0, points))

    def last(self, points: int) -> Series:
        """Return the most recent points."""
        return self._cut(slice(max(0, len(self) - points), len(self)))

    def _cut(self, part: slice) -> Series:
        return Series(self.positions[part], self.wear[part], self.regimes[part])

    def thinned(self) -> Series:
        """Return at most about MAX_POINTS points, each the median of successive points of one regime."""
        if len(self) <= MAX_POINTS:
            return self
        places, values, labels = [], [], []
        for regime in np.unique(self.regimes):
            own = np.flatnonzero(self.regimes == regime)
            count = max(1, round(MAX_POINTS * own.size / len(self)))
            for part in np.array_split(own, min(count, own.size)):
                places.append(float(self.positions[part].mean()))
                values.append(float(np.median(self.wear[part])))
                labels.append(regime)
        order = np.lexsort((labels, places))
        return Series(np.array(places)[order], np.array(values)[order], np.array(labels)[order])


@dataclass(frozen=True, slots=True)
class Slope:
    """Sen's slope with its 95 % interval, Kendall's tau, and the two-sided p-value of the trend."""

    value: float
    low: float
    high: float
    tau: float
    p_value: float

    @property
    def significant(self) -> bool:
        return self.p_value < SIGNIFICANCE and self.value != 0.0


FLAT = Slope(0.0, 0.0, 0.0, 0.0, 1.0)


def slope_of(series: Series) -> Slope:
    """Return the slope of a series and the test of its trend; none if there are fewer than MIN_POINTS points.

    Only points of the same regime are compared: the test is the seasonal one of Mann and Kendall with regimes
    as seasons, the slope the median of all comparable pairs (Sen 1968; Hirsch, Slack and Smith 1982).
    Successive points resemble each other, so the test's variance is that of as many points as are independent
    (after Hamed and Rao 1998), whose number is known only so well: hence Student's distribution.
    """
    if len(series) < MIN_POINTS:
        return FLAT
    from scipy.stats import t as student  # imported here because it loads slower than everything else

    total, variance, parts = 0.0, 0.0, []
    for regime in np.unique(series.regimes):
        own = series.regimes == regime
        rise, spread, slopes = _compared(series.positions[own], series.wear[own])
        total, variance = total + rise, variance + spread
        parts.append(slopes)
    slopes = np.sort(np.concatenate(parts))
    if slopes.size == 0 or variance <= 0.0:
        return FLAT
    independent = independent_points(series)
    variance *= len(series) / independent
    freedom = max(1.0, independent - 2.0)
    z = max(abs(total) - 1.0, 0.0) / np.sqrt(variance)
    width = float(student.ppf((1.0 + CONFIDENCE) / 2.0, freedom) * np.sqrt(variance))
    low = max(0, int(np.floor((slopes.size - width) / 2.0)))
    high = min(slopes.size - 1, int(np.ceil((slopes.size + width) / 2.0)))
    return Slope(
        float(np.median(slopes)),
        float(slopes[low]),
        float(slopes[high]),
        total / slopes.size,
        float(2.0 * student.sf(z, freedom)),
    )


def _compared(positions: Floats, wear: Floats) -> tuple[float, float, Floats]:
    """Return Mann-Kendall's S of the points (g,) of one regime, its variance with ties, and all slopes."""
    g = wear.size
    later, earlier = np.tril_indices(g, -1)
    rises = wear[later] - wear[earlier]
    _, ties = np.unique(wear, return_counts=True)
    variance = (g * (g - 1) * (2 * g + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18.0
    return float(np.sign(rises).sum()), variance, rises / (positions[later] - positions[earlier])


def independent_points(series: Series) -> float:
    """Return how many independent points a series is worth: g (1 - r)/(1 + r), r >= 0 its autocorrelation.

    r is that of successive ranks without their linear trend. Ranks, since wear accelerates: what remains of a
    curve beside its straight line would look like autocorrelation and hide the trend. Detrending makes r too
    small, by about (3 + 7 r)/g (found by simulation for r from 0 to 0.9 and g from 20 to 200).
    """
    from scipy.stats import rankdata  # imported here because it loads slower than everything else

    wear = series.wear.copy()
    for regime in np.unique(series.regimes):
        own = series.regimes == regime
        wear[own] -= np.median(wear[own])
    g = wear.size
    ranks = rankdata(wear) - (g + 1.0) / 2.0
    times = series.positions - series.positions.mean()
    rest = ranks - times * (float(times @ ranks) / (float(times @ times) or 1.0))
    power = float(rest @ rest)
    if power <= ROUNDING * float(ranks @ ranks):
        return float(g)
    r = float(rest[1:] @ rest[:-1]) / power
    r = min(max(r + (3.0 + 7.0 * r) / g, 0.0), 0.99)
    return max(1.0, g * (1.0 - r) / (1.0 + r))
