"""What every detector offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from .covariance import Axes, Sample

Floats = NDArray[np.float64]


class Detector(Protocol):
    """A distance from the baseline's normal; learns on the baseline only and never changes.

    A detector reads either the standardised features or the standardised map position (those in `ON_MAP`).
    """

    @property
    def centre(self) -> Floats:
        """The baseline's centre (d,), where a moving average starts."""
        ...

    def distances(self, z: Floats) -> Floats:
        """Distances (m,) of standardised rows z (m, d); finite and not negative."""
        ...

    def to_arrays(self) -> dict[str, Floats]:
        """The detector as named arrays."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> Self:
        """The detector that `to_arrays` described."""
        ...

    @classmethod
    def learn(cls, sample: Sample, whole: Axes, outside: Sequence[Axes]) -> tuple[Self, list[Self]]:
        """The detector of the whole sample, and for each of its blocks the one learnt outside the block."""
        ...
