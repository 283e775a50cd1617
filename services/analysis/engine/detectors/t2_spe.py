"""Hotelling's T2 on the retained principal components and SPE (Q) off them, combined into one distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .base import DISTANCE, Floats
from .covariance import Axes, Sample
from .freedom import rescaled_distance
from .precision import Precision

RETAINED = 0.9
"""Share of the variance that the retained components explain; the usual choice in the literature."""

LIMIT_LEVEL = 0.99
"""Confidence level of the limits by which T2 and SPE are divided before they are added."""

MIN_RESIDUAL_SHARE = 1e-9
"""Lower bound of the residual limit, as a share of the total variance, for residuals without spread."""


@dataclass(frozen=True, slots=True)
class T2Spe:
    """The combined index `sqrt(T2/limit_T2 + SPE/limit_SPE)` (Yue and Qin 2001).

    `vectors` (d, k) are the retained components, with `variances` (k,). The limit of T2 is the chi-squared
    quantile with k degrees of freedom; that of SPE is Box's (1954) g*chi2(h) from the other components.

    The squared index is z'Mz. The missing cells of a sample are where they make it smallest, given those that
    are there: its conditional expectation if M^-1 is the covariance (Nelson, Taylor and MacGregor 1996).
    `mean` is the squared index of an average complete sample and `freedom` its degrees of freedom (Box 1954),
    from all `dimensions` informative features.
    """

    names: ClassVar[tuple[str, ...]] = (DISTANCE,)

    centre: Floats
    vectors: Floats
    variances: Floats
    spe_limit: float
    mean: float
    freedom: float
    dimensions: int

    @classmethod
    def learn(cls, sample: Sample, whole: Axes, outside: Sequence[Axes]) -> tuple[Self, list[Self]]:
        """Learn from the sample; each fold retains its own components."""
        return cls._from_axes(whole), [cls._from_axes(axes) for axes in outside]

    @classmethod
    def _from_axes(cls, axes: Axes) -> Self:
        descending = axes.values[::-1]
        total = float(descending.sum())
        retained = int(np.searchsorted(np.cumsum(descending), RETAINED * total)) + 1
        retained = min(retained, descending.size)
        left = descending[retained:]
        first, second = float(left.sum()), float((left**2).sum())
        limit = MIN_RESIDUAL_SHARE * (total or 1.0)
        if second > 0.0:
            limit = max(limit, second / first * _chi_squared(first**2 / second))
        vectors = np.ascontiguousarray(axes.vectors[:, ::-1][:, :retained])
        t2_limit = _chi_squared(max(1.0, float(retained)))
        mean = retained / t2_limit + first / limit
        half_variance = retained / t2_limit**2 + second / limit**2
        freedom = mean**2 / half_variance if half_variance > 0.0 else 1.0
        return cls(axes.mean, vectors, descending[:retained].copy(), limit, mean, freedom, axes.dimensions)

    def statistics(self, z: Floats, present: Floats | None = None) -> Floats:
        """The combined index (m, 1) of standardised rows z (m, d)."""
        centred = z - self.centre
        coefficients = centred @ self.vectors
        residual = centred - coefficients @ self.vectors.T
        spe = np.einsum("ij,ij->i", residual, residual)
        coefficients /= np.sqrt(self.variances)
        t2 = np.einsum("ij,ij->i", coefficients, coefficients)
        t2_limit = _chi_squared(max(1.0, float(self.variances.size)))
        index: Floats = np.sqrt(t2 / t2_limit + spe / self.spe_limit)
        incomplete = np.isnan(index)  # a missing cell makes its own row NaN, and no other
        if incomplete.any():
            index[incomplete] = self._marginal(z[incomplete])
        if present is not None:
            index = self._rescaled(index, present)
        return index[:, None]

    def _marginal(self, z: Floats) -> Floats:
        """The index (m,) of rows with missing cells, on the scale of complete ones."""
        t2_limit = _chi_squared(max(1.0, float(self.variances.size)))
        quadratic = Precision(self.vectors, self.variances * t2_limit, self.spe_limit)
        filled = quadratic.expected(z - self.centre)
        index = np.sqrt(np.maximum(np.einsum("ij,ij->i", filled, quadratic.pull(filled)), 0.0))
        present = (self.dimensions - np.isnan(z).sum(axis=1)) / max(1, self.dimensions)
        return self._rescaled(index, present)

    def _rescaled(self, index: Floats, present: Floats) -> Floats:
        """Indices (m,) of a share (m,) of the features on the scale of all."""
        unit = np.sqrt(self.mean / self.freedom) or 1.0
        rescaled: Floats = unit * rescaled_distance(index / unit, self.freedom * present, self.freedom)
        return rescaled

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The detector as named arrays."""
        return {
            "centre": self.centre,
            "vectors": self.vectors,
            "variances": self.variances,
            "spe_limit": np.array([self.spe_limit]),
            "freedom": np.array([self.mean, self.freedom, self.dimensions]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The detector that `to_arrays` stored."""
        vectors, spe_limit = arrays["vectors"], float(arrays["spe_limit"][0])
        if "freedom" in arrays:
            mean, freedom, dimensions = arrays["freedom"].tolist()
        else:  # stored before missing cells could be judged
            dimensions = np.count_nonzero(vectors.any(axis=1))
            retained, left = vectors.shape[1], max(1, dimensions - vectors.shape[1])
            mean = retained / _chi_squared(max(1.0, retained)) + left / _chi_squared(left)
            freedom = max(1.0, dimensions)
        return cls(arrays["centre"], vectors, arrays["variances"], spe_limit, mean, freedom, int(dimensions))


def _chi_squared(freedom: float) -> float:
    """Quantile of the chi-squared distribution at LIMIT_LEVEL, from the incomplete gamma function."""
    from scipy.special import gammaincinv  # imported here because SciPy loads slowly

    return 2.0 * float(gammaincinv(freedom / 2.0, LIMIT_LEVEL))
