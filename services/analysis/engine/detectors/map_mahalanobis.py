"""Mahalanobis distance on the map: the visible deviation as a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .base import DISTANCE, Floats
from .covariance import Axes, Sample

REGULARISATION = 1e-6
"""Share of the covariance's trace added to its diagonal (docs/engine.md, "Detection")."""


@dataclass(frozen=True, slots=True)
class MapMahalanobis:
    """`sqrt((p - centre)' C^-1 (p - centre))`, C the regularised covariance of the positions (2, 2)."""

    names: ClassVar[tuple[str, ...]] = (DISTANCE,)

    centre: Floats
    inverse: Floats

    @classmethod
    def learn(cls, sample: Sample, whole: Axes, outside: Sequence[Axes]) -> tuple[Self, list[Self]]:
        """Learn from the positions."""
        return cls._from_axes(whole), [cls._from_axes(axes) for axes in outside]

    @classmethod
    def _from_axes(cls, axes: Axes) -> Self:
        covariance = (axes.vectors * axes.values) @ axes.vectors.T
        # A map of identical samples has no spread; the unit of standardised positions replaces it.
        lift = REGULARISATION * (float(np.trace(covariance)) or 1.0)
        inverse = np.linalg.inv(covariance + lift * np.eye(axes.mean.size))
        return cls(axes.mean, np.asarray(inverse, dtype=np.float64))

    def statistics(self, z: Floats, present: Floats | None = None) -> Floats:
        """The distances (m, 1) of standardised positions z (m, 2)."""
        centred = z - self.centre
        squares = np.einsum("ij,jk,ik->i", centred, self.inverse, centred)
        distance: Floats = np.sqrt(np.maximum(squares, 0.0))
        return distance[:, None]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The detector as named arrays."""
        return {"centre": self.centre, "inverse": self.inverse}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The detector that `to_arrays` stored."""
        return cls(arrays["centre"], arrays["inverse"])
