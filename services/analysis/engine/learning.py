"""Learning the statistics by which samples are judged, from a baseline that is prepared and mapped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .completion import Completed, expectations
from .config import EngineConfig
from .detectors import DETECTORS, ON_MAP, Detector, FeatureMahalanobis
from .detectors.covariance import Sample
from .map.nearest import held_out_nearest
from .map.projection import ReferenceMap
from .preparation import Prepared
from .resolution import Places, steps
from .rows import Rows, Table
from .verdict.judging import AVERAGE, AVERAGE_WEIGHT, NEIGHBOUR
from .verdict.memory import Memory, slowest
from .verdict.readiness import MIN_EFFECTIVE_SAMPLES
from .verdict.sequence import MAX_STEP, averages
from .verdict.threshold import Learnt, learn, learn_from

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mapped:
    """The map of a baseline: its references, their rows, and the positions (n, 2) of all samples.

    Positions are judged in units of `std` (2,) from `mean` (2,).
    """

    reference: ReferenceMap
    landmarks: Rows
    coordinates: Floats
    mean: Floats
    std: Floats

    @classmethod
    def of(cls, reference: ReferenceMap, landmarks: Rows, coordinates: Floats, skipped: Rows) -> Mapped:
        """Measure how far positions spread; the skipped rows do not count."""
        normal = np.delete(coordinates, skipped, axis=0)
        mean, std = normal.mean(axis=0), normal.std(axis=0, ddof=1)
        # An axis without spread has a standard deviation of 0; positions along it keep their own unit.
        return cls(reference, landmarks, coordinates, mean, np.where(std > 0.0, std, 1.0))

    def positions(self, rows: Rows) -> Floats:
        """The standardised positions (m, 2) of some rows."""
        standard: Floats = (self.coordinates[rows] - self.mean) / self.std
        return standard


@dataclass(slots=True)
class Statistics:
    """The statistics of a baseline's samples: a block of columns of each detector, with names and floors."""

    names: list[str] = field(default_factory=list)
    columns: list[Floats] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)

    def add(self, names: list[str], columns: Floats, floor: float = 0.0) -> None:
        """Add columns (n, k) of the k names. No statistic counts below its floor."""
        self.names += names
        self.columns.append(columns)
        self.floors += [floor] * len(names)


@dataclass(frozen=True, slots=True)
class Judges:
    """What was learnt: the detector asked for, the one in feature space, and that of moving averages."""

    used: Learnt
    space: Learnt
    averaged: Learnt | None
    statistics: Statistics
    memory: Memory

    @property
    def in_space(self) -> FeatureMahalanobis:
        """The detector that explains."""
        return feature_detector(self.space.detector)


def learn_judges(
    samples: Floats,
    prepared: Prepared,
    mapped: Mapped,
    places: Places,
    config: EngineConfig,
    checkpoint: Callable[[], None],
) -> Judges:
    """Learn all statistics of samples (n, d). `checkpoint` is called often; it may pause or stop the fit."""
    kind = DETECTORS[config.detector]
    in_features = _in_features(prepared, places, config, checkpoint)
    space = learn(FeatureMahalanobis, in_features, prepared.skipped)
    sample, used = in_features, space
    if config.detector in ON_MAP:
        sample = Sample(
            mapped.positions, mapped.positions, in_features.rows, 2, 2, checkpoint, floor=np.zeros(2)
        )
    if kind is not FeatureMahalanobis:
        used = learn(kind, sample, prepared.skipped)
    memory = slowest(
        _clipped_columns(samples, prepared, used.kept.rows), in_features.width, used.kept.rows.size
    )
    # Positions on the map are complete, or not there at all.
    filler = None if prepared.completed is prepared.table else feature_detector(space.detector)
    if config.ewma is not None:
        sample = averages(sample, config.ewma, None if config.detector in ON_MAP else filler)
        used = learn_from(kind, sample, used.outliers)
    statistics = Statistics()
    statistics.add(list(kind.names), _of_all_rows(used, sample))
    averaged: Learnt | None = None
    if config.ewma is None and kind is FeatureMahalanobis:
        n, informative = in_features.rows.size, prepared.informative
        if n * AVERAGE_WEIGHT / (2.0 - AVERAGE_WEIGHT) >= informative > 0:
            sample = averages(in_features, AVERAGE_WEIGHT, filler)
            averaged = learn_from(FeatureMahalanobis, sample, used.outliers)
            statistics.add([AVERAGE], _of_all_rows(averaged, sample)[:, :1])
        known = memory.effective >= MIN_EFFECTIVE_SAMPLES and not in_features.context.size
        if n > informative > 0 and known:  # neighbours know no context
            nearest = _nearest(prepared, mapped, len(used.kept.blocks))
            # Within the smallest distance between its samples, the baseline tells nothing apart.
            statistics.add([NEIGHBOUR], nearest, floor=mapped.reference.range.low)
    return Judges(used, space, averaged, statistics, memory)


def feature_detector(detector: Detector) -> FeatureMahalanobis:
    """The detector as the one in feature space, which it must be."""
    if not isinstance(detector, FeatureMahalanobis):
        raise TypeError("the feature space was learnt with another detector")
    return detector


def _in_features(
    prepared: Prepared, places: Places, config: EngineConfig, checkpoint: Callable[[], None]
) -> Sample:
    """The baseline as a sample of the feature space."""
    scaling = prepared.scaling
    n, d = prepared.table.shape

    def standardised(source: Table) -> Callable[[Rows], Floats]:
        def take(rows: Rows) -> Floats:
            checkpoint()
            adjacent = rows.size > 0 and rows[-1] - rows[0] == rows.size - 1  # a view avoids a copy
            part = source[slice(rows[0], rows[-1] + 1) if adjacent else rows]
            return scaling.observed(part, config.max_missing)

        return take

    take = standardised(prepared.table)
    sample = Sample(
        take,
        standardised(prepared.completed),
        np.arange(n),
        d,
        prepared.informative,
        checkpoint,
        floor=np.where(scaling.dropped, 0.0, (steps(places) / scaling.std) ** 2 / 12.0),
        context=np.flatnonzero(scaling.context),
    )
    if isinstance(prepared.completed, Completed):
        sample = replace(sample, expected=expectations(take, prepared.completed.completion))
    return sample


def _clipped_columns(samples: Floats, prepared: Prepared, rows: Rows) -> Callable[[slice], Floats]:
    """Standardised columns of some rows; what is left out or missing does not vary."""
    scaling = prepared.scaling
    silent = scaling.dropped | scaling.context

    def columns(some: slice) -> Floats:
        part = (samples[rows, some] - scaling.mean[some]) / scaling.std[some]
        part[:, silent[some]] = 0.0
        return np.nan_to_num(np.clip(part, -MAX_STEP, MAX_STEP), copy=False)

    return columns


def _nearest(prepared: Prepared, mapped: Mapped, blocks: int) -> Floats:
    """The held-out distances (n, 1) to the nearest reference."""
    parts = np.array_split(np.arange(prepared.table.shape[0]), blocks)
    found = held_out_nearest(prepared.table, prepared.scaling, mapped.reference, mapped.landmarks, parts)
    return found[:, None]


def _of_all_rows(learnt: Learnt, sample: Sample) -> Floats:
    """Return the statistics (n, k) of all rows: held-out ones, and those of the outliers."""
    found = np.empty((sample.rows.size, learnt.statistics.shape[1]))
    found[np.isin(sample.rows, learnt.kept.rows)] = learnt.statistics
    if learnt.outliers.size:
        found[learnt.outliers] = sample.statistics(learnt.detector, learnt.outliers)
    return found
