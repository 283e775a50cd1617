"""The blocks of scored samples that are published when a run ends, for whoever judges a machine over time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.analysis.anomalies.domain import Anomaly
from services.analysis.domain import Analysis
from services.analysis.timeline.domain import Floats, Times
from shared.events.analysis import SamplesScored, ScoredAnomaly, ScoredFeature, ScoredRun

# Of each anomaly; a block of 512 anomalies then stays far below the megabyte that a broker takes.
MAX_FEATURES = 10
DIGITS = 6


def block_of(
    analysis: Analysis,
    first: int,
    threshold: float,
    times: Times,
    distances: Floats,
    missing: Sequence[float],
    anomalies: Sequence[Anomaly],
    run: ScoredRun | None,
) -> SamplesScored:
    """Return the block of the samples (n,) from index `first`; `run` if it is the last one of its run."""
    return SamplesScored(
        analysis_id=analysis.id,
        machine_id=analysis.machine_id,
        first_sample=first,
        threshold=threshold,
        times=tuple(times.tolist()),
        ratios=tuple(None if np.isnan(ratio) else ratio for ratio in (distances / threshold).tolist()),
        missing=tuple(_rounded(missing)),
        anomalies=tuple(
            ScoredAnomaly(sample=each.sample_index - first, anomaly_id=each.id, severity=each.severity)
            for each in anomalies
        ),
        features=_features(anomalies, first),
        run=run,
    )


def run_of(results: Mapping[str, Any], samples: int, completed_at: datetime) -> ScoredRun:
    """Return what the results of a run say of the machine."""
    return ScoredRun(
        samples=samples,
        not_judged=results.get("not_judged", 0),
        anomaly_count=results.get("anomaly_count", 0),
        anomaly_fraction=results.get("anomaly_fraction", 0.0),
        health=(results.get("health") or {}).get("state", "unknown"),
        wear=results.get("wear"),
        wear_slope_per_day=(results.get("wear_trend") or {}).get("slope_per_day"),
        completed_at=completed_at,
    )


def _features(anomalies: Sequence[Anomaly], first: int) -> tuple[ScoredFeature, ...]:
    found: dict[str, list[tuple[float, ...]]] = {}
    for anomaly in anomalies:
        named = anomaly.features.get("features") or ()
        leading = sorted(named, key=lambda feature: -feature["share"])[:MAX_FEATURES]
        for feature in leading:
            values = tuple(feature[name] for name in ("share", "deviation", "expected", "observed"))
            found.setdefault(feature["name"], []).append((anomaly.sample_index - first, *values))
    return tuple(_feature(name, rows) for name, rows in found.items())


def _feature(name: str, rows: Sequence[tuple[float, ...]]) -> ScoredFeature:
    samples, *columns = zip(*rows, strict=True)
    shares, deviations, expected, observed = (tuple(_rounded(column)) for column in columns)
    return ScoredFeature(
        name=name,
        samples=tuple(int(sample) for sample in samples),
        shares=shares,
        deviations=deviations,
        expected=expected,
        observed=observed,
    )


def _rounded(values: Sequence[float] | NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]
