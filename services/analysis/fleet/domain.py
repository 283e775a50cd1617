"""The fleet: what the overview shows of each machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

# A month of days, which is what fits beside a machine's name.
SPARK_DAYS = 30


class FleetSort(StrEnum):
    """`need`: worst open alert, then state. `silence`: longest without data first, never any data last."""

    NEED = "need"
    NAME = "name"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class FleetFilter:
    """`text` is searched in name, model, location and tags. `location` is a prefix, `tag` exact."""

    text: str | None = None
    location: str | None = None
    tag: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class FleetPosition:
    """Where a machine stands in the list. Higher ranks come first, then names in lower case, then ids."""

    rank: float
    name: str
    machine_id: UUID


@dataclass(frozen=True, slots=True)
class SparkDay:
    """A day (UTC, ISO 8601) with data: its highest ratio, and the share (0..1) of anomalies among samples."""

    day: str
    max_ratio: float | None
    anomaly_share: float


@dataclass(frozen=True, slots=True)
class NewestAnalysis:
    """The analysis that was submitted last; while it runs, with its stage and progress (0..1)."""

    id: UUID
    analysis_type: str
    status: str
    created_at: datetime
    completed_at: datetime | None
    stage: str | None
    progress: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """The active baseline, with its report of readiness."""

    id: UUID
    completed_at: datetime
    readiness: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class FleetMachine:
    """A machine. State, reasons and wear are those of its newest completed run; counts are by severity.

    `findings` are the reasons with their codes, as long as the run is there.

    `data_until` is the time of its newest sample, but not later than the run's end. `severity_rank` of the
    worst open alert is 1 (low) to 4 (critical), 0 without one.
    """

    machine_id: UUID
    name: str
    model: str | None
    location: str | None
    tags: tuple[str, ...]
    status: str
    legal_hold: bool
    state: str
    reasons: Sequence[str]
    findings: Sequence[Mapping[str, Any]]
    wear: float | None
    run_id: UUID | None
    run_at: datetime | None
    data_until: datetime | None
    open_alerts: int
    unacknowledged_alerts: int
    severity_rank: int
    anomalies_24h: Mapping[str, int]
    anomalies_7d: Mapping[str, int]
    unacknowledged_anomalies: int
    spark: Sequence[SparkDay]
    newest: NewestAnalysis | None
    baseline: Baseline | None
    position: FleetPosition
