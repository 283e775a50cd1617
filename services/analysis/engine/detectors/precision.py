"""The inverse of a covariance, for samples of which some cells are missing, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..rows import Rows

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MAX_PRECISION_FEATURES = 2048
"""A precision matrix of this many features takes 32 MB."""


@dataclass(frozen=True)
class Precision:
    """P, the inverse of the covariance with variances `inside` (r,) along `vectors` (d, r), `floor` off them.

    Represented by its axes, so that d > n needs no d x d inverse. Missing cells are NaN.
    """

    vectors: Floats
    inside: Floats
    floor: float

    @cached_property
    def weights(self) -> Floats:
        """What P has along the axes (r,) beyond the 1/floor that it has everywhere."""
        weights: Floats = 1.0 / self.inside - 1.0 / self.floor
        return weights

    @cached_property
    def diagonal(self) -> Floats:
        """The diagonal (d,) of P."""
        diagonal: Floats = np.einsum("ij,j,ij->i", self.vectors, self.weights, self.vectors)
        diagonal += 1.0 / self.floor
        return diagonal

    @cached_property
    def _matrix(self) -> Floats | None:
        """P (d, d) if it is small, else None."""
        d = self.vectors.shape[0]
        if d > MAX_PRECISION_FEATURES:
            return None
        precision: Floats = (self.vectors * self.weights) @ self.vectors.T
        precision[np.diag_indices(d)] += 1.0 / self.floor
        return precision

    def pull(self, centred: Floats) -> Floats:
        """`P z` (m, d) of complete deviations z (m, d)."""
        d, r = self.vectors.shape
        if 2 * r > d and self._matrix is not None:  # cheaper to multiply with than the axes
            pulled: Floats = centred @ self._matrix
            return pulled
        pulled = (centred @ self.vectors * self.weights) @ self.vectors.T
        pulled += centred / self.floor
        return pulled

    def expected(self, centred: Floats) -> Floats:
        """Return deviations (m, d) with the missing cells at their conditional expectation given the others.

        z_m = -P_mm^-1 P_mo z_o. With C the covariance, z'Pz is then z_o' C_oo^-1 z_o, the squared distance of
        the present cells alone, and `P z` is C_oo^-1 z_o at these, 0 at the missing ones (Schur complement).
        """
        filled = np.where(np.isnan(centred), 0.0, centred)
        for rows, missing in patterns(np.isnan(centred)):
            filled[np.ix_(rows, missing)] = self._part(missing).expected(filled[rows])
        return filled

    def marginal(self, centred: Floats) -> tuple[Floats, Floats]:
        """Return `expected`, and the diagonals (m, d) of C_oo^-1: those of P where nothing is missing."""
        filled = np.where(np.isnan(centred), 0.0, centred)
        diagonals = np.tile(self.diagonal, (centred.shape[0], 1))
        for rows, missing in patterns(np.isnan(centred)):
            part = self._part(missing)
            filled[np.ix_(rows, missing)] = part.expected(filled[rows])
            diagonals[rows] = part.diagonal()
        return filled, diagonals

    def uncertainty(self, gaps: Mask) -> Floats:
        """The covariances P_mm^-1 of missing cells given the others, summed (d, d) for gaps (m, d)."""
        d = self.vectors.shape[0]
        total = np.zeros((d, d))
        for rows, missing in patterns(gaps):
            total[np.ix_(missing, missing)] += rows.size * self._part(missing).covariance()
        return total

    def _part(self, missing: Rows) -> _ByFeatures | _ByAxes:
        """The elimination of missing features, through the smaller of the two systems that do it."""
        if missing.size <= self.inside.size:
            return _ByFeatures(self, missing)
        return _ByAxes(self, missing)

    def rows(self, features: Rows) -> Floats:
        """The rows (k, d) of P that belong to k features."""
        if self._matrix is not None:
            return self._matrix[features]
        rows: Floats = (self.vectors[features] * self.weights) @ self.vectors.T
        rows[np.arange(features.size), features] += 1.0 / self.floor
        return rows


class _ByFeatures:
    """Eliminates k missing features by the inverse of P_mm (k, k), whose condition the shrinkage bounds."""

    def __init__(self, precision: Precision, missing: Rows) -> None:
        self._precision, self._missing = precision, missing
        self._rows = precision.rows(missing)
        self._inverse: Floats = np.asarray(np.linalg.inv(self._rows[:, missing]), dtype=np.float64)

    def expected(self, present: Floats) -> Floats:
        """The expectations (m, k) for deviations (m, d) that are 0 where cells are missing."""
        filled: Floats = -(present @ self._rows.T) @ self._inverse
        return filled

    def diagonal(self) -> Floats:
        """The diagonal (d,) of P_oo - P_om P_mm^-1 P_mo; where features are missing, P's own."""
        lost = np.einsum("ij,ij->j", self._rows, self._inverse @ self._rows)
        diagonal: Floats = self._precision.diagonal - lost
        diagonal[self._missing] = self._precision.diagonal[self._missing]
        return diagonal

    def covariance(self) -> Floats:
        """P_mm^-1 (k, k)."""
        return self._inverse


class _ByAxes:
    """Eliminates more missing features than there are axes by a system of the r axes.

    With A the axes' rows of the missing features, W the weights and f the floor,
    P_mm^-1 A W = f A (I + f W A'A)^-1 W (Woodbury 1950).
    """

    def __init__(self, precision: Precision, missing: Rows) -> None:
        self._precision, self._missing = precision, missing
        weights, floor = precision.weights, precision.floor
        self._rows = precision.vectors[missing]
        gram = self._rows.T @ self._rows
        system = np.eye(weights.size) + floor * weights[:, None] * gram
        self._solved = floor * np.linalg.solve(system, np.diag(weights))
        self._gram = gram

    def expected(self, present: Floats) -> Floats:
        """As for `_ByFeatures`."""
        filled: Floats = -(present @ self._precision.vectors @ self._solved.T) @ self._rows.T
        return filled

    def diagonal(self) -> Floats:
        """As for `_ByFeatures`."""
        vectors, weights = self._precision.vectors, self._precision.weights
        lost = weights[:, None] * (self._gram @ self._solved)
        diagonal: Floats = self._precision.diagonal - np.einsum("ij,jk,ik->i", vectors, lost, vectors)
        diagonal[self._missing] = self._precision.diagonal[self._missing]
        return diagonal

    def covariance(self) -> Floats:
        """As for `_ByFeatures`."""
        floor = self._precision.floor
        inverse: Floats = -floor * (self._rows @ self._solved) @ self._rows.T
        inverse[np.diag_indices(self._missing.size)] += floor
        return inverse


def patterns(missing: Mask) -> Iterator[tuple[Rows, Rows]]:
    """Yield groups of the incomplete rows of a mask (m, d) that lack the same features, with these."""
    incomplete = np.flatnonzero(missing.any(axis=1))
    if incomplete.size == 0:
        return
    packed = np.packbits(missing[incomplete], axis=1)
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    group = np.unique(keys, return_inverse=True)[1]
    order = np.argsort(group, kind="stable")
    for rows in np.split(incomplete[order], np.cumsum(np.bincount(group))[:-1]):
        yield rows, np.flatnonzero(missing[rows[0]])
