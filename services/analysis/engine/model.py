"""A fitted baseline: places, scores and explains samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .config import EngineConfig
from .detectors import ON_MAP, Detector, FeatureMahalanobis
from .map.projection import Placement, ReferenceMap
from .rows import row_chunks
from .scaling import Scaling, as_samples
from .verdict.explanation import Explanation, explain
from .verdict.readiness import BaselineReport
from .verdict.regimes import Regime, learn_regimes
from .verdict.sequence import SequenceState, smooth
from .verdict.threshold import joint_distance, severities

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """The verdict on m samples; every array has the shape (m,).

    `x` and `y` are map positions; `misfit` is the placement residual, the remaining cost per reference;
    `distance` comes from the detector, and `ratio` is distance over threshold; `anomaly` tells whether the
    ratio exceeds 1; `severity` is `normal`, `low`, `medium`, `high` or `critical`; `state` continues the
    sequence in the next chunk.
    """

    x: Floats
    y: Floats
    misfit: Floats
    distance: Floats
    ratio: Floats
    anomaly: NDArray[np.bool_]
    severity: NDArray[np.str_]
    threshold: float
    state: SequenceState

    @property
    def summary(self) -> ScoreSummary:
        """The samples' contribution to the results of the run."""
        return ScoreSummary(
            self.x.size, int(self.anomaly.sum()), float(self.distance.max(initial=0.0)), self.threshold
        )


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """Counts over scored samples; the summaries of chunks can be merged in any order."""

    samples: int
    anomaly_count: int
    max_distance: float
    threshold: float

    @property
    def anomaly_fraction(self) -> float:
        """The share (0..1) of anomalies."""
        return self.anomaly_count / self.samples if self.samples else 0.0

    @classmethod
    def merge(cls, parts: Iterable[ScoreSummary]) -> Self:
        """Return the summary of all parts together; there must be at least one."""
        summaries = list(parts)
        return cls(
            sum(part.samples for part in summaries),
            sum(part.anomaly_count for part in summaries),
            max(part.max_distance for part in summaries),
            summaries[0].threshold,
        )

    def results(self) -> dict[str, Any]:
        """Return `analyses.results` of a monitoring run, without the machine's health."""
        return {
            "samples": self.samples,
            "anomaly_count": self.anomaly_count,
            "anomaly_fraction": self.anomaly_fraction,
            "max_distance": self.max_distance,
            "threshold": self.threshold,
        }


