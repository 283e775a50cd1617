"""Hotelling's T2 in the retained principal components and SPE (Q) outside them, as one distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from .base import Floats
from .covariance import Axes, Sample

RETAINED = 0.9
"""Share of the variance in the retained components; the literature's usual choice."""

LIMIT_LEVEL = 0.99
"""Confidence at which T2 and SPE are made comparable before they are added."""

LEAST_RESIDUAL = 1e-9
"""Share of the total variance that the residual space has at least: without spread it has no limit."""


@dataclass(frozen=True, slots=True)
class T2Spe:
    """The combined index `sqrt(T2/limit_T2 + SPE/limit_SPE)` (Yue and Qin 2001).

    `axes` (d, k) are the retained components with variances `variances` (k,). The limit of T2 is the
    chi-squared quantile with k degrees of freedom, that of SPE Box's (1954) g*chi2(h) from those left.
    """

    centre: Floats
    vectors: Floats
    variances: Floats
    spe_limit: float

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
        limit = LEAST_RESIDUAL * (total or 1.0)
        if second > 0.0:
            limit = max(limit, second / first * _chi_squared(first**2 / second))
        vectors = np.ascontiguousarray(axes.vectors[:, ::-1][:, :retained])
        return cls(axes.mean, vectors, descending[:retained].copy(), limit)

    def distances(self, z: Floats) -> Floats:
        """Combined index (m,) of standardised rows z (m, d)."""
        centred = z - self.centre
        coefficients = centred @ self.vectors
        residual = centred - coefficients @ self.vectors.T
        spe = np.einsum("ij,ij->i", residual, residual)
        coefficients /= np.sqrt(self.variances)
        t2 = np.einsum("ij,ij->i", coefficients, coefficients)
        t2_limit = _chi_squared(max(1.0, float(self.variances.size)))
        index: Floats = np.sqrt(t2 / t2_limit + spe / self.spe_limit)
        return index

    def to_arrays(self) -> dict[str, Floats]:
        """The detector as named arrays."""
        return {
            "centre": self.centre,
            "vectors": self.vectors,
            "variances": self.variances,
            "spe_limit": np.array([self.spe_limit]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> Self:
        """The detector that `to_arrays` described."""
        return cls(arrays["centre"], arrays["vectors"], arrays["variances"], float(arrays["spe_limit"][0]))


def _chi_squared(freedom: float) -> float:
    """Quantile of the chi-squared distribution at LIMIT_LEVEL, through the incomplete gamma function."""
    from scipy.special import gammaincinv  # late: SciPy takes long to load

    return 2.0 * float(gammaincinv(freedom / 2.0, LIMIT_LEVEL))
