"""The statistics of samples, in the order of their sequence and at the resolution of their file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..detectors import Detector, FeatureMahalanobis
from ..resolution import Places, Stretch, evident, steps, stretches
from ..scaling import Scaling
from .sequence import MAX_STEP, SequenceState, present_in_averages, smooth

Floats = NDArray[np.float64]

AVERAGE, NEIGHBOUR, CONSTANT = "average", "neighbour", "constant"
"""Names of statistics, beside those of the detectors: the distance of the moving average, the distance to the
nearest reference of the map, and a constant feature that moved."""

AVERAGE_WEIGHT = 0.2
"""The weight of the newest sample in the moving average that is judged beside single samples."""


MAX_STEP_DEVIATIONS = 2.0
"""A coarser file hides at most steps of this many standard deviations. A sensor that is stuck at 0 has no
digits either, and must not be excused by that."""


@dataclass(frozen=True, slots=True)
class Judge:
    """What is judged of samples: `names` (k,) of statistics of the `detector`, and of those beside it.

    With a `weight`, the moving average is judged: by the detector itself, or by `averaged` beside it.
    `places` (d,) are the decimal places of the baseline's features, empty if they are unknown. `space` tells
    what missing features are expected to be (None: z are positions on the map).
    """

    detector: Detector
    averaged: FeatureMahalanobis | None
    weight: float | None
    names: tuple[str, ...]
    scaling: Scaling
    places: Places
    space: FeatureMahalanobis | None

    def advance(self, samples: Floats, z: Floats, state: SequenceState | None) -> SequenceState:
        """Return the state after samples (m, d), whose detector's input is z (m, .)."""
        return self._follow(samples, z, state)[3]

    def statistics(
        self, samples: Floats, z: Floats, nearest: Floats, state: SequenceState | None
    ) -> tuple[Floats, Floats, SequenceState]:
        """Return the statistics (m, k) of samples (m, d), how far constants moved (m,), and the next state.

        z (m, .) is the detector's input, and `nearest` (m,) the distances to the nearest reference.
        """
        averages, present, parts, after = self._follow(samples, z, state)
        found = np.empty((samples.shape[0], len(self.names)))
        moved = np.zeros(samples.shape[0])
        for part in parts:
            rows = part.rows
            coarser = self._steps(part) if part.coarser.any() else None
            share = present[rows] if present is not None else None
            columns = self._columns(z[rows], averages[rows], share, nearest[rows], coarser)
            found[rows] = np.column_stack(columns)[:, : len(self.names)]
            moved[rows] = self.scaling.moved(samples[rows], coarser).max(axis=1, initial=0.0)
        return found, moved, after

    def _steps(self, part: Stretch) -> Floats:
        """Return the steps (d,) of the features that are coarser than in the baseline; 0 for the others."""
        coarse = np.where(part.coarser, steps(part.places), 0.0)
        most = np.where(self.scaling.dropped, np.inf, MAX_STEP_DEVIATIONS * self.scaling.std)
        return np.minimum(coarse, most)

    def _columns(
        self,
        z: Floats,
        averages: Floats,
        present: Floats | None,
        nearest: Floats,
        coarser: Floats | None,
    ) -> list[Floats]:
        detector, averaged = self.detector, self.averaged
        if coarser is not None:
            rounding = self._rounding(coarser)
            if isinstance(detector, FeatureMahalanobis):
                detector = detector.coarser(rounding)
            averaged = averaged.coarser(rounding) if averaged is not None else None
            hidden = float(((coarser * self.scaling.factor) ** 2).sum()) / 12.0
            nearest = np.sqrt(np.maximum(nearest**2 - hidden, 0.0))
        if averaged is not None:
            columns = [detector.statistics(z), averaged.distances(averages, present)[:, None]]
        else:
            columns = [detector.statistics(averages, present)]  # those of z without a weight
        if NEIGHBOUR in self.names:
            columns.append(nearest[:, None])
        return columns

    def _follow(
        self, samples: Floats, z: Floats, state: SequenceState | None
    ) -> tuple[Floats, Floats | None, list[Stretch], SequenceState]:
        """Return the moving averages of z, what of them is there, stretches, and the state after them.

        The shares (m,) of features that the averages rest on are None if they rest on all. Stretches are rows
        of equal resolution.
        """
        state = state or SequenceState((), 0)
        count, average, seen = state.count + samples.shape[0], state.average, state.places
        averages, present, share = z, None, state.present
        if self.weight is not None:
            gaps = np.isnan(z)
            if self.space is not None and (share < 1.0 or gaps.any()):
                present, share = present_in_averages(self.space.present(gaps), self.weight, share)
            averages, average = self.smoothed(z, self.weight, average)
        if self.places.size:
            before = np.array(seen, dtype=np.int64) if seen else np.zeros_like(self.places)
            found = stretches(samples, self.places, before, state.count)
            seen = tuple((found[-1].places if found else before).tolist())
        else:
            never = np.zeros(samples.shape[1], dtype=np.bool_)
            found = [Stretch(slice(0, samples.shape[0]), self.places, never)]
        return averages, present, found, SequenceState(average, count, seen, share)

    def smoothed(
        self, z: Floats, weight: float, average: tuple[float, ...]
    ) -> tuple[Floats, tuple[float, ...]]:
        """Return the moving averages that are judged of z (m, .), and where the average stands after them."""
        filled = self.space.expected(z) if self.space is not None else z
        return smooth(filled, weight, average, np.inf if self.averaged is None else MAX_STEP)

    def coarser(self, state: SequenceState) -> NDArray[np.bool_]:
        """Tell which features (d,) of a sequence are coarser than in the baseline."""
        if not state.places or not self.places.size:
            return np.zeros(self.scaling.mean.size, dtype=np.bool_)
        return evident(self.places - np.array(state.places, dtype=np.int64), state.count)

    def at_resolution(self, space: FeatureMahalanobis, state: SequenceState | None) -> FeatureMahalanobis:
        """Return a detector in feature space for the samples of a sequence at its resolution."""
        coarser = self.coarser(state) if state is not None else np.zeros(0, dtype=np.bool_)
        if state is None or not coarser.any():
            return space
        part = Stretch(slice(0, 0), np.array(state.places, dtype=np.int64), coarser)
        return space.coarser(self._rounding(self._steps(part)))

    def _rounding(self, coarser: Floats) -> Floats:
        """Return what rounding to steps (d,) adds to the variances (d,) of standardised features."""
        rounding: Floats = (coarser / self.scaling.std) ** 2 / 12.0
        rounding[self.scaling.dropped] = 0.0
        return rounding
