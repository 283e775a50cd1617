"""Places samples on a finished map, independently of each other (docs/engine.md, "Projection")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..similarity import Similarity
from .distances import DistanceRange, partial_squares, squared_distances

Floats = NDArray[np.float64]

MAX_STEPS = 60
"""Damped Newton steps. About eight converge; far outliers, whose residuals stay large, need more."""

COARSE_REFERENCES = 250
"""References that a sample is first placed among, if there are at least twice as many."""

CHUNK_DISTANCES = 2_000_000
"""Distances held in memory at once (16 MB)."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Positions (m, 2), and misfits (m,): the placement residuals, the remaining costs per reference.

    `nearest` (m,) are the distances to the nearest reference in the map's feature space. All are NaN for
    samples that have none of the features that the map shows.
    """

    coordinates: Floats
    misfit: Floats
    nearest: Floats

    def __getitem__(self, rows: slice) -> Placement:
        return Placement(self.coordinates[rows], self.misfit[rows], self.nearest[rows])


@dataclass(frozen=True, slots=True)
class ReferenceMap:
    """References in the map's feature space (r, d), their positions (r, 2), and the relation between both.

    `features` are complete. `importance` (d,) is the part of each feature in the squared distances.
    """

    features: Floats
    coordinates: Floats
    range: DistanceRange
    similarity: Similarity
    importance: Floats

    def place(self, z: Floats) -> Placement:
        """Place samples z (m, d), given in the map's feature space, among the references.

        Samples with missing cells are placed by their distances over the features that are there. Row i of
        the result depends only on row i of z.
        """
        m, references = z.shape[0], self.features.shape[0]
        coordinates, misfit, nearest = np.empty((m, 2)), np.empty(m), np.empty(m)
        target = Target(self.coordinates, self.similarity)
        step = max(1, CHUNK_DISTANCES // references)
        for first in range(0, m, step):
            rows = slice(first, min(m, first + step))
            squares = reference_squares(z[rows], self.features, self.importance)
            nearest[rows] = np.sqrt(squares.min(axis=1))
            nowhere = np.isnan(squares[:, 0])
            squares[nowhere] = 0.0  # the placement needs numbers
            target.place(self.range.normalise_squares(squares), coordinates[rows], misfit[rows])
            coordinates[rows][nowhere], misfit[rows][nowhere] = np.nan, np.nan
        misfit /= references
        return Placement(coordinates, misfit, nearest)


def reference_squares(z: Floats, references: Floats, importance: Floats) -> Floats:
    """The squared distances (m, r) of samples z (m, d), some with missing cells, to references (r, d)."""
    squares = squared_distances(z, references)
    incomplete = np.isnan(squares[:, 0])  # a missing cell makes its own row NaN, and no other
    if incomplete.any():
        squares[incomplete] = partial_squares(z[incomplete], references, importance)
    return squares


class Target:
    """Positions (r, 2) on a map, among which samples are placed according to their distances."""

    def __init__(self, coordinates: Floats, similarity: Similarity) -> None:
        self._coordinates = coordinates
        self._similarity = similarity
        self._plane = np.ascontiguousarray(coordinates.T)
        self._solve = 0.5 * coordinates @ np.linalg.pinv(self._plane @ coordinates)
        self._offset = (coordinates**2).sum(axis=1) @ self._solve

    def place(self, squares: Floats, coordinates: Floats, costs: Floats) -> None:
        """Place samples by their squared normalised distances `squares` (m, r), which are overwritten.

        Minimises the sum over j of (s(N_j) - s(|p - p_j|))^2 from the better of two starts: the nearest
        reference, and the linear solution of landmark MDS (de Silva and Tenenbaum 2004), which suits samples
        far outside the map.
        """
        from .. import kernels

        nearest = self._coordinates[squares.argmin(axis=1)]
        start = np.stack([nearest, self._offset - squares @ self._solve])
        stride = max(1, squares.shape[1] // COARSE_REFERENCES)
        s = self._similarity
        with kernels.parallel(squares.size):
            kernels.place(squares, start, self._plane, s.a, s.w1, s.w2, MAX_STEPS, stride, coordinates, costs)
