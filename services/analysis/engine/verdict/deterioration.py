"""Wear over an ordered column: its series, a robust trend, and when it crosses the failing level.

See docs/engine.md, "Deterioration and health".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EngineError
from .readiness import effective_samples

Floats = NDArray[np.float64]
Order = Sequence[float] | Sequence[str] | NDArray[np.float64] | NDArray[np.str_]

CONFIDENCE = 0.95
"""The confidence level of the slope's interval; the trend test uses the complementary significance level."""

MIN_GROUPS = 5
"""With fewer points, the Mann-Kendall test cannot reach a significance of 5 %."""

MAX_GROUPS = 1000
"""Theil-Sen compares every pair of points, so longer series are first averaged into this many equal parts."""

RECENT_SHARE = 0.1
"""The last part of the series, whose median is the current wear, so that a single noisy sample does not
determine it."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Theil-Sen slope (wear per unit of the ordered column) with its 95 % interval, and Mann-Kendall test.

    `significant` means that the trend, upward or downward, is significant at 5 %. The wear crosses the
    failing level at `crossing`, between `crossing_earliest` and `crossing_latest` (None: unknown). `text`
    describes the trend.
    """

    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    tau: float
    p_value: float
    significant: bool
    crossing: float | None
    crossing_earliest: float | None
    crossing_latest: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Deterioration:
    """The wear of each group in order, in baseline standard deviations.

    `labels` (g) are the groups' values; `positions` (g,) lie on the axis of the trend (the values themselves
    if they are numbers, else 0, 1, 2...); `counts` (g,) are the samples per group; `latest` is the current
    wear.
    """

    labels: tuple[float | str, ...]
    positions: Floats
    wear: Floats
    counts: NDArray[np.int64]
    latest: float
    trend: Trend

    def as_dict(self) -> dict[str, Any]:
        """Return the deterioration as JSON-serialisable values."""
        trend = {name: getattr(self.trend, name) for name in Trend.__slots__}
        return {
            "labels": list(self.labels),
            "wear": self.wear.tolist(),
            "counts": self.counts.tolist(),
            "latest": self.latest,
            "trend": trend,
        }


def deterioration(order: Order, coordinates: Floats, baseline: Floats, *, failing: float) -> Deterioration:
    """Compute wear and trend of samples at map positions `coordinates` (m, 2), grouped by `order` (m).

    `baseline` (n, 2) are the positions of the baseline's samples. A group's wear is the distance between its
    centroid and the baseline's, divided by the baseline's standard deviation on the map (the square root of
    the sum of both axes' variances), which makes maps comparable. The trend predicts when the wear crosses
    the level `failing`. Samples without a place (NaN) do not count. Raises EngineError without any others.
    """
    coordinates = np.asarray(coordinates, dtype=np.float64)
    placed = ~np.isnan(coordinates).any(axis=-1)
    if len(order) == coordinates.shape[0] and not placed.all():
        order, coordinates = np.asarray(order)[placed], coordinates[placed]
    baseline = baseline[~np.isnan(baseline).any(axis=1)]
    if len(order) != coordinates.shape[0] or coordinates.shape[0] == 0:
        raise EngineError(
            f"there are {len(order)} order values for {coordinates.shape[0]} samples; each sample needs one"
        )
    labels, groups = _groups(order)
    count = len(labels)
    counts = np.bincount(groups, minlength=count)
    centre = baseline.mean(axis=0)
    spread = float(np.sqrt(((baseline - centre) ** 2).sum() / max(1, baseline.shape[0] - 1))) or 1.0
    centroids = np.stack([np.bincount(groups, axis, count) / counts for axis in coordinates.T], axis=1)
    wear: Floats = np.sqrt(((centroids - centre) ** 2).sum(axis=1)) / spread
    numeric = all(isinstance(label, float) for label in labels)
    positions = np.array(labels, dtype=np.float64) if numeric else np.arange(count, dtype=np.float64)
    latest = float(np.median(wear[-max(1, round(RECENT_SHARE * count)) :]))
    return Deterioration(labels, positions, wear, counts, latest, fit_trend(positions, wear, failing))


