"""Mahalanobis distance in standardised feature space with a shrinkage covariance; the default detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

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
    """

    names: ClassVar[tuple[str, ...]] = (DISTANCE, RESIDUAL)

    axes: Axes
    inside: Floats
    floor: float
    shrinkage: float
    _coarser: dict[bytes, Self] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def learn(cls, sample: Sample, whole: Axes, outside: Sequence[Axes]) -> tuple[Self, list[Self]]:
        """Learn from the sample, with one shrinkage for all, chosen on held-out blocks."""
        shrinkage = choose_shrinkage(sample, outside)
        return cls._shrunk(whole, shrinkage), [cls._shrunk(axes, shrinkage) for axes in outside]

    @classmethod
    def _shrunk(cls, axes: Axes, shrinkage: float) -> Self:
        inside, floor = axes.shrunk(shrinkage)
        return cls(axes, inside, floor, shrinkage)

    @property
    def centre(self) -> Floats:
        """The baseline's mean (d,)."""
        return self.axes.mean

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

    def statistics(self, z: Floats) -> Floats:
        """Mahalanobis distance and largest conditional residual (m, 2) of standardised rows z (m, d)."""
        coefficients, off = self.axes.split(z)
        scaled = coefficients / np.sqrt(self.inside)
        distance = np.sqrt(np.einsum("ij,ij->i", scaled, scaled) + off / self.floor)
        coefficients *= self.precision.weights
        pulled = coefficients @ self.axes.vectors.T
        pulled += (z - self.axes.mean) / self.floor
        pulled /= np.sqrt(self.precision.diagonal)
        np.abs(pulled, out=pulled)
        statistics = np.column_stack([distance, pulled.max(axis=1, initial=0.0)])
        incomplete = np.isnan(distance)  # a missing cell makes its own row NaN, and no other
        if incomplete.any():
            statistics[incomplete] = self._marginal(z[incomplete])
        return statistics

    def _marginal(self, z: Floats) -> Floats:
        """The statistics (m, 2) of rows with missing cells, by the cells that are there."""
        filled, diagonals = self.precision.marginal(z - self.axes.mean)
        pulled = self.precision.pull(filled)
        distance = np.sqrt(np.maximum(np.einsum("ij,ij->i", filled, pulled), 0.0))
        gaps = np.isnan(z)
        pulled[gaps] = 0.0  # up to rounding errors, they are
        residual = (np.abs(pulled) / np.sqrt(diagonals)).max(axis=1, initial=0.0)
        whole = self.axes.dimensions
        present = whole - gaps.sum(axis=1, dtype=np.float64)
        return np.column_stack(
            [rescaled_distance(distance, present, whole), rescaled_largest(residual, present, whole)]
        )

    def distances(self, z: Floats) -> Floats:
        """The Mahalanobis distances (m,) alone of standardised rows z (m, d)."""
        coefficients, off = self.axes.split(z)
        coefficients /= np.sqrt(self.inside)
        distance: Floats = np.sqrt(np.einsum("ij,ij->i", coefficients, coefficients) + off / self.floor)
        incomplete = np.isnan(distance)
        if incomplete.any():
            distance[incomplete] = self._marginal(z[incomplete])[:, 0]
        return distance

    def coarser(self, extra: Floats) -> Self:
        """The detector for samples whose rounding adds `extra` (d,) to the variances of the features.

        Only if there are more samples than features: otherwise the shrinkage hides the rounding.
        """
        if self.axes.count <= self.axes.dimensions or not extra.any():
            return self
        known = extra.tobytes()
        if known not in self._coarser:
            self._coarser[known] = self._shrunk(self.axes.coarser(extra), self.shrinkage)
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

    def to_arrays(self) -> dict[str, Floats]:
        """The detector as named arrays."""
        return {
            "mean": self.axes.mean,
            "values": self.axes.values,
            "vectors": self.axes.vectors,
            "sizes": np.array([self.axes.dimensions, self.axes.count, self.axes.average], dtype=np.float64),
            "shrinkage": np.array([self.shrinkage]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> Self:
        """The detector that `to_arrays` stored."""
        dimensions, count = (int(size) for size in arrays["sizes"][:2])
        values = arrays["values"]
        # Before features had a floor, the average was that of the variances.
        average = float(arrays["sizes"][2:].sum() or values.sum() / max(1, dimensions) or 1.0)
        axes = Axes(arrays["mean"], values, arrays["vectors"], dimensions, count, average)
        return cls._shrunk(axes, float(arrays["shrinkage"][0]))
