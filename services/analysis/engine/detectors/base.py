"""The interface of all detectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from .covariance import Axes, Sample

Floats = NDArray[np.float64]

DISTANCE, RESIDUAL = "distance", "residual"
"""The names of statistics: the distance from the centre, and the largest conditional residual."""


class Detector(Protocol):
    """Measures the distance from normal. It learns from the baseline alone and is immutable.

    A detector uses either the standardised features or, if it is in `ON_MAP`, the standardised map position.
    """

    names: ClassVar[tuple[str, ...]]
    """The names of the statistics (k)."""

    @property
    def centre(self) -> Floats:
        """The baseline's centre (d,)."""
        ...

    def statistics(self, z: Floats, present: Floats | None = None) -> Floats:
        """The statistics (m, k) of standardised rows z (m, d), non-negative.

        The first is the distance from the centre; each has its own limit. Those of rows with missing cells
        (NaN) are on the scale of complete rows; so are those of moving averages without gaps that rest on the
        share `present` (m,) of the features. Rows without any cell are NaN.
        """
        ...

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The detector as named arrays."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The detector that `to_arrays` stored."""
        ...

    @classmethod
    def learn(cls, sample: Sample, whole: Axes, outside: Sequence[Axes]) -> tuple[Self, list[Self]]:
        """The detector of the whole sample, and for each block the detector learnt without that block."""
        ...
