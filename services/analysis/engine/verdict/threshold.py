"""Derives the limits and the threshold from the baseline's own out-of-sample statistics, and severities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..config import EngineConfig
from ..detectors import Detector
from ..detectors.covariance import Sample
from ..rows import NO_ROWS, Rows, row_chunks
from .sequence import smooth

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

LIMIT_SIGMAS = 3.0
"""At this many standard deviations the statistics are compared: where the default threshold lies."""

MIN_THRESHOLD = 1e-9
"""The distances of a baseline without variance are 0; a positive threshold keeps ratios defined."""

SEVERITIES = ("normal", "low", "medium", "high", "critical")

NOT_JUDGED = "not_judged"
"""What samples of which too much is missing have in place of a severity."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A detector with the limits (k,) of its statistics, and the threshold of the distance made of them.

    `distances` (n,) are the baseline's own out-of-sample distances. `outliers` are the rows excluded from
    learning; their distances come from the detector learnt without them.
    """

    detector: Detector
    limits: Floats
    threshold: float
    distances: Floats
    outliers: Rows


def calibrate(
    kind: type[Detector], sample: Sample, config: EngineConfig, skipped: Rows = NO_ROWS
) -> Calibration:
    """Learn a detector, its limits and its threshold from a baseline, excluding its gross outliers.

    The `skipped` rows are known outliers. Others are found in single samples, since a moving average spreads
    them over the samples that follow.
    """
    kept = sample.without(skipped) if skipped.size else sample
    detector, per_block = _learn(kind, kept)
    raw = _held_out(per_block, kept, None)
    for _ in range(ROUNDS):
        gross = kept.rows[_gross(raw[:, 0], [block.size for block in kept.blocks])]
        removed = sample.rows.size - kept.rows.size + gross.size
        if (
            gross.size == 0
            or removed > MAX_OUTLIER_SHARE * sample.rows.size
            or kept.rows.size - gross.size < 3
        ):
            break
        kept = kept.without(gross)
        detector, per_block = _learn(kind, kept)
        raw = _held_out(per_block, kept, None)
    statistics = raw if config.ewma is None else _held_out(per_block, kept, config.ewma)
    limits = limits_of(statistics)
    held_out = joint_distance(statistics, limits)
    outliers = np.setdiff1d(sample.rows, kept.rows)
    distances = np.empty(sample.rows.size)
    is_out = np.isin(sample.rows, outliers)
    distances[~is_out] = held_out
    if outliers.size:
        distances[is_out] = joint_distance(detector.statistics(sample.take(outliers)), limits)
    return Calibration(detector, limits, threshold_of(held_out, config), distances, outliers)


def limits_of(statistics: Floats) -> Floats:
    """Return the limits (k,) that make statistics (n, k) comparable: mean + 3 standard deviations of each.

    They do not depend on the configured threshold, so neither does the joint distance.
    """
    limits: Floats = statistics.mean(axis=0) + LIMIT_SIGMAS * statistics.std(axis=0, ddof=1)
    return np.maximum(limits, MIN_THRESHOLD)


def joint_distance(statistics: Floats, limits: Floats) -> Floats:
    """Return the distances (m,) of statistics (m, k): the largest share of its limit, in units of the first.

    The threshold is derived from these, so that the statistics together keep the rate of false alarms that
    one alone is asked for.
    """
    used = statistics[:, : limits.size]  # an older model has a limit for the first alone
    distance: Floats = (used * (limits[0] / limits)).max(axis=1)
    return distance


def threshold_of(distances: Floats, config: EngineConfig) -> float:
    """Return mean + `sensitivity` * standard deviation of distances (n,), or the configured quantile."""
    if config.threshold_rule == "quantile":
        threshold = float(np.quantile(distances, config.quantile))
    else:
        threshold = float(distances.mean() + config.sensitivity * distances.std(ddof=1))
    return max(threshold, MIN_THRESHOLD)


def severities(ratio: Floats, bands: Sequence[float]) -> NDArray[np.str_]:
    """Return severity names (m,) for ratios of distance to threshold (m,): `normal` up to 1, then by band.

    A ratio that is not known (NaN) is `not_judged`.
    """
    level = np.searchsorted(np.array(bands), ratio, side="right") + 1
    level[ratio <= 1.0] = 0
    level[np.isnan(ratio)] = len(SEVERITIES)
    return np.array([*SEVERITIES, NOT_JUDGED])[level]


def _learn(kind: type[Detector], sample: Sample) -> tuple[Detector, Sequence[Detector]]:
    """Return the detector of a sample, and for each block the detector learnt without it."""
    whole, outside = sample.learn()
    return kind.learn(sample, whole, outside)


def _held_out(per_block: Sequence[Detector], sample: Sample, weight: float | None) -> Floats:
    """Return the statistics (n, k) of a sample's rows, each block from the detector learnt without it."""
    parts = []
    for detector, block in zip(per_block, sample.blocks, strict=True):
        state = None
        if weight is not None and weight < 1.0:
            # The average starts in the rows before the block; still older rows weigh less than 1e-16 in it.
            before = sample.rows[: np.searchsorted(sample.rows, block[0])]
            memory = int(np.ceil(36.0 / -np.log1p(-weight)))
            _, state = smooth(
                sample.take(before[max(0, before.size - memory) :]), detector.centre, weight, None
            )
        for rows in row_chunks(block.size, sample.width):
            z, state = smooth(sample.take(block[rows]), detector.centre, weight, state)
            parts.append(detector.statistics(z))
    return np.concatenate(parts)


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
