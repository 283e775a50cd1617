"""Fitting a baseline: scaling, map, detector, threshold, readiness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .cleaning import MAX_ABSENT_SHARE, Cleaned, find_gaps, gross_cells
from .completion import Completed, complete, expectations
from .config import CONTEXT, IGNORED, MIN_SAMPLES, EngineConfig
from .detectors import DETECTORS, ON_MAP, Detector, FeatureMahalanobis
from .detectors.covariance import Sample
from .errors import EngineError
from .map.mapping import map_samples
from .map.nearest import held_out_nearest
from .model import BaselineModel
from .resolution import baseline_places, steps
from .rows import NO_ROWS, Rows, Table, row_chunks
from .scaling import Scaling, as_samples, learn_scaling
from .verdict.gaps import missing_advice
from .verdict.judging import AVERAGE, AVERAGE_WEIGHT, NEIGHBOUR
from .verdict.memory import slowest
from .verdict.readiness import MIN_EFFECTIVE_SAMPLES, assess_baseline
from .verdict.sensors import assign_roles, describe, sensor_facts, with_role
from .verdict.sequence import MAX_STEP, averages
from .verdict.threshold import Learnt, calibrate, learn, learn_from, limits_of

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
    O(landmarks^2 + d^2) memory beside x. NaN is a missing cell. Raises ConfigError for an invalid parameter,
    and EngineError for fewer than 3 samples with enough sensors or an infinite value.
    """
    config.validate()
    features = tuple(feature_names)
    samples = as_samples(x, features)
    n, d = samples.shape
    if n < MIN_SAMPLES or d == 0:
        raise EngineError(
            f"a baseline needs at least {MIN_SAMPLES} samples and one feature, but this one has {n} samples"
            f" and {d} features",
            code="too_few_samples",
            params={"samples": n, "features": d, "minimum": MIN_SAMPLES},
        )
    report = _rising(progress) if progress is not None else _silent
    cells = gross_cells(samples)
    gaps = find_gaps(Cleaned(samples, cells), config.max_missing)
    # A sample with hardly a measurement keeps its values and its distance, but nothing is learnt from it.
    wild = np.intersect1d(gaps.skipped, np.array([cell.row for cell in cells], dtype=np.int64))
    blanked = [cell for cell in cells if cell.row not in wild]
    table: Table = Cleaned(samples, blanked) if blanked else samples
    _require_samples(n, n - gaps.skipped.size)
    if gaps.absent.all():
        raise EngineError(
            f"more than {MAX_ABSENT_SHARE:.0%} of every feature is missing. Check the sensors and the logger",
            code="all_missing",
            params={"max_share": MAX_ABSENT_SHARE},
        )
    facts = sensor_facts(table)
    roles = assign_roles(features, facts, config)
    context, ignored = with_role(roles, CONTEXT), with_role(roles, IGNORED)
    if DETECTORS[config.detector] is not FeatureMahalanobis:
        context, ignored = np.zeros_like(context), context | ignored  # the other detectors know no context
    scaling = learn_scaling(table, config, features, gaps.skipped, gaps.absent)
    scaling = scaling.with_roles(context, ignored)
    informative = int(d - scaling.dropped.sum())
    unjudged, skipped, completed = NO_ROWS, wild, table
    if gaps.lacking[~scaling.dropped].any():
        unjudged = _unjudged(table, scaling, config)
        skipped = np.union1d(wild, unjudged)
        _require_samples(n, n - skipped.size)
        completed = complete(table, scaling, np.setdiff1d(np.arange(n), skipped), config.seed)
    fitted, reference, landmarks, coordinates = map_samples(
        table, completed, scaling, config, lambda share: report(MAP_SHARE * share), skipped
    )
    coordinates[unjudged] = np.nan
    normal = np.delete(coordinates, skipped, axis=0)
    position_mean, position_std = normal.mean(axis=0), normal.std(axis=0, ddof=1)
    # An axis without spread has a standard deviation of 0; positions along it keep their own unit.
    position_std = np.where(position_std > 0.0, position_std, 1.0)

    def checkpoint() -> None:
        report(0.0)  # no progress, but the caller may pause or stop the fit here

    def standardised(source: Table) -> Callable[[Rows], Floats]:
        def take(rows: Rows) -> Floats:
            checkpoint()
            adjacent = rows.size > 0 and rows[-1] - rows[0] == rows.size - 1  # a view avoids a copy
            part = source[slice(rows[0], rows[-1] + 1) if adjacent else rows]
            return scaling.observed(part, config.max_missing)

        return take

    def positions(rows: Rows) -> Floats:
        standard: Floats = (coordinates[rows] - position_mean) / position_std
        return standard

    every = np.arange(n)
    places = baseline_places(table)
    hidden = np.where(scaling.dropped, 0.0, (steps(places) / scaling.std) ** 2 / 12.0)
    in_features = Sample(
        standardised(table),
        standardised(completed),
        every,
        d,
        informative,
        checkpoint,
        hidden,
        np.flatnonzero(scaling.context),
    )
    if isinstance(completed, Completed):
        told = expectations(standardised(table), completed.completion)
        in_features = replace(in_features, expected=told)
    space = learn(FeatureMahalanobis, in_features, skipped)
    kind = DETECTORS[config.detector]
    sample, used = in_features, space
    if config.detector in ON_MAP:
        sample = Sample(positions, positions, every, 2, 2, checkpoint, np.zeros(2))
        used = learn(kind, sample, skipped)
    elif kind is not FeatureMahalanobis:
        used = learn(kind, sample, skipped)

    def columns_of(some: slice) -> Floats:
        part = (samples[used.kept.rows, some] - scaling.mean[some]) / scaling.std[some]
        part[:, (scaling.dropped | scaling.context)[some]] = 0.0
        return np.nan_to_num(np.clip(part, -MAX_STEP, MAX_STEP), copy=False)

    memory = slowest(columns_of, d, used.kept.rows.size)
    averaged: Learnt | None = None
    names, columns, floors = [*kind.names], [], [0.0 for _ in kind.names]
    # Positions on the map are complete, or not there at all.
    filler = _feature_detector(space.detector) if completed is not table else None
    if config.ewma is not None:
        sample = averages(sample, config.ewma, None if config.detector in ON_MAP else filler)
        used = learn_from(kind, sample, used.outliers)
    columns.append(_of_all_rows(used, sample))
    if config.ewma is None and kind is FeatureMahalanobis:
        if n * AVERAGE_WEIGHT / (2.0 - AVERAGE_WEIGHT) >= informative > 0:
            sample = averages(in_features, AVERAGE_WEIGHT, filler)
            averaged = learn_from(FeatureMahalanobis, sample, used.outliers)
            columns.append(_of_all_rows(averaged, sample)[:, :1])
            names, floors = [*names, AVERAGE], [*floors, 0.0]
        known = memory.effective >= MIN_EFFECTIVE_SAMPLES and not in_features.context.size
        if n > informative > 0 and known:  # neighbours know no context
            blocks = np.array_split(every, len(used.kept.blocks))
            columns.append(held_out_nearest(table, scaling, reference, landmarks, blocks)[:, None])
            # Within the smallest distance between its samples, the baseline tells nothing apart.
            names, floors = [*names, NEIGHBOUR], [*floors, reference.range.low]
    statistics = np.hstack(columns)
    statistics[unjudged] = np.nan
    calibration = calibrate(tuple(names), statistics, used.outliers, config, np.array(floors))
    in_space = _feature_detector(space.detector)
    report(1.0)
    return BaselineModel(
        config=config,
        features=features,
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
        sensors=tuple(describe(features, facts, roles, in_space)),
        report=assess_baseline(
            calibration,
            memory,
            features,
            np.union1d(used.outliers, space.outliers),
            [block.size for block in used.kept.blocks],
            coordinates,
            informative,
            int(scaling.constant.sum()),
            in_space.condition,
            in_space.shrinkage,
            [(cell.row, features[cell.column], cell.value) for cell in cells],
            skipped,
            missing_advice(gaps, features, unjudged, config.max_missing),
        ),
    )


def _of_all_rows(learnt: Learnt, sample: Sample) -> Floats:
    """Return the statistics (n, k) of all rows: held-out ones, and those of the outliers."""
    found = np.empty((sample.rows.size, learnt.statistics.shape[1]))
    found[np.isin(sample.rows, learnt.kept.rows)] = learnt.statistics
    if learnt.outliers.size:
        found[learnt.outliers] = sample.statistics(learnt.detector, learnt.outliers)
    return found


def _unjudged(table: Table, scaling: Scaling, config: EngineConfig) -> Rows:
    """The samples of which too much is missing to learn from them."""
    found = [
        rows.start + np.flatnonzero(~scaling.judged(table[rows], config.max_missing))
        for rows in row_chunks(*table.shape)
    ]
    return np.concatenate(found)


def _require_samples(n: int, kept: int) -> None:
    if kept < MIN_SAMPLES:
        raise EngineError(
            f"a baseline needs at least {MIN_SAMPLES} samples of which enough sensors are there, but of these"
            f" {n} only {kept} are. Check the sensors, or raise max_missing",
            code="too_few_samples",
            params={"samples": kept, "minimum": MIN_SAMPLES},
        )


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
