"""Fitting a baseline: preparation, map, statistics, threshold, readiness."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .config import MIN_SAMPLES, EngineConfig
from .errors import EngineError
from .learning import Judges, Mapped, feature_detector, learn_judges
from .map.mapping import map_samples
from .model import BaselineModel
from .preparation import Prepared, prepare
from .resolution import baseline_places
from .scaling import as_samples
from .verdict.gaps import missing_advice
from .verdict.readiness import BaselineReport, assess_baseline
from .verdict.sensors import describe
from .verdict.threshold import Calibration, calibrate, limits_of

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
    prepared = prepare(samples, features, config)
    fitted, reference, landmarks, coordinates = map_samples(
        prepared.table,
        prepared.completed,
        prepared.scaling,
        config,
        lambda share: report(MAP_SHARE * share),
        prepared.skipped,
    )
    coordinates[prepared.unjudged] = np.nan
    mapped = Mapped.of(reference, landmarks, coordinates, prepared.skipped)
    places = baseline_places(prepared.table)

    def checkpoint() -> None:
        report(0.0)  # no progress, but the caller may pause or stop the fit here

    judges = learn_judges(samples, prepared, mapped, places, config, checkpoint)
    calibration = _calibrated(prepared, judges, config)
    in_space, averaged = judges.in_space, judges.averaged
    report(1.0)
    return BaselineModel(
        config=config,
        features=features,
        scaling=prepared.scaling,
        reference=reference,
        coordinates=coordinates,
        position_mean=mapped.mean,
        position_std=mapped.std,
        detector=judges.used.detector,
        averaged=feature_detector(averaged.detector) if averaged is not None else None,
        statistics=calibration.names,
        limits=calibration.limits,
        threshold=calibration.threshold,
        baseline_distances=calibration.distances,
        space=in_space,
        space_limit=float(limits_of(judges.space.statistics)[0]),
        places=places,
        cost_per_pair=fitted.cost_per_pair,
        iterations=fitted.iterations,
        trustworthiness=fitted.trustworthiness,
        sensors=tuple(describe(features, prepared.facts, prepared.roles, in_space)),
        report=_assessed(prepared, judges, calibration, features, coordinates, config),
    )


def _calibrated(prepared: Prepared, judges: Judges, config: EngineConfig) -> Calibration:
    statistics = np.hstack(judges.statistics.columns)
    statistics[prepared.unjudged] = np.nan
    names, floors = tuple(judges.statistics.names), np.array(judges.statistics.floors)
    return calibrate(names, statistics, judges.used.outliers, config, floors)


def _assessed(
    prepared: Prepared,
    judges: Judges,
    calibration: Calibration,
    features: Sequence[str],
    coordinates: Floats,
    config: EngineConfig,
) -> BaselineReport:
    return assess_baseline(
        calibration,
        judges.memory,
        features,
        np.union1d(judges.used.outliers, judges.space.outliers),
        [block.size for block in judges.used.kept.blocks],
        coordinates,
        prepared.informative,
        int(prepared.scaling.constant.sum()),
        judges.in_space.condition,
        judges.in_space.shrinkage,
        [(cell.row, features[cell.column], cell.value) for cell in prepared.cells],
        prepared.skipped,
        missing_advice(prepared.gaps, features, prepared.unjudged, config.max_missing),
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
