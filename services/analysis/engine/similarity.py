"""The similarity that a map preserves (docs/engine.md, "The map of normal", step 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Similarity:
    """`s(r) = a*exp(-r^2/w1) + (1 - a)*(1 - r^2/w2)`: a local Gaussian and a global quadratic term."""

    a: float
    w1: float
    w2: float

    def __call__(self, squares: Floats) -> Floats:
        """Similarities of squared distances of any shape."""
        return self.a * np.exp(-squares / self.w1) + (1.0 - self.a) * (1.0 - squares / self.w2)


def local_width(squares: Floats, which: str, configured: float) -> float:
    """Return `w1`: the mean normalised distance of all pairs if `which` is `auto`, else `configured`.

    `squares` (n, n) holds squared normalised distances with a zero diagonal. If all samples are identical,
    the mean is 0, which cannot be a width, and the configured width is used.
    """
    if which.strip().casefold() != "auto":
        return configured
    n = squares.shape[0]
    total = sum(float(np.sqrt(row).sum()) for row in squares)
    return total / (n * (n - 1)) or configured
