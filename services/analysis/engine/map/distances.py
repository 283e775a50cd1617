"""Distances between samples, normalised by the baseline's distance range.

See docs/engine.md, "The map of normal", step 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CANCELLATION = 1e-9
"""|x|^2 + |y|^2 - 2xy loses its significant digits if the result is below this share of its terms; then the
difference is computed directly."""

MAX_DISTANCE = 1e4
"""Normalised distances are capped here, ten thousand map diameters away: larger squares would lose the digits
of the near references."""


@dataclass(frozen=True, slots=True)
class DistanceRange:
    """The baseline's smallest positive and largest distances, in the map's feature space."""

    low: float
    high: float

    @property
    def span(self) -> float:
        """The denominator of the normalisation; never 0."""
        return (self.high - self.low) or 1.0

    def normalise_squares(self, squares: Floats) -> Floats:
        """Replace squared distances by squared normalised ones, in place: max(0, (D - low)/span)^2."""
        from .. import kernels

        with kernels.parallel(squares.size):
            kernels.normalise(squares, self.low, self.span, MAX_DISTANCE)
        return squares


def squared_distances(x: Floats, y: Floats) -> Floats:
    """Return squared Euclidean distances (m, r) between rows x (m, d) and y (r, d).

    They come from one matrix product (|x|^2 + |y|^2 - 2 x.y). The few that suffer from cancellation are
    recomputed from the differences, so identical rows have a distance of exactly 0.
    """
    xx = np.einsum("ij,ij->i", x, x)
    yy = np.einsum("ij,ij->i", y, y)
    squares: Floats = x @ y.T
    squares *= -2.0
    squares += xx[:, None]
    squares += yy[None, :]
    reliable = CANCELLATION * (xx + yy.max(initial=0.0))
    for i in np.flatnonzero(squares.min(axis=1, initial=np.inf) <= reliable):
        columns = np.flatnonzero(squares[i] <= CANCELLATION * (xx[i] + yy))
        if columns.size:
            difference = y[columns] - x[i]
            squares[i, columns] = np.einsum("ij,ij->i", difference, difference)
    return squares


def partial_squares(x: Floats, y: Floats, importance: Floats) -> Floats:
    """Return the squared distances (m, r) that rows x (m, d) with missing cells would have to rows y (r, d).

    The distance over the features that are there is scaled by their part of the squared distances on average,
    `importance` (d,) (partial distances, Dixon 1979). Rows without any such feature are NaN.
    """
    there = ~np.isnan(x)
    known = np.where(there, x, 0.0)  # a missing cell adds nothing to any of the sums
    terms = np.einsum("ij,ij->i", known, known)[:, None] + there.astype(np.float64) @ (y * y).T
    squares: Floats = terms - 2.0 * (known @ y.T)
    for i, j in np.argwhere(squares <= CANCELLATION * terms):
        difference = (y[j] - x[i])[there[i]]
        squares[i, j] = difference @ difference
    part = there @ importance
    scale = importance.sum() / np.where(part > 0.0, part, np.nan)
    squares *= scale[:, None]
    return squares


def distance_range(squares: Floats) -> DistanceRange:
    """Return the range of distances of a symmetric matrix of squared distances (n, n).

    If the positive distances are all equal, or there are none, `low` is 0, which keeps the normalisation
    defined.
    """
    high = float(squares.max(initial=0.0))
    low = float(np.min(squares, where=squares > 0.0, initial=np.inf))
    if not low < high:
        low = 0.0
    return DistanceRange(float(np.sqrt(low)), float(np.sqrt(high)))
