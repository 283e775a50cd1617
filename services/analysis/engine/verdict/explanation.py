"""Why a sample is an anomaly: the features that explain it, and bands of them.

See docs/engine.md, "Detection".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..detectors import FeatureMahalanobis
from ..map.scaling import LARGEST_VALUE, MIN_SPECTRUM_BINS, Scaling

Floats = NDArray[np.float64]

BAND_WINDOW = 5
"""Bins averaged before bands are looked for, so that a single quiet bin does not cut one in two."""

BAND_CONTRAST = 3.0
"""A band's bins explain at least this many times what an average bin does."""

LEAST_BAND = 3
"""Neighbouring bins that make a band."""


@dataclass(frozen=True, slots=True)
class FeatureShare:
    """One feature's part in a deviation.

    `expected` is the value that would agree with the sample's other features, `observed` the one measured
    (both in the feature's unit), `deviation` their signed difference in baseline standard deviations, and
    `share` its part (0..1) of the drops in squared distance over all features.
    """

    name: str
    expected: float
    observed: float
    deviation: float
    share: float

    def as_dict(self) -> dict[str, Any]:
        """The feature as JSON-able values."""
        return {
            "name": self.name,
            "expected": self.expected,
            "observed": self.observed,
            "deviation": self.deviation,
            "share": self.share,
        }


@dataclass(frozen=True, slots=True)
class BandShare:
    """A run of neighbouring features, its part (0..1), its mean signed deviation and its peak."""

    first: str
    last: str
    share: float
    deviation: float
    peak: str

    def as_dict(self) -> dict[str, Any]:
        """The band as JSON-able values."""
        return {
            "from": self.first,
            "to": self.last,
            "share": self.share,
            "deviation": self.deviation,
            "peak": self.peak,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """The features that explain a deviation, most first, and bands if there are many features."""

    features: tuple[FeatureShare, ...]
    bands: tuple[BandShare, ...]

    def as_dict(self) -> dict[str, Any]:
        """The explanation as JSON-able values, for `anomalies.features`."""
        return {
            "features": [feature.as_dict() for feature in self.features],
            "bands": [band.as_dict() for band in self.bands],
        }


def explain(
    x: Floats, names: Sequence[str], scaling: Scaling, space: FeatureMahalanobis, top: int
) -> list[Explanation]:
    """Explain samples x (k, d) by their `top` features.

    With z the standardised deviation and P the precision, the squared distance would drop by
    (Pz)_j^2 / P_jj if feature j alone took the value z_j - (Pz)_j / P_jj that agrees with the rest.
    """
    from ..map import kernels  # late, like the next: numba takes most of a second to load
    from . import ranking

    k, d = x.shape
    top = min(top, d)
    diagonal = space.precision_diagonal
    correction = space.pull(scaling.standardise(x))
    correction /= diagonal
    correction[:, scaling.dropped] = 0.0
    features, shares = np.empty((k, top), dtype=np.int64), np.empty((k, top))
    bands, parts = np.empty((k, top, 3), dtype=np.int64), np.empty((k, top, 2))
    least = LEAST_BAND if d >= MIN_SPECTRUM_BINS else d + 1  # no bands among a few sensors
    with kernels.parallel(correction.size):
        ranking.rank_features(
            correction, diagonal, BAND_WINDOW, BAND_CONTRAST, least, features, shares, bands, parts
        )
    observed = np.take_along_axis(x, features, axis=1)
    deviations = np.take_along_axis(correction, features, axis=1)
    with np.errstate(over="ignore"):  # beside the wildest values another feature's correction may overflow
        expected = np.clip(observed - deviations * scaling.std[features], -LARGEST_VALUE, LARGEST_VALUE)
    columns = (features, expected, observed, deviations, shares, bands, parts)
    return [
        Explanation(
            tuple(FeatureShare(names[j], *numbers) for j, *numbers in zip(*ranked, strict=True) if j >= 0),
            tuple(
                BandShare(names[first], names[last], weight, mean, names[peak])
                for (first, last, peak), (weight, mean) in zip(runs, weights, strict=True)
                if first >= 0
            ),
        )
        for *ranked, runs, weights in zip(*(column.tolist() for column in columns), strict=True)
    ]
