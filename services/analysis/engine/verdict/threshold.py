"""Learns detectors with held-out statistics, and derives the limits, the threshold and severities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..config import DEFAULT_FALSE_ALARM_RATE, EngineConfig
from ..detectors import Detector
from ..detectors.covariance import Sample
from ..rows import NO_ROWS, Rows, row_chunks
from .tail import tail_quantile

Floats = NDArray[np.float64]

GROSS_DEVIATION = 8.0
"""Baseline samples that deviate by this many robust standard deviations of the log distance are excluded from
learning. A single one would otherwise raise mean and standard deviation until nothing is ever detected."""

MIN_SPREAD = 0.05
"""A lower bound on the robust standard deviation of the log distance, so that ties do not create outliers."""

MAX_OUTLIER_SHARE = 0.1
"""If more than this share would be outliers, they form a second regime, and none are excluded."""

MIN_BLOCK_ROWS = 5
"""The median of a smaller block is not meaningful; then all distances are judged together."""

ROUNDS = 5
"""Excluding the worst outliers can reveal others that they masked."""

MIN_THRESHOLD = 1e-9
"""The distances of a baseline without variance are 0; a positive threshold keeps ratios defined."""

SEVERITIES = ("normal", "low", "medium", "high", "critical")

NOT_JUDGED = "not_judged"
"""What samples of which too much is missing have in place of a severity."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """A detector of the `kept` rows, and their held-out statistics (n, k); `outliers` are the other rows."""

    detector: Detector
    kept: Sample
    statistics: Floats
    outliers: Rows


@dataclass(frozen=True, slots=True)
class Calibration:
    """The `names` and `limits` (k,) of the statistics, and the threshold of the distance made of them.

    `distances` (n,) are the baseline's own out-of-sample distances. `outliers` are the rows excluded from
    learning; their distances come from what was learnt without them.
    """

    names: tuple[str, ...]
    limits: Floats
    threshold: float
    distances: Floats
    outliers: Rows


def learn(kind: type[Detector], sample: Sample, skipped: Rows = NO_ROWS) -> Learnt:
    """Learn a detector from a baseline without its gross outliers and the `skipped` rows."""
    kept = sample.without(skipped) if skipped.size else sample
    detector, statistics = _learn(kind, kept)
    for _ in range(ROUNDS):
        gross = kept.rows[_gross(statistics[:, 0], [block.size for block in kept.blocks])]
        removed = sample.rows.size - kept.rows.size + gross.size
        if (
            gross.size == 0
            or removed > MAX_OUTLIER_SHARE * sample.rows.size
            or kept.rows.size - gross.size < 3
        ):
            break
        kept = kept.without(gross)
        detector, statistics = _learn(kind, kept)
    return Learnt(detector, kept, statistics, np.setdiff1d(sample.rows, kept.rows))


def learn_from(kind: type[Detector], sample: Sample, outliers: Rows) -> Learnt:
    """Learn a detector from a baseline whose outliers are known already."""
    kept = sample.without(outliers) if outliers.size else sample
    detector, statistics = _learn(kind, kept)
    return Learnt(detector, kept, statistics, outliers)


def calibrate(
    names: tuple[str, ...], statistics: Floats, outliers: Rows, config: EngineConfig, floors: Floats
) -> Calibration:
    """Derive the limits and the threshold from the statistics (n, k) of all baseline samples.

    Those of the `outliers` do not count. No limit is below its floor (k,).
    """
    kept = np.setdiff1d(np.arange(statistics.shape[0]), outliers)
    limits = np.maximum(limits_of(statistics[kept]), floors)
    distances = joint_distance(statistics, limits)
    return Calibration(names, limits, threshold_of(distances[kept], config), distances, outliers)


def limits_of(statistics: Floats) -> Floats:
    """Return the limits (k,) that make statistics (n, k) comparable: where each alone alarms at 0.5 %.

    They do not depend on the configured threshold, so neither does the joint distance.
    """
    limits = [tail_quantile(column, DEFAULT_FALSE_ALARM_RATE) for column in statistics.T]
    return np.array([max(limit, MIN_THRESHOLD) for limit in limits])


def joint_distance(statistics: Floats, limits: Floats) -> Floats:
    """Return the distances (m,) of statistics (m, k): the largest share of its limit, in units of the first.

    The threshold is derived from these, so that the statistics together keep the rate of false alarms that
    one alone is asked for.
    """
    distance: Floats = (statistics * (limits[0] / limits)).max(axis=1)
    return distance


def threshold_of(distances: Floats, config: EngineConfig) -> float:
    """Return the threshold that a configuration asks for, given the baseline's distances (n,).

    That is the distance which the asked share of normal samples exceeds, or else the mean + `sensitivity` *
    standard deviation.
    """
    if config.sensitivity is not None:
        threshold = float(distances.mean() + config.sensitivity * distances.std(ddof=1))
    else:
        threshold = tail_quantile(distances, config.asked_rate or DEFAULT_FALSE_ALARM_RATE)
    return max(threshold, MIN_THRESHOLD)


def severities(ratio: Floats, bands: Sequence[float]) -> NDArray[np.str_]:
    """Return severity names (m,) for ratios of distance to threshold (m,): `normal` up to 1, then by band.

    A ratio that is not known (NaN) is `not_judged`.
    """
    level = np.searchsorted(np.array(bands), ratio, side="right") + 1
    level[ratio <= 1.0] = 0
    level[np.isnan(ratio)] = len(SEVERITIES)
    return np.array([*SEVERITIES, NOT_JUDGED])[level]


def _learn(kind: type[Detector], sample: Sample) -> tuple[Detector, Floats]:
    """Return the detector of a sample, and the statistics (n, k) of its rows from held-out learning.

    The statistics of each block come from the detector learnt without it.
    """
    whole, outside = sample.learn()
    detector, per_block = kind.learn(sample, whole, outside)
    parts = [
        sample.statistics(without, block[rows])
        for without, block in zip(per_block, sample.blocks, strict=True)
        for rows in row_chunks(block.size, sample.width)
    ]
    return detector, np.concatenate(parts)


def _gross(distances: Floats, sizes: Sequence[int]) -> NDArray[np.bool_]:
    """Tell which distances (n,) are gross outliers within their own block (`sizes` in order).

    Outliers of this block took part in the learning of the other blocks' detectors, which shrinks their
    distances.
    """
    level = np.log(np.maximum(distances, MIN_THRESHOLD))
    if min(sizes) >= MIN_BLOCK_ROWS:
        parts = np.split(level, np.cumsum(sizes)[:-1])
        level = np.concatenate([part - np.median(part) for part in parts])
    else:
        level -= np.median(level)
    spread = max(MIN_SPREAD, 1.4826 * float(np.median(np.abs(level))))
    # The worst go first: as long as one of them distorts the detector, lesser ones may only seem gross.
    gross: NDArray[np.bool_] = level > max(GROSS_DEVIATION * spread, 0.5 * float(level.max()))
    return gross
