"""Counts the clearly separate groups of a baseline on its map, for its readiness."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REGIME_SEPARATION = 6.0
"""Ashman's D (1994) between two groups. Peaks separate at 2, but the best split of one Gaussian cloud reaches
more: at 6, with groups of ten samples, 0.3 % of clouds of 20 to 200 samples are split, at 5 up to 11 %."""

MIN_REGIME_SHARE, MIN_REGIME_SAMPLES = 0.05, 10
"""Smaller groups are outliers or chance, not regimes."""

MAX_SPLIT_DEPTH = 3
"""The depth to which groups are split in two, which finds up to eight regimes along an axis."""


def count_regimes(coordinates: Floats) -> int:
    """Count the well separated groups of map positions (n, 2) along the map's axes, at least 1."""
    min_size = max(MIN_REGIME_SAMPLES, int(np.ceil(MIN_REGIME_SHARE * coordinates.shape[0])))
    regimes = 1
    for axis in coordinates.T:
        groups = _split(np.sort(axis), min_size, MAX_SPLIT_DEPTH)
        gaps = sum(separation(left, right) > REGIME_SEPARATION for left, right in pairwise(groups))
        regimes = max(regimes, 1 + gaps)
    return regimes


def _split(ordered: Floats, min_size: int, depth: int) -> list[Floats]:
    """Split ascending values, recursively, where the parts have the least variance."""
    n = ordered.size
    if depth == 0 or n < 2 * min_size:
        return [ordered]
    left = np.arange(1, n)
    centred = ordered - ordered.mean()
    sums = np.cumsum(centred)[:-1]
    between = sums**2 / (left * (n - left))  # the sum of squares between the parts, up to a factor
    cut = min_size + int(between[min_size - 1 : n - min_size].argmax())
    return [*_split(ordered[:cut], min_size, depth - 1), *_split(ordered[cut:], min_size, depth - 1)]


def separation(left: Floats, right: Floats) -> float:
    """Return Ashman's D (1994): the distance of two groups' means over the root of their mean variance."""
    spread = float(np.sqrt((left.var() + right.var()) / 2.0))
    gap = float(right.mean() - left.mean())
    # Groups of identical samples have no spread; any gap above rounding errors separates them.
    return gap / max(spread, 1e-9) if gap > 1e-6 else 0.0
