"""Explains why a sample is an anomaly, by features and bands of features.

See docs/engine.md, "Detection".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..detectors import FeatureMahalanobis
from ..scaling import MAX_VALUE, MIN_SPECTRUM_BINS, Scaling

Floats = NDArray[np.float64]

BAND_WINDOW = 5
"""The window of the moving average over bins, so that a single quiet bin does not split a band."""

BAND_CONTRAST = 3.0
"""The bins of a band explain at least this many times as much as the average bin."""

MIN_BAND_BINS = 3
"""The minimum number of neighbouring bins in a band."""


@dataclass(frozen=True, slots=True)
class FeatureShare:
    """A feature's contribution to a deviation.

    `observed` is the measured value and `expected` the value that would agree with the sample's other
    features, both in the feature's unit; `deviation` is their signed difference in baseline standard
    deviations; `share` is the feature's part (0..1) of the sum of all features' drops in squared distance.
    """

    name: str
    expected: float
    observed: float
    deviation: float
    share: float

    def as_dict(self) -> dict[str, Any]:
        """Return the feature as JSON-serialisable values."""
        return {
            "name": self.name,
            "expected": self.expected,
            "observed": self.observed,
            "deviation": self.deviation,
            "share": self.share,
        }


@dataclass(frozen=True, slots=True)
class BandShare:
    """A run of neighbouring features with its share (0..1), its mean signed deviation and its peak."""

    first: str
    last: str
    share: float
    deviation: float
    peak: str

    def as_dict(self) -> dict[str, Any]:
        """Return the band as JSON-serialisable values."""
        return {
            "from": self.first,
            "to": self.last,
            "share": self.share,
            "deviation": self.deviation,
            "peak": self.peak,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """The features that explain a deviation, strongest first, and bands if there are many features."""

    features: tuple[FeatureShare, ...]
    bands: tuple[BandShare, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as JSON-serialisable values, for `anomalies.features`."""
        return {
            "features": [feature.as_dict() for feature in self.features],
            "bands": [band.as_dict() for band in self.bands],
        }


def explain(
    x: Floats, names: Sequence[str], scaling: Scaling, space: FeatureMahalanobis, limit: float, top: int
) -> list[Explanation]:
    """Explain samples x (k, d) by their `top` features.

    With the standardised deviation z and the precision matrix P, the squared distance would drop by
    (Pz)_j^2 / P_jj if feature j took the value z_j - (Pz)_j / P_jj, which agrees with the other features.
    A constant feature that moved counts with the distance that it alone gives, `limit` times its ratio;
    its deviation is in steps of its resolution.
    """
    from .. import kernels  # imported here because numba takes most of a second to load
    from . import ranking

    k, d = x.shape
    top = min(top, d)
    diagonal = space.precision_diagonal
    correction = space.pull(scaling.standardise(x))
    correction /= diagonal
    correction[:, scaling.dropped] = 0.0
    if scaling.dropped.any():
        gap = x[:, scaling.dropped] - scaling.mean[scaling.dropped]
        alone = limit * scaling.moved(x) / np.sqrt(diagonal[scaling.dropped])
        correction[:, scaling.dropped] = np.sign(gap) * alone
    features, shares = np.empty((k, top), dtype=np.int64), np.empty((k, top))
    bands, parts = np.empty((k, top, 3), dtype=np.int64), np.empty((k, top, 2))
    min_bins = MIN_BAND_BINS if d >= MIN_SPECTRUM_BINS else d + 1  # a few sensors have no bands
    with kernels.parallel(correction.size):
        ranking.rank_features(
            correction, diagonal, BAND_WINDOW, BAND_CONTRAST, min_bins, features, shares, bands, parts
        )
    observed = np.take_along_axis(x, features, axis=1)
    deviations = np.take_along_axis(correction, features, axis=1)
    with np.errstate(over="ignore"):  # corrections next to extreme values may overflow
        expected = np.clip(observed - deviations * scaling.std[features], -MAX_VALUE, MAX_VALUE)
    constant = scaling.dropped[features]
    expected = np.where(constant, scaling.mean[features], expected)
    steps = (observed - scaling.mean[features]) / scaling.resolution[features]
    deviations = np.where(constant, steps, deviations)
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
