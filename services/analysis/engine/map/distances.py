"""Distances between samples, normalised by the baseline's range.

See docs/engine.md, "The map of normal", step 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CANCELLATION = 1e-9
"""|x|^2 + |y|^2 - 2xy loses its digits when the result is below this share of its terms: then the
difference is taken directly."""

FARTHEST = 1e4
"""Normalised distances are cut here: ten thousand map diameters away is off every picture, and squares of
larger ones would lose the near references' digits."""


@dataclass(frozen=True, slots=True)
class DistanceRange:
    """The baseline's smallest positive and largest distance, in the map's space."""

    low: float
    high: float

    @property
    def span(self) -> float:
        """Denominator of the normalisation; never 0."""
        return (self.high - self.low) or 1.0

    def normalise_squares(self, squares: Floats) -> Floats:
        """Turn squared distances into squared normalised ones, in place: max(0, (D - low)/span)^2."""
        from . import kernels

        with kernels.parallel(squares.size):
            kernels.normalise(squares, self.low, self.span, FARTHEST)
        return squares


def squared_distances(x: Floats, y: Floats) -> Floats:
    """Squared Euclidean distances (m, r) between rows x (m, d) and y (r, d).

    One matrix product (|x|^2 + |y|^2 - 2 x.y); the few results that cancel are computed again as
    differences, so identical rows have exactly 0.
    """
    xx = np.einsum("ij,ij->i", x, x)
    yy = np.einsum("ij,ij->i", y, y)
    squares: Floats = x @ y.T
    squares *= -2.0
    squares += xx[:, None]
    squares += yy[None, :]
    least = CANCELLATION * (xx + yy.max(initial=0.0))
    doubtful_rows = np.flatnonzero(squares.min(axis=1, initial=np.inf) <= least)
    for i in doubtful_rows:
        columns = np.flatnonzero(squares[i] <= CANCELLATION * (xx[i] + yy))
        if columns.size:
            difference = y[columns] - x[i]
            squares[i, columns] = np.einsum("ij,ij->i", difference, difference)
    return squares


def distance_range(squares: Floats) -> DistanceRange:
    """Smallest positive and largest distance of a symmetric matrix of squared distances (n, n).

    Without a positive distance, or with a single one, the smallest is 0: it then tells nothing, and the
    normalisation stays defined.
    """
    high = float(squares.max(initial=0.0))
    low = float(np.min(squares, where=squares > 0.0, initial=np.inf))
    if not low < high:
        low = 0.0
    return DistanceRange(float(np.sqrt(low)), float(np.sqrt(high)))
