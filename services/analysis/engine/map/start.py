"""Starting positions of the optimisation (docs/engine.md, "The map of normal", step 5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SUBSPACE = 8
SUBSPACE_STEPS = 12
"""Eight directions and twelve steps determine the leading plane well enough for a start."""


def implied_radius(squares: Floats) -> float:
    """Return the root-mean-square radius of points whose distances are the normalised distances N.

    For points around their centroid, the sum over i<j of |p_i - p_j|^2 is n * sum |p_i|^2, hence
    sqrt(sum over i<j of N_ij^2) / n.
    """
    n = squares.shape[0]
    return float(np.sqrt(squares.sum() / 2.0) / n)


def principal_plane(squares: Floats, distances_squared: Floats, size: float) -> Floats:
    """Mode `kanadaSan`: project the samples (2, n) onto their principal plane, scaled to `size` radii.

    The plane comes from the doubly centred squared distances (Torgerson 1952). For Euclidean distances it is
    the principal plane of the centred features, at a cost that does not depend on the number of features.
    """
    n = squares.shape[0]
    gram = -0.5 * distances_squared
    means = gram.mean(axis=0)
    gram -= means
    gram -= means[:, None]
    gram += means.mean()
    plane = _leading_pair(gram)
    radius = float(np.sqrt((plane**2).sum() / n))
    if radius == 0.0:
        return np.zeros((2, n))
    scaled: Floats = plane * (size * implied_radius(squares) / radius)
    return scaled


def _leading_pair(gram: Floats) -> Floats:
    """Return the two leading principal coordinates (2, n) of a centred Gram matrix (n, n).

    Subspace iteration (Rutishauser 1969) from a fixed start suffices: a start needs little precision, and a
    full eigendecomposition would cost more than the whole optimisation.
    """
    n = gram.shape[0]
    block = np.random.default_rng(0).standard_normal((n, min(n, SUBSPACE)))
    for _ in range(SUBSPACE_STEPS):
        block, _ = np.linalg.qr(gram @ block)
    values, rotation = np.linalg.eigh(block.T @ gram @ block)
    vectors = (block @ rotation)[:, ::-1][:, :2]
    coordinates: Floats = (vectors * np.sqrt(np.maximum(values[::-1][:2], 0.0))).T
    return np.ascontiguousarray(coordinates)


def random_disk(n: int, radius: float, seed: int) -> Floats:
    """Mode `random`: draw n positions (2, n) uniformly from a disk of the given radius."""
    generator = np.random.default_rng(seed)
    distance = radius * np.sqrt(generator.random(n))
    angle = 2.0 * np.pi * generator.random(n)
    return np.stack([distance * np.cos(angle), distance * np.sin(angle)])
