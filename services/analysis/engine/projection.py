"""Placing samples on a finished map, each on its own (algorithm.md, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .distances import DistanceRange, squared_distances
from .similarity import Similarity

Floats = NDArray[np.float64]

MAX_STEPS = 60
"""Damped Newton steps: about eight arrive; far outliers, whose residuals stay large, a few times more."""

CHUNK_DISTANCES = 2_000_000
"""Distances held at once (16 MB)."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Positions (m, 2) and map misfits (m,), the residual cost per reference."""

    coordinates: Floats
    misfit: Floats


@dataclass(frozen=True, slots=True)
class ReferenceMap:
    """References in the map's feature space (r, d), their positions (r, 2), and what links the two."""

    features: Floats
    coordinates: Floats
    range: DistanceRange
    similarity: Similarity

    def place(self, z: Floats) -> Placement:
        """Place samples z (m, d), given in the map's feature space, one by one against the references.

        Minimises sum over j of (s(N_j) - s(|p - p_j|))^2 from the better of two starts: the nearest
        reference, and the linear solution of landmark MDS (de Silva and Tenenbaum 2004), which is right for
        samples far outside. Row i of the result depends on row i only.
        """
        m, references = z.shape[0], self.features.shape[0]
        coordinates, misfit = np.empty((m, 2)), np.empty(m)
        plane = np.ascontiguousarray(self.coordinates.T)
        solve = 0.5 * self.coordinates @ np.linalg.pinv(plane @ self.coordinates)
        offset = (self.coordinates**2).sum(axis=1) @ solve
        step = max(1, CHUNK_DISTANCES // references)
        for first in range(0, m, step):
            rows = slice(first, min(m, first + step))
            self._place_chunk(z[rows], plane, solve, offset, coordinates[rows], misfit[rows])
        misfit /= references
        return Placement(coordinates, misfit)

    def _place_chunk(
        self, z: Floats, plane: Floats, solve: Floats, offset: Floats, coordinates: Floats, costs: Floats
    ) -> None:
        from . import kernels

        squares = self.range.normalise_squares(squared_distances(z, self.features))
        nearest = self.coordinates[squares.argmin(axis=1)]
        start = np.stack([nearest, offset - squares @ solve])
        s = self.similarity
        with kernels.parallel(squares.size):
            kernels.place(squares, start, plane, s.a, s.w1, s.w2, MAX_STEPS, coordinates, costs)
