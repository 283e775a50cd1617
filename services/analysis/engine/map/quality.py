"""Measures how faithful a map is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEIGHBOURS = 10


def trustworthiness(distances: Floats, coordinates: Floats, k: int = NEIGHBOURS) -> float:
    """Trustworthiness (Venna and Kaski 2001): are neighbours on the map neighbours in feature space?

    `distances` (n, n) are in feature space, squared or not, since only ranks matter; `coordinates` have the
    shape (n, 2). 1 is perfect. For small n, k shrinks to (n - 1) // 2, for which the measure is defined.
    """
    from scipy.spatial import cKDTree

    from .. import kernels

    n = distances.shape[0]
    k = min(k, (n - 1) // 2)
    if k < 1:
        return 1.0
    found = np.asarray(cKDTree(coordinates).query(coordinates, k=k + 1)[1])
    # Among identical positions a sample need not be its own first neighbour; drop it wherever it occurs.
    own = found == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True
    neighbours = np.ascontiguousarray(found[~own].reshape(n, k), dtype=np.int64)
    penalties = np.empty(n)
    with kernels.parallel(n * n):
        kernels.rank_penalty(distances, neighbours, k, penalties)
    return float(1.0 - 2.0 / (n * k * (2 * n - 3 * k - 1)) * penalties.sum())
