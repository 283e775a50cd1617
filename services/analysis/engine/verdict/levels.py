"""Levels: what remains of the distances of samples, to tell drift by, and to join the runs of years.

A level is a distance in standard deviations of the baseline's own held-out distances, with its mean as 0, so
that a run's own threshold does not change it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

MAX_POINTS = 64
"""Points that remain of a run, for two kilobytes: enough to see when something changed in it."""

MAX_GROUPS = 120
"""Groups that a history is averaged into: the fit compares every pair of them."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Parallel columns (p,): the time of the first sample (in any unit), samples, their median and spread.

    The spread is a robust standard deviation; it is 0 for points of one sample.
    """

    at: Times
    samples: NDArray[np.int64]
    level: Floats
    spread: Floats


def standardise(distances: Floats, own: Floats) -> Floats:
    """Return distances (m,) in standard deviations of the baseline's own held-out distances (n,)."""
    spread = float(own.std(ddof=1)) if own.size > 1 else 0.0
    standard: Floats = (distances - own.mean()) / (spread or max(float(own.mean()), 1e-9))
    return standard


def drift_levels(at: Times, standard: Floats, max_points: int = MAX_POINTS) -> Levels:
    """Return the levels of samples (m,) with times (m,) in at most `max_points` parts of equal size.

    Samples that could not be judged (NaN) do not count.
    """
    judged = np.isfinite(standard)
    order = np.argsort(at[judged], kind="stable")
    times, values = at[judged][order], standard[judged][order]
    if values.size == 0:
        return join_levels(())
    parts = np.array_split(np.arange(values.size), min(max_points, values.size))
    middle = np.array([np.median(values[part]) for part in parts])
    spread = [1.4826 * np.median(np.abs(values[part] - m)) for part, m in zip(parts, middle, strict=True)]
    return Levels(
        np.array([times[part[0]] for part in parts]),
        np.array([part.size for part in parts], dtype=np.int64),
        middle,
        np.array(spread),
    )


def join_levels(parts: Iterable[Levels]) -> Levels:
    """Return all points in the order of their times; of points that are equal in all, one is kept.

    So the same samples, uploaded twice, count once.
    """
    every = [Levels(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0)), *parts]
    columns = [
        np.concatenate([getattr(part, name) for part in every])
        for name in ("at", "samples", "level", "spread")
    ]
    order = np.lexsort(columns[::-1])
    same = np.ones(max(0, order.size - 1), dtype=bool)
    for column in columns:
        same &= column[order][1:] == column[order][:-1]
    kept = order[np.append(True, ~same)[: order.size]]
    at, samples, level, spread = (column[kept] for column in columns)
    return Levels(at, samples, level, spread)


def grouped(history: Levels) -> Levels:
    """Join neighbouring points (p,) to at most `MAX_GROUPS` groups of about equal size."""
    if history.level.size <= MAX_GROUPS:
        return Levels(history.at, history.samples, _smooth(history.level), history.spread)
    ends = np.cumsum(history.samples)
    keys = np.minimum((ends - 1) * MAX_GROUPS // int(ends[-1]), MAX_GROUPS - 1)
    starts = np.flatnonzero(np.append(True, np.diff(keys) != 0))
    parts = np.split(np.arange(keys.size), starts[1:])
    level = np.array([np.median(history.level[part]) for part in parts])
    within = np.array([np.median(history.spread[part]) for part in parts])
    off = [np.median(np.abs(history.level[part] - m)) for part, m in zip(parts, level, strict=True)]
    spread = np.hypot(within, 1.4826 * np.array(off))
    return Levels(history.at[starts], np.add.reduceat(history.samples, starts), _smooth(level), spread)


def _smooth(level: Floats) -> Floats:
    """The running median of three: one group of errors is no change."""
    if level.size < 3:
        return level
    inner = np.median(np.stack([level[:-2], level[1:-1], level[2:]]), axis=0)
    smoothed: Floats = np.concatenate((level[:1], inner, level[-1:]))
    return smoothed
