"""From the baseline's own out-of-sample distances to a threshold, and from a distance to a severity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..config import EngineConfig
from ..detectors import Detector
from ..detectors.covariance import Rows, Sample
from ..map.scaling import row_chunks
from .sequence import smooth

Floats = NDArray[np.float64]

GROSS = 8.0
"""Baseline samples this many robust standard deviations (of the log distance) off are left out of what is
learnt: one of them would otherwise lift mean and standard deviation until nothing is ever detected."""

LEAST_SPREAD = 0.05
"""The log distance's robust standard deviation is taken to be at least this, so that ties are no outliers."""

MOST_OUTLIERS = 0.1
"""If more than this share seems gross, it is a second regime and not an accident: nothing is left out."""

LEAST_BLOCK = 5
"""Smaller blocks have no median worth the name; then all distances are judged together."""

ROUNDS = 5
"""Leaving out the worst can uncover others it hid."""

LEAST_THRESHOLD = 1e-9
"""A baseline without variance has no distances; its threshold stays positive so that ratios are defined."""

SEVERITIES = ("normal", "low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Calibration:
    """A detector with its threshold.

    `distances` (n,) are the baseline's own, out of sample; `outliers` the rows that were left out of learning
    (their distances are those from the detector learnt without them).
    """

    detector: Detector
    threshold: float
    distances: Floats
    outliers: Rows


def calibrate(kind: type[Detector], sample: Sample, config: EngineConfig) -> Calibration:
    """Learn a detector and its threshold from a baseline, leaving gross outliers of its own out.

    Outliers are judged raw, since a moving average smears one over those that follow it.
    """
    kept = sample
    detector, blind = _learn(kind, kept)
    raw = _held_out(blind, kept, None)
    for _ in range(ROUNDS):
        gross = kept.rows[_gross(raw, [block.size for block in kept.blocks])]
        removed = sample.rows.size - kept.rows.size + gross.size
        if gross.size == 0 or removed > MOST_OUTLIERS * sample.rows.size or kept.rows.size - gross.size < 3:
            break
        kept = kept.without(gross)
        detector, blind = _learn(kind, kept)
        raw = _held_out(blind, kept, None)
    held_out = raw if config.ewma is None else _held_out(blind, kept, config.ewma)
    outliers = np.setdiff1d(sample.rows, kept.rows)
    distances = np.empty(sample.rows.size)
    is_out = np.isin(sample.rows, outliers)
    distances[~is_out] = held_out
    if outliers.size:
        distances[is_out] = detector.distances(sample.take(outliers))
    return Calibration(detector, threshold_of(held_out, config), distances, outliers)


def threshold_of(distances: Floats, config: EngineConfig) -> float:
    """`mean + sensitivity*std` of distances (n,), or their quantile, as the configuration says."""
    if config.threshold_rule == "quantile":
        threshold = float(np.quantile(distances, config.quantile))
    else:
        threshold = float(distances.mean() + config.sensitivity * distances.std(ddof=1))
    return max(threshold, LEAST_THRESHOLD)


def severities(ratio: Floats, bands: Sequence[float]) -> NDArray[np.str_]:
    """Severity names (m,) for ratios distance/threshold (m,): `normal` up to 1, then by the bands."""
    level = np.searchsorted(np.array(bands), ratio, side="right") + 1
    level[ratio <= 1.0] = 0
    return np.array(SEVERITIES)[level]


def _learn(kind: type[Detector], sample: Sample) -> tuple[Detector, Sequence[Detector]]:
    """The detector of a sample, and for each block the one learnt without it."""
    whole, outside = sample.learn()
    return kind.learn(sample, whole, outside)


def _held_out(blind: Sequence[Detector], sample: Sample, weight: float | None) -> Floats:
    """Distances (n,) of a sample's rows, each block by the detector that has not seen it."""
    parts = []
    for detector, block in zip(blind, sample.blocks, strict=True):
        state = None
        if weight is not None and weight < 1.0:
            # The average runs through the rows before the block; older ones weigh below 1e-16 in it.
            before = sample.rows[: np.searchsorted(sample.rows, block[0])]
            memory = int(np.ceil(36.0 / -np.log1p(-weight)))
            _, state = smooth(
                sample.take(before[max(0, before.size - memory) :]), detector.centre, weight, None
            )
        for rows in row_chunks(block.size, sample.width):
            z, state = smooth(sample.take(block[rows]), detector.centre, weight, state)
            parts.append(detector.distances(z))
    return np.concatenate(parts)


def _gross(distances: Floats, sizes: Sequence[int]) -> NDArray[np.bool_]:
    """Which distances (n,) are gross, each judged beside its own block (`sizes` in order).

    The other blocks were learnt with what may be an outlier of this one, which squeezes their distances.
    """
    level = np.log(np.maximum(distances, LEAST_THRESHOLD))
    if min(sizes) >= LEAST_BLOCK:
        parts = np.split(level, np.cumsum(sizes)[:-1])
        level = np.concatenate([part - np.median(part) for part in parts])
    else:
        level -= np.median(level)
    spread = max(LEAST_SPREAD, 1.4826 * float(np.median(np.abs(level))))
    # The worst go first: while one of them shapes what is learnt, lesser ones may only seem gross.
    gross: NDArray[np.bool_] = level > max(GROSS * spread, 0.5 * float(level.max()))
    return gross
