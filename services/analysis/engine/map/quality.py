"""How faithful a map is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEIGHBOURS = 10


def trustworthiness(distances: Floats, coordinates: Floats, k: int = NEIGHBOURS) -> float:
    """Trustworthiness (Venna and Kaski 2001): are neighbours on the map neighbours in feature space?

    `distances` (n, n) in feature space (squared ones rank alike), `coordinates` (n, 2). 1 is perfect;
    k shrinks to (n - 1) // 2 for small n, where the measure stays defined.
    """
    from scipy.spatial import cKDTree

    from . import kernels

    n = distances.shape[0]
    k = min(k, (n - 1) // 2)
    if k < 1:
        return 1.0
    found = np.asarray(cKDTree(coordinates).query(coordinates, k=k + 1)[1])
    # With identical positions a sample need not be its own first neighbour: drop it wherever it stands.
    own = found == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True
    neighbours = np.ascontiguousarray(found[~own].reshape(n, k), dtype=np.int64)
    penalties = np.empty(n)
    with kernels.parallel(n * n):
        kernels.rank_penalty(distances, neighbours, k, penalties)
    return float(1.0 - 2.0 / (n * k * (2 * n - 3 * k - 1)) * penalties.sum())
