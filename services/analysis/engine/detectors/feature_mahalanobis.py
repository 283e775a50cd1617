"""Mahalanobis distance in standardised feature space with a shrinkage covariance; the default detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ..covariance import Axes, Sample, choose_shrinkage
from .base import Floats


@dataclass(frozen=True, slots=True)
class FeatureMahalanobis:
    """`sqrt((z - centre)' P (z - centre))` with P the inverse of the shrunk covariance.

    P is kept through principal axes `vectors` (d, r): variances `inside` (r,) on them and `floor` off them,
    so that d > n needs no d x d inverse.
    """

    axes: Axes
    inside: Floats
    floor: float
    shrinkage: float

    @classmethod
    def learn(cls, sample: Sample, whole: Axes, outside: Sequence[Axes]) -> tuple[Self, list[Self]]:
        """Learn from the sample; one shrinkage, chosen on held-out blocks, serves all."""
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
        """Largest over smallest variance of the shrunk covariance."""
        spanned = self.inside.size >= self.axes.dimensions > 0
        smallest = float(self.inside.min()) if spanned else self.floor
        return float(self.inside.max(initial=self.floor)) / smallest

    def distances(self, z: Floats) -> Floats:
        """Mahalanobis distances (m,) of standardised rows z (m, d)."""
        coefficients, off = self.axes.split(z)
        coefficients /= np.sqrt(self.inside)
        distance: Floats = np.sqrt(np.einsum("ij,ij->i", coefficients, coefficients) + off / self.floor)
        return distance

    def pull(self, z: Floats) -> Floats:
        """`P (z - centre)` (k, d) of standardised rows z (k, d)."""
        centred = z - self.axes.mean
        weights = 1.0 / self.inside - 1.0 / self.floor
        pulled: Floats = (centred @ self.axes.vectors * weights) @ self.axes.vectors.T
        pulled += centred / self.floor
        return pulled

    def precision_diagonal(self) -> Floats:
        """Diagonal (d,) of P."""
        weights = 1.0 / self.inside - 1.0 / self.floor
        diagonal: Floats = (
            np.einsum("ij,j,ij->i", self.axes.vectors, weights, self.axes.vectors) + 1.0 / self.floor
        )
        return diagonal

    def to_arrays(self) -> dict[str, Floats]:
        """The detector as named arrays."""
        return {
            "mean": self.axes.mean,
            "values": self.axes.values,
            "vectors": self.axes.vectors,
            "sizes": np.array([self.axes.dimensions, self.axes.count], dtype=np.float64),
            "shrinkage": np.array([self.shrinkage]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> Self:
        """The detector that `to_arrays` described."""
        dimensions, count = (int(size) for size in arrays["sizes"])
        axes = Axes(arrays["mean"], arrays["values"], arrays["vectors"], dimensions, count)
        return cls._shrunk(axes, float(arrays["shrinkage"][0]))
