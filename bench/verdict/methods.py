"""The engine with its defaults, and its rivals, under one interface: fit a baseline, then rate samples."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from bench.data import Floats
from bench.verdict.sets import Case
from services.analysis.engine import EngineConfig, fit_baseline
from services.analysis.engine.verdict.threshold import threshold_of

# Rivals get the threshold that the engine is to promise: one normal sample in two hundred.
RATE = 0.005
# Rates that are asked for beside it: ten alarms are to be expected in fewer samples.
OTHER_RATES = (0.01, 0.02, 0.05)
FOLDS = 5
VARIANCE_KEPT = 0.95
NEIGHBOURS = 5

Score = Callable[[Floats], Floats]
Fit = Callable[[Floats], Score]


@dataclass(frozen=True)
class Verdict:
    """Ratios (m,) of distance to threshold, the promised rate of false alarms, and seconds.

    `others` are the ratios (m,) with the thresholds of other rates, which follow from the stored distances.
    """

    ratio: Floats
    promised: float
    fit_seconds: float
    score_seconds: float
    others: Mapping[float, Floats] = field(default_factory=dict)


def engine(case: Case, config: EngineConfig) -> Verdict:
    began = time.perf_counter()
    model = fit_baseline(case.baseline, config, feature_names=case.features)
    fitted = time.perf_counter()
    distance = np.empty(len(case.monitored))
    for unit in np.unique(case.units):  # sequences that do not continue each other
        rows = case.units == unit
        distance[rows] = model.score(case.monitored[rows]).distance
    scored = time.perf_counter()
    own = np.delete(model.baseline_distances, [sample - 1 for sample in model.report.outliers])
    own = own[np.isfinite(own)]
    others = {rate: distance / threshold_of(own, EngineConfig(false_alarm_rate=rate)) for rate in OTHER_RATES}
    promised = model.report.expected_false_alarms
    return Verdict(distance / model.threshold, promised, fitted - began, scored - fitted, others)


def rival(case: Case, fit: Fit) -> Verdict:
    """A rival with the quantile of its held-out scores as threshold, from contiguous folds."""
    began = time.perf_counter()
    mean, std = case.baseline.mean(axis=0), case.baseline.std(axis=0)
    used = std > 0.0
    baseline = (case.baseline[:, used] - mean[used]) / std[used]
    held_out = np.empty(len(baseline))
    for rows in np.array_split(np.arange(len(baseline)), FOLDS):
        rest = np.delete(baseline, rows, axis=0)
        held_out[rows] = fit(rest)(baseline[rows])
    low, threshold = held_out.min(), np.quantile(held_out, 1.0 - RATE)
    score = fit(baseline)
    fitted = time.perf_counter()
    found = score((case.monitored[:, used] - mean[used]) / std[used])
    # Scores of any range become ratios of the same order: 1 is the threshold.
    ratio = (found - low) / max(threshold - low, 1e-300)
    return Verdict(ratio, RATE, fitted - began, time.perf_counter() - fitted)


def pca(x: Floats) -> Score:
    """T2 and Q of principal components together: the larger of each over its own 99.5 % quantile."""
    mean = x.mean(axis=0)
    _, values, axes = np.linalg.svd(x - mean, full_matrices=False)
    variance = values**2 / max(1, len(x) - 1)
    kept = int(np.searchsorted(np.cumsum(variance) / variance.sum(), VARIANCE_KEPT)) + 1
    kept = min(kept, int((variance > 1e-12 * variance[0]).sum()))

    def parts(rows: Floats) -> tuple[Floats, Floats]:
        centred = rows - mean
        scores = centred @ axes[:kept].T
        residual = centred - scores @ axes[:kept]
        return (scores**2 / variance[:kept]).sum(axis=1), (residual**2).sum(axis=1)

    limits = [max(float(np.quantile(part, 1.0 - RATE)), 1e-300) for part in parts(x)]
    return lambda rows: np.maximum(*(part / limit for part, limit in zip(parts(rows), limits, strict=True)))


def ledoit_wolf(x: Floats) -> Score:
    from sklearn.covariance import LedoitWolf

    return LedoitWolf().fit(x).mahalanobis  # type: ignore[no-any-return]  # scikit-learn has no types


def robust_covariance(x: Floats) -> Score:
    from sklearn.covariance import MinCovDet

    return MinCovDet(random_state=0).fit(x).mahalanobis  # type: ignore[no-any-return]


def neighbours(x: Floats) -> Score:
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(x)
    return lambda rows: np.asarray(found.kneighbors(rows)[0].mean(axis=1))


def isolation_forest(x: Floats) -> Score:
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(random_state=0).fit(x)
    return lambda rows: np.asarray(-forest.score_samples(rows))


RIVALS: dict[str, Fit] = {
    "PCA T2+Q": pca,
    "Ledoit-Wolf": ledoit_wolf,
    "MCD": robust_covariance,
    "kNN 5": neighbours,
    "Isolation Forest": isolation_forest,
}