def _groups(order: Order) -> tuple[tuple[float | str, ...], NDArray[np.intp]]:
    """Return the distinct labels (numbers ascending, texts by first appearance) and each sample's group."""
    values = np.asarray(order)
    if values.dtype.kind in "iufb":
        numbers = values.astype(np.float64)
        if not np.isfinite(numbers).all():
            raise EngineError("an order value is missing or not a finite number. Choose another column")
        unique, groups = np.unique(numbers, return_inverse=True)
        return tuple(unique.tolist()), groups
    texts = values.astype(np.str_)
    unique_texts, first, groups = np.unique(texts, return_index=True, return_inverse=True)
    appearance = np.argsort(first)
    rank = np.empty_like(appearance)
    rank[appearance] = np.arange(appearance.size)
    return tuple(unique_texts[appearance].tolist()), rank[groups]


def fit_trend(positions: Floats, wear: Floats, failing: float) -> Trend:
    """Fit the Theil-Sen slope (Sen 1968) of wear (g,) over ascending positions (g,), and test its trend."""
    if wear.size < MIN_GROUPS:
        level = float(np.median(wear))
        text = f"no significant trend: a trend needs at least {MIN_GROUPS} points, but there are {wear.size}"
        return Trend(0.0, 0.0, 0.0, level, 0.0, 1.0, False, None, None, None, text)
    if wear.size > MAX_GROUPS:
        positions, wear = (
            np.array([part.mean() for part in np.array_split(series, MAX_GROUPS)])
            for series in (positions, wear)
        )
    from scipy.stats import theilslopes  # imported here because it loads slower than everything else

    fitted = theilslopes(wear, positions, alpha=CONFIDENCE)
    slope, low, high = float(fitted.slope), float(fitted.low_slope), float(fitted.high_slope)
    tau, p_value = mann_kendall(wear, wear - slope * positions)
    significant = p_value < 1.0 - CONFIDENCE and slope != 0.0
    middle, level = float(np.median(positions)), float(np.median(wear))
    intercept = float(fitted.intercept)
    if not significant:
        text = f"no significant trend (p = {p_value:.2g})"
        return Trend(slope, low, high, intercept, tau, p_value, False, None, None, None, text)
    end = float(positions[-1])
    if slope < 0.0:
        text = "the wear is decreasing and will not cross the failing level"
        return Trend(slope, low, high, intercept, tau, p_value, True, None, None, None, text)

    def crossing(rate: float) -> float | None:
        return middle + (failing - level) / rate if rate > 0.0 else None

    at, earliest, latest = crossing(slope), crossing(high), crossing(low)
    if level >= failing:  # crossed before the middle, so the steeper slope means the later crossing
        earliest, latest = latest, earliest
    text = f"the wear will cross the failing level {failing:g} at about {at:.6g}"
    if at is not None and at <= end:
        text = f"the wear crossed the failing level {failing:g} at about {at:.6g}"
    if earliest is not None and latest is not None:
        text += f" (between {earliest:.6g} and {latest:.6g})"
    return Trend(slope, low, high, intercept, tau, p_value, True, at, earliest, latest, text)


def mann_kendall(series: Floats, residuals: Floats) -> tuple[float, float]:
    """Return Kendall's tau of a series (g,) over its order, and the two-sided p-value of the trend.

    The variance is corrected for ties (Kendall 1975) and for autocorrelation of the detrended ranks (after
    Hamed and Rao 1998), since successive values of the wear resemble each other.
    """
    from scipy.special import ndtr
    from scipy.stats import rankdata

    g = series.size
    # S is the sum of the signs of all pairs.
    s = float(sum(np.sign(series[i + 1 :] - series[i]).sum() for i in range(g - 1)))
    _, ties = np.unique(series, return_counts=True)
    variance = (g * (g - 1) * (2 * g + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18.0
    if variance <= 0.0:
        return 0.0, 1.0
    variance *= g / effective_samples(rankdata(residuals))
    z = (abs(s) - 1.0) / np.sqrt(variance) if s != 0.0 else 0.0
    return 2.0 * s / (g * (g - 1)), float(2.0 * ndtr(-max(z, 0.0)))
