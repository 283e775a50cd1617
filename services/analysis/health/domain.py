"""The health of a machine, from the history of its runs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis.anomalies.domain import DailyAnomalies
from services.analysis.domain import Analysis
from services.analysis.engine import AVERAGE, NormalRate, Regime, Run, deterioration, levels

Floats = NDArray[np.float64]

MAX_RUNS = 50
# A second run of so many samples with the same results is the same file once more.
MIN_REPEATED_SAMPLES = 20
MAX_LEADING_FEATURES = 3


@dataclass(frozen=True, slots=True)
class MachineHealth:
    """The state after all runs; `reasons` are texts, and `findings` the same with codes. Oldest run first.

    `drift` is that of the newest run, if the active baseline judged it. Each note in `advice` has a code.
    """

    machine_id: UUID
    state: str
    reasons: Sequence[str]
    findings: Sequence[Mapping[str, Any]]
    runs: Sequence[Analysis]
    daily: Sequence[DailyAnomalies]
    drift: Mapping[str, Any] | None = None
    advice: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class DatedRun:
    """A completed run, and when its newest sample was taken."""

    run: Analysis
    at: datetime


def in_order(runs: Sequence[Analysis], last_times: Mapping[UUID, datetime]) -> list[DatedRun]:
    """Return completed runs in the order of their data, each file once, whenever they were uploaded or ended.

    Of a file that came several times, its latest run counts, which may have settings of its own.
    `last_times` are the times of their newest samples; but no sample is newer than its upload.
    """
    dated = [DatedRun(run, min(last_times.get(run.id, run.created_at), run.created_at)) for run in runs]
    kept: list[DatedRun] = []
    known: dict[tuple[object, ...], int] = {}
    for each in sorted(dated, key=lambda each: (each.at, each.run.created_at, each.run.id)):
        results = each.run.results or {}
        at = None if (results.get("samples") or 0) >= MIN_REPEATED_SAMPLES else each.at
        # The number of anomalies depends on the run's settings; distances do not.
        content = tuple(results.get(name) for name in ("samples", "max_distance", "wear"))
        key = (at, each.run.dinsight_id, *content)
        if key in known:
            kept[known[key]] = replace(kept[known[key]], run=each.run)
            continue
        if results.get("max_distance") is not None:
            known[key] = len(kept)
        kept.append(each)
    return kept


def run_of(analysis: Analysis) -> Run:
    """Return what a completed run contributes to the health, from its results."""
    results = analysis.results or {}
    features = tuple((each["name"], each["share"]) for each in results.get("leading_features") or ())
    missing = results.get("not_judged") or 0
    judged = (results.get("samples") or 0) - missing
    averaged = (results.get("causes") or {}).get(AVERAGE) or 0
    return Run(judged, results.get("anomaly_count") or 0, results.get("wear"), features, missing, averaged)


class LeadingFeatures:
    """Adds up what the anomalies of a run point to, without keeping them."""

    def __init__(self) -> None:
        self._shares: dict[str, float] = defaultdict(float)
        self._anomalies = 0

    def add(self, explanation: Mapping[str, Any]) -> None:
        """Add the explanation that is stored with an anomaly."""
        self._anomalies += 1
        for feature in explanation.get("features") or ():
            self._shares[feature["name"]] += feature["share"]

    def leading(self) -> list[dict[str, Any]]:
        """Return the features with the largest mean shares (0..1), largest first."""
        ranked = sorted(self._shares.items(), key=lambda found: (-found[1], found[0]))
        return [
            {"name": name, "share": total / self._anomalies} for name, total in ranked[:MAX_LEADING_FEATURES]
        ]


def wear_trend(runs: Sequence[DatedRun], baseline: Analysis | None, failing: float) -> dict[str, Any] | None:
    """Return the trend of the runs' wear over time; None if an earlier version fitted their baseline.

    The wear of its runs may be that on the map, in another unit.
    """
    worn = [(each, wear) for each in runs if (wear := run_of(each.run).wear) is not None]
    if not worn or baseline is None or not (baseline.results or {}).get("regimes"):
        return None
    days = [(each.at - worn[0][0].at) / timedelta(days=1) for each, _ in worn]
    values = np.array([wear for _, wear in worn])
    as_it_is = (Regime(0, 0.0, 0.0, 0.0, 1.0),)
    trend = deterioration(days, np.zeros((len(worn), 2)), values, as_it_is, failing=failing).trend
    return {"slope_per_day": trend.slope, "significant": trend.significant, "runs": len(worn)}


def normal_rate(baseline: Analysis | None, run: Analysis) -> NormalRate | None:
    """Return the rate of false alarms of a baseline; None if it was imported without its report.

    It is that of the run's own threshold, if the run says what its threshold promises.
    """
    report = ((baseline.results if baseline is not None else None) or {}).get("readiness") or {}
    share, samples = report.get("expected_false_alarms"), report.get("effective_samples")
    share = ((run.results or {}).get("promised") or {}).get("rate", share)
    return None if share is None or samples is None else NormalRate(share, samples)


def regimes_of(
    results: Mapping[str, Any] | None, coordinates: Floats, distances: Floats
) -> tuple[Regime, ...]:
    """Return the regimes of a baseline from its results; a single one if an earlier version fitted it.

    `coordinates` (n, 2) are its map, and `distances` (n,) its own distances.
    """
    stored = (results or {}).get("regimes")
    if stored:
        return tuple(Regime.from_dict(each) for each in stored)
    outliers = ((results or {}).get("readiness") or {}).get("outliers") or ()
    return levels(
        np.nanmean(coordinates, axis=0)[None],
        coordinates,
        distances,
        [int(sample) - 1 for sample in outliers],
    )
