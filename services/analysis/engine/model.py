"""A fitted baseline: places, scores and explains samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .config import EngineConfig
from .detectors import ON_MAP, Detector, FeatureMahalanobis
from .detectors.base import DISTANCE
from .explaining import Explainer
from .map.projection import Placement, ReferenceMap
from .resolution import Places
from .rows import row_chunks
from .scaling import Scaling, as_samples
from .verdict.explanation import Explanation
from .verdict.judging import AVERAGE, AVERAGE_WEIGHT, CONSTANT, Judge
from .verdict.readiness import BaselineReport
from .verdict.regimes import Regime, learn_regimes
from .verdict.sequence import SequenceState
from .verdict.threshold import joint_distance, severities

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """The verdict on m samples; every array has the shape (m,).

    `x` and `y` are map positions; `misfit` is the placement residual, the remaining cost per reference;
    `distance` comes from the detector, and `ratio` is distance over threshold; `anomaly` tells whether the
    ratio exceeds 1; `severity` is `normal`, `low`, `medium`, `high` or `critical`; `cause` is the statistic
    with the largest share of its limit, which alarms if any does; `coarser` are the features whose values
    have fewer decimal places than in the baseline; `state` continues the sequence in the next chunk. Samples
    of which too much is missing are `not_judged`: their numbers are NaN, they have no cause, and they are
    neither normal nor anomalies.
    """

    x: Floats
    y: Floats
    misfit: Floats
    distance: Floats
    ratio: Floats
    anomaly: NDArray[np.bool_]
    severity: NDArray[np.str_]
    cause: NDArray[np.str_]
    threshold: float
    coarser: tuple[str, ...]
    state: SequenceState

    @property
    def summary(self) -> ScoreSummary:
        """The samples' contribution to the results of the run."""
        judged = self.distance[~np.isnan(self.distance)]
        names, counts = np.unique(self.cause[self.anomaly], return_counts=True)
        return ScoreSummary(
            self.x.size,
            int(self.anomaly.sum()),
            float(judged.max(initial=0.0)),
            self.threshold,
            self.x.size - judged.size,
            dict(zip(names.tolist(), counts.tolist(), strict=True)),
            self.coarser,
        )


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """Counts over scored samples; the summaries of chunks can be merged in any order.

    `causes` counts the anomalies by the statistic that alarmed. `coarser` are the features whose values have
    fewer decimal places than in the baseline, in this chunk and those before it.
    """

    samples: int
    anomaly_count: int
    max_distance: float
    threshold: float
    not_judged: int = 0
    causes: Mapping[str, int] = field(default_factory=dict)
    coarser: tuple[str, ...] = ()

    @property
    def judged(self) -> int:
        """The samples of which enough was there."""
        return self.samples - self.not_judged

    @property
    def anomaly_fraction(self) -> float:
        """The share (0..1) of anomalies among the judged samples."""
        return self.anomaly_count / self.judged if self.judged else 0.0

    @classmethod
    def merge(cls, parts: Iterable[ScoreSummary]) -> Self:
        """Return the summary of all parts together; there must be at least one."""
        summaries = list(parts)
        causes: Counter[str] = Counter()
        for part in summaries:
            causes.update(part.causes)
        with_samples = [part for part in summaries if part.samples] or summaries
        coarser = set.intersection(*(set(part.coarser) for part in with_samples))
        return cls(
            sum(part.samples for part in summaries),
            sum(part.anomaly_count for part in summaries),
            max(part.max_distance for part in summaries),
            summaries[0].threshold,
            sum(part.not_judged for part in summaries),
            dict(sorted(causes.items())),
            tuple(name for name in with_samples[0].coarser if name in coarser),
        )

    def results(self) -> dict[str, Any]:
        """Return `analyses.results` of a monitoring run, without the machine's health."""
        return {
            "samples": self.samples,
            "not_judged": self.not_judged,
            "anomaly_count": self.anomaly_count,
            "anomaly_fraction": self.anomaly_fraction,
            "max_distance": self.max_distance if self.judged else None,
            "threshold": self.threshold,
            "causes": dict(self.causes),
            "coarser_features": list(self.coarser),
        }


