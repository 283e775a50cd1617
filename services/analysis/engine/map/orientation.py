"""Canonical orientation: the same data always gives the same map.

See docs/engine.md, "The map of normal", step 7.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def canonical(p: Floats) -> Floats:
    """Centre positions p (2, n), turn their principal axes onto x and y, and make their skewness positive.

    The skewness of an exactly symmetric axis is 0; it is flipped so that its outermost sample is positive.
    """
    centred = p - p.mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(centred @ centred.T)
    turned: Floats = axes[:, ::-1].T @ centred
    for axis in turned:
        size = float(np.abs(axis).max(initial=0.0))
        if size == 0.0:
            continue
        skew = float(((axis / size) ** 3).mean())
        sign = skew if abs(skew) > 1e-12 else float(axis[np.argmax(np.abs(axis))])
        if sign < 0.0:
            axis *= -1.0
    return turned
