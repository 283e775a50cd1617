"""Fitting a baseline: scaling, map, detector, threshold, readiness."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .cleaning import gross_cells
from .config import CONTEXT, IGNORED, MIN_SAMPLES, EngineConfig
from .detectors import DETECTORS, ON_MAP, Detector, FeatureMahalanobis
from .detectors.covariance import Sample
from .errors import EngineError
from .map.mapping import map_samples
from .map.nearest import held_out_nearest
from .model import BaselineModel
from .resolution import baseline_places, steps
from .rows import NO_ROWS, Rows
from .scaling import as_samples, learn_scaling
from .verdict.judging import AVERAGE, AVERAGE_WEIGHT, NEIGHBOUR
from .verdict.memory import slowest
from .verdict.readiness import assess_baseline
from .verdict.sensors import assign_roles, describe, sensor_facts, with_role
from .verdict.sequence import averages
from .verdict.threshold import MAX_OUTLIER_SHARE, Learnt, calibrate, learn, learn_from, limits_of

Floats = NDArray[np.float64]
Progress = Callable[[float], None]

MAP_SHARE = 0.8
"""Share of the progress that the map takes; the detector takes the rest."""


def fit_baseline(
    x: Floats,
    config: EngineConfig,
    *,
    feature_names: Sequence[str],
    progress: Progress | None = None,
) -> BaselineModel:
    """Learn normal behaviour from samples x (n, d).

    `progress` receives the completed share (0..1), often enough for the caller to pause or stop the fit
    inside it. The fit is deterministic: the same samples and configuration give the same model. It takes
    O(landmarks^2 + d^2) memory beside x. Raises ConfigError for an invalid parameter, and EngineError for
    fewer than 3 samples or a value that is not a finite number.
    """
    config.validate()
    names_of_features = tuple(feature_names)
    samples = as_samples(x, names_of_features)
    n, d = samples.shape
    if n < MIN_SAMPLES or d == 0:
        raise EngineError(
            f"a baseline needs at least {MIN_SAMPLES} samples and one feature, but this one has {n} samples"
            f" and {d} features"
        )
    report = _rising(progress) if progress is not None else _silent
    cells = gross_cells(samples)
    skipped = np.unique(np.array([cell.row for cell in cells], dtype=np.int64))
    if n - skipped.size < max(MIN_SAMPLES, (1.0 - MAX_OUTLIER_SHARE) * n):
        cells, skipped = [], NO_ROWS  # so many are a state of the machine, not errors
    facts = sensor_facts(samples)
    roles = assign_roles(names_of_features, facts, config)
    context, ignored = with_role(roles, CONTEXT), with_role(roles, IGNORED)
    if DETECTORS[config.detector] is not FeatureMahalanobis:
        context, ignored = np.zeros_like(context), context | ignored  # the other detectors know no context
    scaling = learn_scaling(samples, config, names_of_features, skipped).with_roles(context, ignored)
    fitted, reference, landmarks, coordinates = map_samples(
        samples, scaling, config, lambda share: report(MAP_SHARE * share), skipped
    )
    normal = np.delete(coordinates, skipped, axis=0)
    position_mean, position_std = normal.mean(axis=0), normal.std(axis=0, ddof=1)
    # An axis without spread has a standard deviation of 0; positions along it keep their own unit.
    position_std = np.where(position_std > 0.0, position_std, 1.0)

    unlearnt = scaling.dropped | scaling.ignored
    informative = int(d - unlearnt.sum())

    def checkpoint() -> None:
        report(0.0)  # no progress, but the caller may pause or stop the fit here

    def features(rows: Rows) -> Floats:
        checkpoint()
        adjacent = rows.size > 0 and rows[-1] - rows[0] == rows.size - 1  # a view avoids a copy
        return scaling.standardise(samples[rows[0] : rows[-1] + 1] if adjacent else samples[rows])

    def positions(rows: Rows) -> Floats:
        standard: Floats = (coordinates[rows] - position_mean) / position_std
        return standard

    every = np.arange(n)
    places = baseline_places(np.delete(samples, skipped, axis=0) if skipped.size else samples)
    hidden = np.where(unlearnt, 0.0, (steps(places) / scaling.std) ** 2 / 12.0)
    in_features = Sample(features, every, d, informative, checkpoint, hidden, np.flatnonzero(context & ~scaling.ignored))
    space = learn(FeatureMahalanobis, in_features, skipped)
    kind = DETECTORS[config.detector]
    sample, used = in_features, space
    if config.detector in ON_MAP:
        sample = Sample(positions, every, 2, 2, checkpoint, np.zeros(2))
        used = learn(kind, sample, skipped)
    elif kind is not FeatureMahalanobis:
        used = learn(kind, sample, skipped)
    averaged: Learnt | None = None
    names, columns, floors = [*kind.names], [], [0.0 for _ in kind.names]
    if config.ewma is not None:
        sample = averages(sample, config.ewma)
        used = learn_from(kind, sample, used.outliers)
    columns.append(_of_all_rows(used, sample))
    if config.ewma is None and kind is FeatureMahalanobis:
        if n * AVERAGE_WEIGHT / (2.0 - AVERAGE_WEIGHT) >= informative > 0:
            sample = averages(in_features, AVERAGE_WEIGHT)
            averaged = learn_from(FeatureMahalanobis, sample, used.outliers)
            columns.append(_of_all_rows(averaged, sample)[:, :1])
            names, floors = [*names, AVERAGE], [*floors, 0.0]
        if n > informative > 0 and not in_features.context.size:  # neighbours know no context
            blocks = np.array_split(every, len(used.kept.blocks))
            columns.append(held_out_nearest(samples, scaling, reference, landmarks, blocks)[:, None])
            # Within the smallest distance between its samples, the baseline tells nothing apart.
            names, floors = [*names, NEIGHBOUR], [*floors, reference.range.low]
    calibration = calibrate(
        tuple(names), np.hstack(columns), used.outliers, config, np.array(floors)
    )

    def standardised(some: slice) -> Floats:
        part = (samples[used.kept.rows, some] - scaling.mean[some]) / scaling.std[some]
        return np.where(scaling.unjudged[some], 0.0, np.nan_to_num(part, copy=False))

    in_space = _feature_detector(space.detector)
    report(1.0)
    return BaselineModel(
        config=config,
        features=names_of_features,
        scaling=scaling,
        reference=reference,
        coordinates=coordinates,
        position_mean=position_mean,
        position_std=position_std,
        detector=used.detector,
        averaged=_feature_detector(averaged.detector) if averaged is not None else None,
        statistics=calibration.names,
        limits=calibration.limits,
        threshold=calibration.threshold,
        baseline_distances=calibration.distances,
        space=in_space,
        space_limit=float(limits_of(space.statistics)[0]),
        places=places,
        cost_per_pair=fitted.cost_per_pair,
        iterations=fitted.iterations,
        trustworthiness=fitted.trustworthiness,
        sensors=tuple(describe(names_of_features, facts, roles, in_space)),
        report=assess_baseline(
            calibration,
            slowest(standardised, d, used.kept.rows.size),
            names_of_features,
            np.union1d(used.outliers, space.outliers),
            [block.size for block in used.kept.blocks],
            coordinates,
            informative,
            int(scaling.dropped.sum()),
            in_space.condition,
            in_space.shrinkage,
            [(cell.row, names_of_features[cell.column], cell.value) for cell in cells],
        ),
    )


def _of_all_rows(learnt: Learnt, sample: Sample) -> Floats:
    """Return the statistics (n, k) of all rows: held-out ones, and those of the outliers."""
    found = np.empty((sample.rows.size, learnt.statistics.shape[1]))
    found[np.isin(sample.rows, learnt.kept.rows)] = learnt.statistics
    if learnt.outliers.size:
        found[learnt.outliers] = learnt.detector.statistics(sample.take(learnt.outliers))
    return found


def _rising(progress: Progress) -> Progress:
    """Report the highest share so far, so that a step that starts over does not move progress backwards."""
    highest = 0.0

    def report(share: float) -> None:
        nonlocal highest
        highest = max(highest, share)
        progress(highest)

    return report


def _silent(_: float) -> None:
    """Ignore the progress."""


def _feature_detector(detector: Detector) -> FeatureMahalanobis:
    if not isinstance(detector, FeatureMahalanobis):
        raise TypeError("the feature space was learnt with another detector")
    return detector
