"""Mahalanobis distance in standardised feature space with a shrinkage covariance; the default detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..rows import NO_ROWS, Rows
from .base import DISTANCE, RESIDUAL, Floats
from .covariance import Axes, Sample, choose_shrinkage
from .freedom import rescaled_distance, rescaled_largest
from .precision import Precision


@dataclass(frozen=True)
class FeatureMahalanobis:
    """The distance `sqrt((z - centre)' P (z - centre))`, P the inverse of the shrunk covariance.

    Its second statistic is the largest conditional residual, `max_j |(P (z - centre))_j| / sqrt(P_jj)`: how
    far the worst feature is from what the others let expect, in its conditional standard deviations. A fault
    of one feature in a thousand hardly changes the distance, which sums over all, but this one.

    P is represented by the principal axes, the variances `inside` (r,) along them and the variance `floor`
    perpendicular to them, so that d > n needs no d x d inverse. Samples with missing cells are judged by the
    marginal distribution of those that are there, on the scale of complete samples.

    The features `context` (c,) do not alarm: the others are judged given their values. The squared distance
    of the others' conditional distribution is the squared distance of all less that of the context alone.
    """

    names: ClassVar[tuple[str, ...]] = (DISTANCE, RESIDUAL)

    axes: Axes
    inside: Floats
    floor: float
    shrinkage: float
    context: Rows = field(default_factory=lambda: NO_ROWS)
    _coarser: dict[bytes, Self] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def learn(cls, sample: Sample, whole: Axes, outside: Sequence[Axes]) -> tuple[Self, list[Self]]:
        """Learn from the sample, with one shrinkage for all, chosen on held-out blocks."""
        shrinkage = choose_shrinkage(sample, outside)
        each = [cls._shrunk(axes, shrinkage, sample.context) for axes in (whole, *outside)]
        return each[0], each[1:]

    @classmethod
    def _shrunk(cls, axes: Axes, shrinkage: float, context: Rows) -> Self:
        inside, floor = axes.shrunk(shrinkage)
        return cls(axes, inside, floor, shrinkage, context)

    @property
    def centre(self) -> Floats:
        """The baseline's mean (d,)."""
        return self.axes.mean

    @property
    def judged(self) -> int:
        """The number of features that are judged: all informative ones but the context."""
        return self.axes.dimensions - self.context.size

    @property
    def condition(self) -> float:
        """The ratio of the largest to the smallest variance of the shrunk covariance."""
        spanned = self.inside.size >= self.axes.dimensions > 0
        smallest = float(self.inside.min()) if spanned else self.floor
        return float(self.inside.max(initial=self.floor)) / smallest

    @cached_property
    def precision(self) -> Precision:
        """P."""
        return Precision(self.axes.vectors, self.inside, self.floor)

    def statistics(self, z: Floats, present: Floats | None = None) -> Floats:
        """Mahalanobis distance and largest conditional residual (m, 2) of standardised rows z (m, d)."""
        centred = z - self.axes.mean
        pulled = self.precision.pull(centred)
        squares = np.maximum(np.einsum("ij,ij->i", centred, pulled), 0.0)
        pulled /= np.sqrt(self.precision.diagonal)
        np.abs(pulled, out=pulled)
        pulled[:, self.context] = 0.0
        distance = np.sqrt(self.given_context(squares, z))
        statistics = np.column_stack([distance, pulled.max(axis=1, initial=0.0)])
        incomplete = np.isnan(squares)  # a missing cell makes its own row NaN, and no other
        if incomplete.any():
            statistics[incomplete] = self._marginal(z[incomplete])
        return statistics if present is None else self._rescaled(statistics, present)

    def _marginal(self, z: Floats) -> Floats:
        """The statistics (m, 2) of rows with missing cells, by the cells that are there."""
        filled, diagonals = self.precision.marginal(z - self.axes.mean)
        pulled = self.precision.pull(filled)
        squares = np.maximum(np.einsum("ij,ij->i", filled, pulled), 0.0)
        distance = np.sqrt(self.given_context(squares, z))
        gaps = np.isnan(z)
        pulled[gaps] = 0.0  # up to rounding errors, they are
        pulled[:, self.context] = 0.0
        residual = (np.abs(pulled) / np.sqrt(diagonals)).max(axis=1, initial=0.0)
        return self._rescaled(np.column_stack([distance, residual]), self.present(gaps))

    def _rescaled(self, statistics: Floats, present: Floats) -> Floats:
        """The statistics (m, 2) of a share (m,) of the judged features on the scale of all."""
        whole = self.judged
        freedom = present * whole
        return np.column_stack(
            [
                rescaled_distance(statistics[:, 0], freedom, whole),
                rescaled_largest(statistics[:, 1], freedom, whole),
            ]
        )

    def present(self, gaps: NDArray[np.bool_]) -> Floats:
        """The share (m,) of the judged features that rows with these gaps (m, d) have."""
        whole = max(1, self.judged)
        missing = gaps.sum(axis=1) - gaps[:, self.context].sum(axis=1)
        share: Floats = (whole - missing) / whole
        return share

    def expected(self, z: Floats) -> Floats:
        """Standardised rows z (m, d) with missing cells at their expectation given the others.

        Rows of which nothing is there stay as they are.
        """
        gaps = np.isnan(z)
        if not gaps.any():
            return z
        filled = self.precision.expected(z - self.axes.mean)
        filled += self.axes.mean
        some = self.present(gaps) > 0.0
        return np.where(gaps & some[:, None], filled, z)

    def distances(self, z: Floats, present: Floats | None = None) -> Floats:
        """The Mahalanobis distances (m,) alone of standardised rows z (m, d)."""
        coefficients, off = self.axes.split(z)
        coefficients /= np.sqrt(self.inside)
        squares: Floats = np.einsum("ij,ij->i", coefficients, coefficients) + off / self.floor
        distance: Floats = np.sqrt(self.given_context(squares, z))
        incomplete = np.isnan(squares)
        if incomplete.any():
            distance[incomplete] = self._marginal(z[incomplete])[:, 0]
        if present is not None:
            distance = rescaled_distance(distance, present * self.judged, self.judged)
        return distance

    def given_context(self, squares: Floats, z: Floats) -> Floats:
        """Squared distances (m,) of rows z (m, d) less those of the context alone, as far as it is known."""
        if not self.context.size:
            return squares
        centred = (z - self.axes.mean)[:, self.context]
        covariance = np.stack([self.covariances(place)[self.context] for place in self.context.tolist()])
        alone = np.zeros_like(squares)
        unknown, pattern = np.unique(np.isnan(centred), axis=0, return_inverse=True)
        for number, missing in enumerate(unknown):
            rows, some = np.flatnonzero(pattern.ravel() == number), np.flatnonzero(~missing)
            part = centred[np.ix_(rows, some)]
            weighted = np.linalg.solve(covariance[np.ix_(some, some)], part.T)
            alone[rows] = np.einsum("ij,ji->i", part, weighted)
        judged: Floats = np.maximum(squares - alone, 0.0)
        return judged

    def coarser(self, extra: Floats) -> Self:
        """The detector for samples whose rounding adds `extra` (d,) to the variances of the features.

        Only if there are more samples than features: otherwise the shrinkage hides the rounding.
        """
        if self.axes.count <= self.axes.dimensions or not extra.any():
            return self
        known = extra.tobytes()
        if known not in self._coarser:
            self._coarser[known] = self._shrunk(self.axes.coarser(extra), self.shrinkage, self.context)
        return self._coarser[known]

    def pull(self, z: Floats) -> Floats:
        """`P (z - centre)` (k, d) of standardised rows z (k, d); 0 for missing cells.

        These are where the others let expect them.
        """
        gaps = np.isnan(z)
        pulled = self.precision.pull(self.precision.expected(z - self.axes.mean))
        pulled[gaps] = 0.0  # up to rounding errors, it is
        return pulled

    @property
    def precision_diagonal(self) -> Floats:
        """The diagonal (d,) of P."""
        return self.precision.diagonal

    def precision_rows(self, features: NDArray[np.int64]) -> Floats:
        """Rows (q, d) of P for some features (q,)."""
        return self.precision.rows(features)

    def covariances(self, feature: int) -> Floats:
        """The covariances (d,) of a feature with all features, after shrinking."""
        row: Floats = self.axes.vectors @ ((self.inside - self.floor) * self.axes.vectors[feature])
        row[feature] += self.floor
        return row

    def variances(self) -> Floats:
        """The variances (d,) of the features, after shrinking."""
        vectors = self.axes.vectors
        variances: Floats = np.einsum("ij,j,ij->i", vectors, self.inside - self.floor, vectors)
        return variances + self.floor

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The detector as named arrays."""
        return {
            "mean": self.axes.mean,
            "values": self.axes.values,
            "vectors": self.axes.vectors,
            "sizes": np.array([self.axes.dimensions, self.axes.count, self.axes.average], dtype=np.float64),
            "shrinkage": np.array([self.shrinkage]),
            "context": self.context,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The detector that `to_arrays` stored."""
        dimensions, count = (int(size) for size in arrays["sizes"][:2])
        values = arrays["values"]
        # Before features had a floor, the average was that of the variances.
        average = float(arrays["sizes"][2:].sum() or values.sum() / max(1, dimensions) or 1.0)
        axes = Axes(arrays["mean"], values, arrays["vectors"], dimensions, count, average)
        return cls._shrunk(axes, float(arrays["shrinkage"][0]), arrays.get("context", NO_ROWS))
