"""Brings statistics of fewer sensors to the scale on which all sensors are judged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rescaled_distance(distance: Floats, present: Floats, whole: float) -> Floats:
    """Return distances (m,) with `present` (m,) degrees of freedom on the scale of those with `whole`.

    Both are equally unlikely: the squares of normal samples are chi-squared, and their cube roots are nearly
    normal with mean 1 - v and variance v = 2/(9 k), relative to k (Wilson and Hilferty 1931). Without any
    degree of freedom, the result is NaN.
    """
    freedom = np.where(present > 0.0, present, np.nan)
    mine, theirs = 2.0 / (9.0 * freedom), 2.0 / (9.0 * max(whole, 1.0))
    score = (np.cbrt(distance**2 / freedom) - (1.0 - mine)) / np.sqrt(mine)
    root = np.maximum(1.0 - theirs + score * np.sqrt(theirs), 0.0)
    rescaled: Floats = np.sqrt(whole * root**3)
    return rescaled


def rescaled_largest(largest: Floats, present: Floats, whole: float) -> Floats:
    """Return the largest of `present` (m,) standard normal residuals on the scale of the largest of `whole`.

    The tail of the largest of k is k exp(-u^2/2), up to factors that hardly change, so equally unlikely
    values differ by 2 ln(whole/present) in their squares.
    """
    freedom = np.where(present > 0.0, present, np.nan)
    rescaled: Floats = np.sqrt(largest**2 + 2.0 * np.log(max(whole, 1.0) / freedom))
    return rescaled
