"""The health of a machine, from the history of its runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis.anomalies.domain import DailyAnomalies
from services.analysis.domain import Analysis
from services.analysis.engine import NormalRate, Regime, Run, levels

Floats = NDArray[np.float64]

MAX_RUNS = 50
# A second run of so many samples with the same results is the same file once more.
MIN_REPEATED_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class MachineHealth:
    """The state after all runs; `reasons` are texts, and `findings` the same with codes. Oldest run first."""

    machine_id: UUID
    state: str
    reasons: Sequence[str]
    findings: Sequence[Mapping[str, Any]]
    runs: Sequence[Analysis]
    daily: Sequence[DailyAnomalies]


def in_order(runs: Sequence[Analysis], last_times: Mapping[UUID, datetime]) -> list[Analysis]:
    """Return completed runs in the order of their data, each file once, whenever they were uploaded or ended.

    `last_times` are the times of their newest samples; but no sample is newer than its upload.
    """

    def key(run: Analysis) -> tuple[datetime, datetime, UUID]:
        return min(last_times.get(run.id, run.created_at), run.created_at), run.created_at, run.id

    kept: list[Analysis] = []
    known: set[tuple[object, ...]] = set()
    for run in sorted(runs, key=key):
        results = run.results or {}
        content = tuple(results.get(name) for name in ("samples", "anomaly_count", "max_distance", "wear"))
        at = None if (results.get("samples") or 0) >= MIN_REPEATED_SAMPLES else key(run)[0]
        if (at, run.dinsight_id, *content) not in known:
            kept.append(run)
        if content[2] is not None:
            known.add((at, run.dinsight_id, *content))
    return kept


def run_of(analysis: Analysis) -> Run:
    """Return what a completed run contributes to the health, from its results."""
    results = analysis.results or {}
    return Run(results.get("samples") or 0, results.get("anomaly_count") or 0, results.get("wear"))


def normal_rate(baseline: Analysis | None) -> NormalRate | None:
    """Return the rate of false alarms of a baseline; None if it was imported without its report."""
    report = ((baseline.results if baseline is not None else None) or {}).get("readiness") or {}
    share, samples = report.get("expected_false_alarms"), report.get("effective_samples")
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
        coordinates.mean(axis=0)[None], coordinates, distances, [int(sample) - 1 for sample in outliers]
    )
