"""Why a sample is an anomaly: the features that explain it, and bands of them (algorithm.md, 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .detectors import FeatureMahalanobis
from .scaling import LARGEST_VALUE, MIN_SPECTRUM_BINS, Scaling

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
    diagonal = space.precision_diagonal()
    correction = space.pull(scaling.standardise(x)) / diagonal
    correction[:, scaling.dropped] = 0.0
    drops = correction**2 * diagonal
    total = drops.sum(axis=1, keepdims=True)
    shares = np.divide(drops, total, out=np.zeros_like(drops), where=total > 0.0)
    with np.errstate(over="ignore"):  # beside the wildest values another feature's correction may overflow
        expected = np.clip(x - correction * scaling.std, -LARGEST_VALUE, LARGEST_VALUE)
    ranked = _largest(shares, min(top, x.shape[1]))
    bands = _bands(shares, correction, names, top)
    return [
        Explanation(
            tuple(
                FeatureShare(
                    names[j],
                    float(expected[i, j]),
                    float(x[i, j]),
                    float(correction[i, j]),
                    float(shares[i, j]),
                )
                for j in order
                if shares[i, j] > 0.0
            ),
            bands[i],
        )
        for i, order in enumerate(ranked.tolist())
    ]


def _largest(shares: Floats, count: int) -> NDArray[np.intp]:
    """Columns (k, count) of each row's largest values, largest first."""
    some = np.argpartition(-shares, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(shares, some, axis=1), axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1)


def _bands(shares: Floats, correction: Floats, names: Sequence[str], top: int) -> list[tuple[BandShare, ...]]:
    """Bands of each row: runs of bins whose moving average stands out."""
    k, d = shares.shape
    if d < MIN_SPECTRUM_BINS:
        return [()] * k
    until = np.pad(np.cumsum(shares, axis=1), ((0, 0), (1, 0)))
    padded = np.pad(until, ((0, 0), (BAND_WINDOW // 2, BAND_WINDOW // 2)), mode="edge")
    moving = (padded[:, BAND_WINDOW:] - padded[:, :-BAND_WINDOW]) / BAND_WINDOW
    marked = np.zeros((k, d + 2), dtype=np.int8)
    marked[:, 1:-1] = (moving > BAND_CONTRAST / d) & (shares > 0.0)
    edges = np.diff(marked, axis=1)
    rows, first = np.nonzero(edges == 1)
    _, last = np.nonzero(edges == -1)
    wide = last - first >= LEAST_BAND
    rows, first, last = rows[wide], first[wide], last[wide]
    weight = until[rows, last] - until[rows, first]
    found: list[list[BandShare]] = [[] for _ in range(k)]
    for band in np.lexsort((-weight, rows)):
        i, start, stop = int(rows[band]), int(first[band]), int(last[band])
        if len(found[i]) < top:
            peak = start + int(shares[i, start:stop].argmax())
            mean = float(correction[i, start:stop].sum()) / (stop - start)
            found[i].append(BandShare(names[start], names[stop - 1], float(weight[band]), mean, names[peak]))
    return [tuple(bands) for bands in found]