@dataclass(frozen=True, slots=True, repr=False)
class BaselineModel:
    """Everything learnt from a baseline of n samples with d features; immutable.

    `coordinates` (n, 2) are its map and `baseline_distances` (n,) its own out-of-sample distances;
    `position_mean` and `position_std` (2,) are the map's centre and spread; new samples are placed among
    `reference`; `detector`, `averaged` (the detector of moving averages, if they are judged beside single
    samples), the `limits` (k,) of the `statistics` and `threshold` decide what is an anomaly, and `space`,
    the detector in feature space, explains it; `space_limit` is the limit of its distance. `places` (d,) are
    the decimal places of the features, empty for models stored before they were known.
    """

    config: EngineConfig
    features: tuple[str, ...]
    scaling: Scaling
    reference: ReferenceMap
    coordinates: Floats
    position_mean: Floats
    position_std: Floats
    detector: Detector
    averaged: FeatureMahalanobis | None
    statistics: tuple[str, ...]
    limits: Floats
    threshold: float
    baseline_distances: Floats
    space: FeatureMahalanobis
    space_limit: float
    places: Places
    cost_per_pair: float
    iterations: int
    trustworthiness: float
    report: BaselineReport
    sensors: tuple[Mapping[str, Any], ...] = ()

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
        return tuple(np.array(self.features, dtype=object)[self.scaling.constant])

    @property
    def absent_features(self) -> tuple[str, ...]:
        """The features of which nothing is known: too much is missing, or their role is `ignored`."""
        return tuple(np.array(self.features, dtype=object)[self.scaling.absent])

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
    def judge(self) -> Judge:
        """What is judged of samples."""
        weight = AVERAGE_WEIGHT if self.averaged is not None else self.config.ewma
        space = None if self.config.detector in ON_MAP else self.space
        return Judge(self.detector, self.averaged, weight, self.statistics, self.scaling, self.places, space)

    @property
    def state_needs_placement(self) -> bool:
        """Whether only placing the samples, the costly part of scoring, yields the state of the sequence."""
        return self.config.ewma is not None and self.config.detector in ON_MAP

    def place(self, x: Floats, *, first_row: int = 0) -> Placement:
        """Place samples x (m, d) on the map, independently of each other: the costly part of `score`.

        Samples of which too much is missing have no place (NaN).
        """
        samples = as_samples(x, self.features, first_row)
        m = samples.shape[0]
        placed = Placement(np.empty((m, 2)), np.empty(m), np.empty(m))
        for rows in row_chunks(*samples.shape):
            part = self.reference.place(self.scaling.apply(samples[rows]))
            judged = self.scaling.judged(samples[rows], self.config.max_missing)
            placed.coordinates[rows] = np.where(judged[:, None], part.coordinates, np.nan)
            placed.misfit[rows] = np.where(judged, part.misfit, np.nan)
            placed.nearest[rows] = part.nearest
        return placed

    def advance(self, x: Floats, state: SequenceState | None = None) -> SequenceState:
        """Return the state of the sequence after samples x (m, d), without scoring them.

        This allows chunks to be scored in parallel: the states are computed in order, which is cheap unless
        the detector works on the map (`state_needs_placement`).
        """
        samples = as_samples(x, self.features)
        placed = self.place(samples) if self.state_needs_placement else None
        judge, z = self.judge, self._observed(samples, placed)
        return judge.advance(samples, z, state)

    def score(self, x: Floats, state: SequenceState | None = None, *, first_row: int = 0) -> Scores:
        """Place and score samples x (m, d), continuing the sequence from `state` (None: it starts here).

        NaN is a missing cell. `first_row` is the number of samples before these, for error messages. Raises
        EngineError naming an infinite value.
        """
        samples = as_samples(x, self.features, first_row)
        placed = self.place(samples, first_row=first_row)
        judge, state = self.judge, state or SequenceState((), 0)
        statistics, moved = np.empty((samples.shape[0], len(self.statistics))), np.empty(samples.shape[0])
        for rows in row_chunks(*samples.shape):
            z = self._observed(samples[rows], placed[rows])
            nearest = placed.nearest[rows]
            statistics[rows], moved[rows], state = judge.statistics(samples[rows], z, nearest, state)
            statistics[rows][~self.scaling.judged(samples[rows], self.config.max_missing)] = np.nan
        distance = joint_distance(statistics, self.limits)
        cause = np.array(self.statistics)[(statistics / self.limits).argmax(axis=1)]
        cause = np.where(self.threshold * moved > distance, CONSTANT, cause)
        cause[np.isnan(distance)] = ""
        distance = np.maximum(distance, self.threshold * moved)
        ratio = distance / self.threshold
        coarser = judge.coarser(state)
        return Scores(
            x=placed.coordinates[:, 0].copy(),
            y=placed.coordinates[:, 1].copy(),
            misfit=placed.misfit,
            distance=distance,
            ratio=ratio,
            anomaly=ratio > 1.0,
            severity=severities(ratio, self.config.severity_bands),
            cause=cause,
            threshold=self.threshold,
            coarser=tuple(name for name, fewer in zip(self.features, coarser, strict=True) if fewer),
            state=state,
        )

    def averages(self, x: Floats, state: SequenceState | None = None) -> Floats | None:
        """Return the standardised moving averages (m, d) of samples x (m, d) that continue from `state`.

        None if no moving average of features is judged.
        """
        judge = self.judge
        if judge.weight is None or self.explainer().averaged is None:
            return None
        z = self.scaling.observed(as_samples(x, self.features), self.config.max_missing)
        return judge.smoothed(z, judge.weight, state.average if state is not None else ())[0]

    def explainer(self, state: SequenceState | None = None) -> Explainer:
        """What explains samples of a sequence, whose `state` tells its resolution."""
        judge, averaged = self.judge, self.averaged
        if self.config.ewma is not None and isinstance(self.detector, FeatureMahalanobis):
            averaged = self.detector
        return Explainer(
            self.features,
            self.scaling,
            judge.at_resolution(self.space, state),
            judge.at_resolution(averaged, state) if averaged is not None else None,
            judge.weight if judge.weight is not None else 1.0,
            self.space_limit,
        )

    def explain(
        self,
        x: Floats,
        top: int = 5,
        *,
        causes: Sequence[str] | None = None,
        averages: Floats | None = None,
        state: SequenceState | None = None,
    ) -> list[Explanation]:
        """Explain samples x (k, d), usually anomalies, by the features without which the rest is as expected.

        At most `top` features are named. `causes` (k) are the statistics that alarmed (None: the distance).
        A sample whose moving average alarmed is explained by it, if the `averages` (k, d) are known. `state`
        is that of their sequence, which tells its resolution.
        """
        samples = as_samples(x, self.features)
        said = list(causes) if causes is not None else [DISTANCE] * samples.shape[0]
        smoothed = [self.averaged is None or cause == AVERAGE for cause in said]
        return self.explainer(state).explain(samples, top, said, averages, np.array(smoothed, dtype=bool))

    def _observed(self, samples: Floats, placed: Placement | None) -> Floats:
        """Return the detector's input for samples (m, d); only detectors on the map need their positions."""
        if placed is None or self.config.detector not in ON_MAP:
            return self.scaling.observed(samples, self.config.max_missing)
        observed: Floats = (placed.coordinates - self.position_mean) / self.position_std
        return observed

    def results(self) -> dict[str, Any]:
        """Return `analyses.results` of a baseline."""
        return {
            "samples": self.coordinates.shape[0],
            "features": len(self.features),
            "dropped_features": list(self.dropped_features),
            "absent_features": list(self.absent_features),
            "scaling": self.scaling.kind,
            "scaling_reason": self.scaling.reason,
            "dmin": self.dmin,
            "dmax": self.dmax,
            "w1": self.w1,
            "cost_per_pair": self.cost_per_pair,
            "iterations": self.iterations,
            "trustworthiness": self.trustworthiness,
            "detector": self.config.detector,
            "statistics": list(self.statistics),
            "threshold": self.threshold,
            "landmarks": self.reference.coordinates.shape[0],
            "readiness": self.report.as_dict(),
            "regimes": [regime.as_dict() for regime in self.regimes()],
            "sensors": list(self.sensors),
            "unused_roles": sorted(set(self.config.roles) - set(self.features)),
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
