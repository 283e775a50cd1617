"""Fitting a baseline: scaling, map, detector, threshold, readiness."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .config import EngineConfig
from .detectors import DETECTORS, ON_MAP, FeatureMahalanobis
from .detectors.covariance import Rows, Sample
from .errors import EngineError
from .map.mapping import map_samples
from .map.scaling import as_samples, learn_scaling
from .model import BaselineModel
from .verdict.readiness import assess_baseline
from .verdict.threshold import Calibration, calibrate

Floats = NDArray[np.float64]
Progress = Callable[[float], None]

LEAST_SAMPLES = 3
"""Two samples have one distance: no map and no spread."""

MAP_SHARE = 0.8
"""Progress when the map stands; the detector takes what remains."""


def fit_baseline(
    x: Floats,
    config: EngineConfig,
    *,
    feature_names: Sequence[str],
    progress: Progress | None = None,
) -> BaselineModel:
    """Learn a machine's normal from samples x (n, d).

    `progress` is called with the share done (0..1), and often enough to pause or stop the fit in it.
    Deterministic: the same samples and configuration give the same model. Memory beside x is
    O(landmarks^2 + d^2). Raises ConfigError for a bad parameter and EngineError for fewer than 3 samples
    or a value that is not a finite number.
    """
    config.validate()
    names = tuple(feature_names)
    samples = as_samples(x, names)
    n, d = samples.shape
    if n < LEAST_SAMPLES or d == 0:
        raise EngineError(
            f"a baseline needs at least {LEAST_SAMPLES} samples and one feature, and has {n} and {d}"
        )
    report = _rising(progress) if progress is not None else _silent
    scaling = learn_scaling(samples, config, names)
    fitted, reference, coordinates = map_samples(
        samples, scaling, config, lambda share: report(MAP_SHARE * share)
    )
    position_mean, position_std = coordinates.mean(axis=0), coordinates.std(axis=0, ddof=1)
    # A map without spread along an axis has no standard deviation there; its positions are in units of 1.
    position_std = np.where(position_std > 0.0, position_std, 1.0)

    informative = int(d - scaling.dropped.sum())

    def breathe() -> None:
        report(0.0)  # no progress, but a moment at which the caller may pause or stop the fit

    def features(rows: Rows) -> Floats:
        breathe()
        adjacent = rows.size > 0 and rows[-1] - rows[0] == rows.size - 1  # a view spares a copy
        return scaling.standardise(samples[rows[0] : rows[-1] + 1] if adjacent else samples[rows])

    def positions(rows: Rows) -> Floats:
        standard: Floats = (coordinates[rows] - position_mean) / position_std
        return standard

    every = np.arange(n)
    feature_space = calibrate(FeatureMahalanobis, Sample(features, every, d, informative, breathe), config)
    used = feature_space
    kind = DETECTORS[config.detector]
    if config.detector in ON_MAP:
        used = calibrate(kind, Sample(positions, every, 2, 2, breathe), config)
    elif kind is not FeatureMahalanobis:
        used = calibrate(kind, Sample(features, every, d, informative, breathe), config)
    space = _feature_detector(feature_space)
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
        threshold=used.threshold,
        baseline_distances=used.distances,
        space=space,
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
        ),
    )


def _rising(progress: Progress) -> Progress:
    """Passes on the highest share so far: a step that begins again does not turn it back."""
    highest = 0.0

    def report(share: float) -> None:
        nonlocal highest
        highest = max(highest, share)
        progress(highest)

    return report


def _silent(_: float) -> None:
    """Progress nobody listens to."""


def _feature_detector(calibration: Calibration) -> FeatureMahalanobis:
    if not isinstance(calibration.detector, FeatureMahalanobis):
        raise TypeError("the feature space is calibrated with another detector")
    return calibration.detector
