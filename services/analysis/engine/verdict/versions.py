"""Compares two baselines of a machine: what moved between them, and how each judges the other's samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..model import BaselineModel, ScoreSummary

Floats = NDArray[np.float64]

MOVED_LEVEL = 1.0
"""A sensor has moved when its mean differs by a standard deviation of the older baseline: only a sixth of its
samples lay as far out on that side."""

MIN_SENSOR_SHIFT, MAX_MOVED = 0.5, 5
"""Of a machine that has changed, sensors that are named, and how far they must have moved."""

MOVED_SPREAD = 2.0
"""Or when its standard deviation has doubled or halved."""


@dataclass(frozen=True, slots=True)
class SensorShift:
    """How a sensor differs between two baselines.

    `level` is the difference of the means in standard deviations of the older baseline, `spread` the ratio of
    the standard deviations (newer to older). Both are None if it was constant in the older one, which has no
    standard deviation then.
    """

    name: str
    older_mean: float
    newer_mean: float
    level: float | None
    spread: float | None
    moved: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """`shifts` are those of common features, the largest first; `added` and `removed` name the others."""

    shifts: tuple[SensorShift, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


def compare(older: BaselineModel, newer: BaselineModel) -> Comparison:
    """Compare level and spread of the features of two baselines."""
    places = {name: index for index, name in enumerate(newer.features)}
    shifts = [
        _shift(name, older, index, newer, places[name])
        for index, name in enumerate(older.features)
        if name in places
    ]
    known = set(older.features)
    return Comparison(
        tuple(sorted(shifts, key=_size, reverse=True)),
        tuple(name for name in newer.features if name not in known),
        tuple(name for name in older.features if name not in places),
    )


def judge(model: BaselineModel, parts: Iterable[Floats]) -> tuple[ScoreSummary, float]:
    """Score samples of another baseline, in parts (m, d) that are sequences of their own.

    Returns their summary and the median of their ratios. There must be at least one sample.
    """
    scores = [model.score(part) for part in parts]
    ratios = np.concatenate([part.ratio for part in scores])
    return ScoreSummary.merge(part.summary for part in scores), float(np.nanmedian(ratios))


def moved_sensors(model: BaselineModel, x: Floats, top: int = MAX_MOVED) -> list[tuple[str, float]]:
    """Return the features whose median in samples x (m, d) is farthest from the baseline's mean.

    Their levels are in standard deviations of the baseline, and at least `MIN_SENSOR_SHIFT`.
    """
    z = model.scaling.standardise(np.ascontiguousarray(x, dtype=np.float64))
    known = np.isfinite(z).any(axis=0)
    level = np.zeros(z.shape[1])
    level[known] = np.nanmedian(z[:, known], axis=0)
    order = np.argsort(-np.abs(level), kind="stable")[:top]
    return [(model.features[i], float(level[i])) for i in order if abs(level[i]) >= MIN_SENSOR_SHIFT]


def spread_starts(samples: int, chunk: int, parts: int) -> Sequence[int]:
    """Return where `parts` chunks begin that are spread evenly over a number of samples."""
    last = max(0, samples - chunk)
    return sorted({round(last * part / max(1, parts - 1)) for part in range(parts)})


def _shift(name: str, older: BaselineModel, i: int, newer: BaselineModel, j: int) -> SensorShift:
    before, now = float(older.mean[i]), float(newer.mean[j])
    steady = bool(newer.scaling.dropped[j])
    if older.scaling.dropped[i]:
        return SensorShift(name, before, now, None, None, moved=not steady or now != before)
    level = (now - before) / float(older.std[i])
    spread = 0.0 if steady else float(newer.std[j] / older.std[i])
    moved = abs(level) >= MOVED_LEVEL or not 1.0 / MOVED_SPREAD < spread < MOVED_SPREAD
    return SensorShift(name, before, now, level, spread, moved)


def _size(shift: SensorShift) -> float:
    """How much a sensor moved, so that a doubled spread counts as one standard deviation."""
    if shift.level is None or shift.spread is None:
        return float("inf") if shift.moved else 0.0
    doublings = abs(np.log2(shift.spread)) if shift.spread > 0.0 else float("inf")
    return max(abs(shift.level), float(doublings))
