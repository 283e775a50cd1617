"""Canonical orientation: the same data always gives the same picture.

See docs/engine.md, "The map of normal", step 7.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def canonical(p: Floats) -> Floats:
    """Positions p (2, n) centred, principal axes on x and y, third central moment of each axis positive.

    An axis that is exactly symmetric has no sign; it is turned so that its farthest sample is positive.
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
