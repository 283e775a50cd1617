"""Explains why a sample is an anomaly, by features and bands of features.

See docs/engine.md, "Detection".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..detectors import FeatureMahalanobis
from ..detectors.base import DISTANCE
from ..scaling import MAX_VALUE, MIN_SPECTRUM_BINS, Scaling
from .attribution import attribute, without_missing

Floats = NDArray[np.float64]

MIN_SQUARE = 1e-300
"""A lower bound on the squared distance of which shares are computed."""

BAND_WINDOW = 5
"""The window of the moving average over bins, so that a single quiet bin does not split a band."""

BAND_CONTRAST = 3.0
"""The bins of a band explain at least this many times as much as the average bin."""

MIN_BAND_BINS = 3
"""The minimum number of neighbouring bins in a band."""


@dataclass(frozen=True, slots=True)
class FeatureShare:
    """A feature's contribution to a deviation.

    `observed` is the measured value and `expected` the value that would agree with the features that are not
    part of the explanation, both in the feature's unit; `deviation` is their signed difference in baseline
    standard deviations; `share` is the feature's part (0..1) of the sample's squared distance.
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
    """A run of neighbouring features with its mean signed deviation and its peak.

    `share` (0..1) is its part of the sum of all features' drops, each feature judged alone.
    """

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
    """The features that explain a deviation together, strongest first; bands if there are many features.

    `cause` is the statistic that alarmed.
    """

    features: tuple[FeatureShare, ...]
    bands: tuple[BandShare, ...]
    cause: str = DISTANCE

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as JSON-serialisable values, for `anomalies.features`."""
        return {
            "cause": self.cause,
            "features": [feature.as_dict() for feature in self.features],
            "bands": [band.as_dict() for band in self.bands],
        }


@dataclass(frozen=True, slots=True)
class Space:
    """Where samples are explained: the `detector`, the limit of its distance, and the unit of its deviations.

    Standardised deviations times `unit` are baseline standard deviations.
    """

    detector: FeatureMahalanobis
    limit: float
    unit: float = 1.0


def explain(
    x: Floats, z: Floats, names: Sequence[str], scaling: Scaling, space: Space, top: int
) -> list[Explanation]:
    """Explain samples x (k, d), whose standardised values are z, by at most `top` features each.

    The features are those without which the rest of the sample is as expected (see `attribute`). A missing
    value (NaN) is never named. A constant feature that moved counts with the distance that it alone gives,
    the limit times its ratio; its deviation is in steps of its resolution.
    """
    explanations: list[Explanation | None] = [None] * x.shape[0]
    for rows, missing in _patterns(np.isnan(x)):
        explained = _explain_alike(x[rows], z[rows], missing, names, scaling, space, top)
        for row, explanation in zip(rows.tolist(), explained, strict=True):
            explanations[row] = explanation
    return [explanation for explanation in explanations if explanation is not None]


def _patterns(missing: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.bool_]]]:
    """Yield the rows of `missing` (k, d) that are alike together, with what they miss (d,)."""
    if not missing.any():
        yield np.arange(missing.shape[0]), np.zeros(missing.shape[1], dtype=bool)
        return
    patterns, group = np.unique(missing, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        yield np.flatnonzero(group.ravel() == number), pattern


def _explain_alike(
    x: Floats,
    z: Floats,
    missing: NDArray[np.bool_],
    names: Sequence[str],
    scaling: Scaling,
    space: Space,
    top: int,
) -> Iterator[Explanation]:
    """Explain samples x (k, d) with standardised values z that all miss the same features (d,)."""
    detector = space.detector
    if missing.any():
        z = np.where(missing, detector.centre, z)
    pull, diagonal, given = without_missing(detector, detector.pull(z), missing)
    squares = np.einsum("ij,ij->i", z - detector.centre, pull)
    known = np.where(missing, np.nan, z) if detector.context.size else z
    squares = detector.given_context(squares, known)
    moved = scaling.constant & ~missing
    if moved.any():
        gap = x[:, moved] - scaling.mean[moved]
        alone = space.limit * scaling.moved(x)[:, ~missing[scaling.constant]]
        pull[:, moved] = np.sign(gap) * alone * np.sqrt(diagonal[moved])
        squares += np.einsum("ij,ij->i", alone, alone)
    judged = ~missing & ~scaling.context & ~scaling.absent
    pull[:, ~judged] = 0.0
    found = attribute(detector, pull, diagonal, given, squares, judged, top)
    bands, parts = _bands(pull, diagonal, top)
    features, corrections = found.features, space.unit * found.corrections
    observed = np.take_along_axis(x, features, axis=1)
    with np.errstate(over="ignore"):  # corrections next to extreme values may overflow
        expected = np.clip(observed - corrections * scaling.std[features], -MAX_VALUE, MAX_VALUE)
    constant = scaling.constant[features]
    expected = np.where(constant, scaling.mean[features], expected)
    steps = (observed - scaling.mean[features]) / scaling.resolution[features]
    deviations = np.where(constant, steps, corrections)
    shares = np.minimum(found.drops / np.maximum(squares, MIN_SQUARE)[:, None], 1.0)
    columns = (features, expected, observed, deviations, shares, bands, parts)
    for *ranked, runs, weights in zip(*(column.tolist() for column in columns), strict=True):
        yield Explanation(
            tuple(FeatureShare(names[j], *numbers) for j, *numbers in zip(*ranked, strict=True) if j >= 0),
            tuple(
                BandShare(names[first], names[last], weight, mean, names[peak])
                for (first, last, peak), (weight, mean) in zip(runs, weights, strict=True)
                if first >= 0
            ),
        )


def _bands(pull: Floats, diagonal: Floats, top: int) -> tuple[NDArray[np.int64], Floats]:
    """Find at most `top` bands of samples with P z = `pull` (k, d): see `ranking.find_bands`."""
    k, d = pull.shape
    bands, parts = np.full((k, top, 3), -1, dtype=np.int64), np.zeros((k, top, 2))
    if d >= MIN_SPECTRUM_BINS:  # a few sensors have no bands
        from .. import kernels  # imported here because numba takes most of a second to load
        from . import ranking

        correction = np.divide(pull, diagonal, out=np.zeros_like(pull), where=diagonal > 0.0)
        with kernels.parallel(correction.size):
            ranking.find_bands(correction, diagonal, BAND_WINDOW, BAND_CONTRAST, MIN_BAND_BINS, bands, parts)
    return bands, parts
