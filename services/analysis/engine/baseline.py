"""Fitting a baseline: scaling, map, detector, threshold, readiness."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .cleaning import Cleaned, find_gaps, gross_cells
from .completion import complete
from .config import MIN_SAMPLES, EngineConfig
from .detectors import DETECTORS, ON_MAP, FeatureMahalanobis
from .detectors.covariance import Sample
from .errors import EngineError
from .map.mapping import map_samples
from .model import BaselineModel
from .rows import NO_ROWS, Rows, Table, row_chunks
from .scaling import Scaling, as_samples, learn_scaling
from .verdict.gaps import missing_advice
from .verdict.readiness import assess_baseline
from .verdict.threshold import MAX_OUTLIER_SHARE, Calibration, calibrate

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
    names = tuple(feature_names)
    samples = as_samples(x, names)
    n, d = samples.shape
    if n < MIN_SAMPLES or d == 0:
        raise EngineError(
            f"a baseline needs at least {MIN_SAMPLES} samples and one feature, but this one has {n} samples"
            f" and {d} features"
        )
    report = _rising(progress) if progress is not None else _silent
    cells = gross_cells(samples)
    if np.unique([cell.row for cell in cells]).size > MAX_OUTLIER_SHARE * n:
        cells = []  # so many are a state of the machine, not errors
    gaps = find_gaps(Cleaned(samples, cells), config.max_missing)
    # A sample with hardly a measurement keeps its values and its distance, but nothing is learnt from it.
    wild = np.intersect1d(gaps.skipped, np.array([cell.row for cell in cells], dtype=np.int64))
    blanked = [cell for cell in cells if cell.row not in wild]
    table: Table = Cleaned(samples, blanked) if blanked else samples
    _require_samples(n, n - gaps.skipped.size)
    scaling = learn_scaling(table, config, names, gaps.skipped, gaps.absent)
    informative = int(d - scaling.dropped.sum())
    unjudged, skipped, completed = NO_ROWS, wild, table
    if gaps.lacking[~scaling.dropped].any():
        unjudged = _unjudged(table, scaling, config)
        skipped = np.union1d(wild, unjudged)
        _require_samples(n, n - skipped.size)
        completed = complete(table, scaling, np.setdiff1d(np.arange(n), skipped), config.seed)
    fitted, reference, coordinates = map_samples(
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
        def features(rows: Rows) -> Floats:
            checkpoint()
            adjacent = rows.size > 0 and rows[-1] - rows[0] == rows.size - 1  # a view avoids a copy
            return scaling.standardise(source[slice(rows[0], rows[-1] + 1) if adjacent else rows])

        return features

    def positions(rows: Rows) -> Floats:
        standard: Floats = (coordinates[rows] - position_mean) / position_std
        return standard

    every = np.arange(n)
    in_features = Sample(standardised(table), standardised(completed), every, d, informative, checkpoint)
    feature_space = calibrate(FeatureMahalanobis, in_features, config, skipped)
    used = feature_space
    kind = DETECTORS[config.detector]
    if config.detector in ON_MAP:
        on_map = Sample(positions, positions, every, 2, 2, checkpoint)
        used = calibrate(kind, on_map, config, skipped)
    elif kind is not FeatureMahalanobis:
        used = calibrate(kind, in_features, config, skipped)
    space = _feature_detector(feature_space)
    used.distances[unjudged] = np.nan
    report(1.0)
    return BaselineModel(
        config=config,
        features=names,
        scaling=scaling,
        reference=reference,
        coordinates=coordinates,
        position_mean=position_mean,
        position_std=position_std,
        detector=used.detector,
        limits=used.limits,
        threshold=used.threshold,
        baseline_distances=used.distances,
        space=space,
        space_limit=float(feature_space.limits[0]),
        cost_per_pair=fitted.cost_per_pair,
        iterations=fitted.iterations,
        trustworthiness=fitted.trustworthiness,
        report=assess_baseline(
            used,
            feature_space,
            coordinates,
            informative,
            d - informative,
            space.condition,
            space.shrinkage,
            config,
            [(cell.row, names[cell.column], cell.value) for cell in cells],
            skipped,
            missing_advice(gaps, names, unjudged, config.max_missing),
        ),
    )


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
            f" {n} only {kept} are. Check the sensors, or raise max_missing"
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


def _feature_detector(calibration: Calibration) -> FeatureMahalanobis:
    if not isinstance(calibration.detector, FeatureMahalanobis):
        raise TypeError("the feature space was calibrated with another detector")
    return calibration.detector