@dataclass(frozen=True, slots=True, repr=False)
class BaselineModel:
    """Everything learnt from a baseline of n samples with d features; immutable.

    `coordinates` (n, 2) are its map and `baseline_distances` (n,) its own out-of-sample distances;
    `position_mean` and `position_std` (2,) are the map's centre and spread; new samples are placed among
    `reference`; `detector`, the `limits` (k,) of its statistics and `threshold` decide what is an anomaly,
    and `space`, the detector in feature space, explains it; `space_limit` is the limit of its distance.
    """

    config: EngineConfig
    features: tuple[str, ...]
    scaling: Scaling
    reference: ReferenceMap
    coordinates: Floats
    position_mean: Floats
    position_std: Floats
    detector: Detector
    limits: Floats
    threshold: float
    baseline_distances: Floats
    space: FeatureMahalanobis
    space_limit: float
    cost_per_pair: float
    iterations: int
    trustworthiness: float
    report: BaselineReport

    def __repr__(self) -> str:
        n, d = self.coordinates.shape[0], len(self.features)
        return f"BaselineModel({n} samples, {d} features, {self.config.detector})"

    @property
    def mean(self) -> Floats:
        """The mean of each feature (d,)."""
        return self.scaling.mean

    @property
    def std(self) -> Floats:
        """The standard deviation of each feature (d,); 1 for constant ones."""
        return self.scaling.std

    @property
    def dropped_features(self) -> tuple[str, ...]:
        """The constant features: the map ignores them, and they are anomalies once they move."""
        return tuple(name for name, drop in zip(self.features, self.scaling.dropped, strict=True) if drop)

    @property
    def dmin(self) -> float:
        """The smallest positive distance between references, in the unit of the (scaled) features."""
        return self.reference.range.low * self.scaling.unit

    @property
    def dmax(self) -> float:
        """The largest distance between references, in the unit of the (scaled) features."""
        return self.reference.range.high * self.scaling.unit

    @property
    def w1(self) -> float:
        """The width of the local term."""
        return self.reference.similarity.w1

    @property
    def state_needs_placement(self) -> bool:
        """Whether only placing the samples, the costly part of scoring, yields the state of the sequence."""
        return self.config.ewma is not None and self.config.detector in ON_MAP

    def place(self, x: Floats, *, first_row: int = 0) -> Placement:
        """Place samples x (m, d) on the map, independently of each other: the costly part of `score`."""
        samples = as_samples(x, self.features, first_row)
        coordinates, misfit = np.empty((samples.shape[0], 2)), np.empty(samples.shape[0])
        for rows in row_chunks(*samples.shape):
            part = self.reference.place(self.scaling.apply(samples[rows]))
            coordinates[rows], misfit[rows] = part.coordinates, part.misfit
        return Placement(coordinates, misfit)

    def advance(self, x: Floats, state: SequenceState | None = None) -> SequenceState:
        """Return the state of the sequence after samples x (m, d), without scoring them.

        This allows chunks to be scored in parallel: the states are computed in order, which is cheap unless
        the detector works on the map (`state_needs_placement`).
        """
        samples = as_samples(x, self.features)
        if self.config.ewma is None:
            return SequenceState((), (state.count if state is not None else 0) + samples.shape[0])
        placed = self.place(samples) if self.state_needs_placement else None
        return smooth(self._observed(samples, placed), self.detector.centre, self.config.ewma, state)[1]

    def score(self, x: Floats, state: SequenceState | None = None, *, first_row: int = 0) -> Scores:
        """Place and score samples x (m, d), continuing the sequence from `state` (None: it starts here).

        `first_row` is the number of samples before these, for error messages. Raises EngineError naming a
        value that is not a finite number.
        """
        samples = as_samples(x, self.features, first_row)
        placed = self.place(samples, first_row=first_row)
        distance = np.empty(samples.shape[0])
        for rows in row_chunks(*samples.shape):
            part = Placement(placed.coordinates[rows], placed.misfit[rows])
            z, state = smooth(
                self._observed(samples[rows], part), self.detector.centre, self.config.ewma, state
            )
            distance[rows] = self._distances(z, samples[rows])
        ratio = distance / self.threshold
        return Scores(
            x=placed.coordinates[:, 0].copy(),
            y=placed.coordinates[:, 1].copy(),
            misfit=placed.misfit,
            distance=distance,
            ratio=ratio,
            anomaly=ratio > 1.0,
            severity=severities(ratio, self.config.severity_bands),
            threshold=self.threshold,
            state=state if state is not None else SequenceState((), 0),
        )

    def _distances(self, z: Floats, samples: Floats) -> Floats:
        """Return the distances (m,) of the detector's input z and of constant features that moved."""
        distance = joint_distance(self.detector.statistics(z), self.limits)
        moved = self.scaling.moved(samples)
        if moved.shape[1]:
            np.maximum(distance, self.threshold * moved.max(axis=1), out=distance)
        return distance

    def explain(self, x: Floats, top: int = 5) -> list[Explanation]:
        """Explain samples x (k, d), usually anomalies, by the features that deviate most from the others."""
        samples = as_samples(x, self.features)
        explanations: list[Explanation] = []
        for rows in row_chunks(*samples.shape):
            explanations += explain(
                samples[rows], self.features, self.scaling, self.space, self.space_limit, top
            )
        return explanations

    def _observed(self, samples: Floats, placed: Placement | None) -> Floats:
        """Return the detector's input for samples (m, d); only detectors on the map need their positions."""
        if placed is None or self.config.detector not in ON_MAP:
            return self.scaling.standardise(samples)
        observed: Floats = (placed.coordinates - self.position_mean) / self.position_std
        return observed

    def results(self) -> dict[str, Any]:
        """Return `analyses.results` of a baseline."""
        return {
            "samples": self.coordinates.shape[0],
            "features": len(self.features),
            "dropped_features": list(self.dropped_features),
            "scaling": self.scaling.kind,
            "scaling_reason": self.scaling.reason,
            "dmin": self.dmin,
            "dmax": self.dmax,
            "w1": self.w1,
            "cost_per_pair": self.cost_per_pair,
            "iterations": self.iterations,
            "trustworthiness": self.trustworthiness,
            "detector": self.config.detector,
            "threshold": self.threshold,
            "landmarks": self.reference.coordinates.shape[0],
            "readiness": self.report.as_dict(),
            "regimes": [regime.as_dict() for regime in self.regimes()],
        }

    def regimes(self) -> tuple[Regime, ...]:
        """Return the baseline's regimes, with the level of the detector's distance in each."""
        outliers = [sample - 1 for sample in self.report.outliers]
        return learn_regimes(
            self.reference.features,
            self.reference.coordinates,
            self.coordinates,
            self.baseline_distances,
            outliers,
        )
