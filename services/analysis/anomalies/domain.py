"""Anomalies and their times."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

# A metadata column with one of these names sets the times of the samples, if its values are times.
TIME_COLUMNS = ("timestamp", "time", "datetime", "date")


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A sample that is not normal. `features` is its explanation: features, strongest first, and bands."""

    id: UUID
    organization_id: UUID
    analysis_id: UUID
    machine_id: UUID
    timestamp: datetime
    severity: str
    distance: float
    threshold: float
    features: Mapping[str, Any]
    metadata: Mapping[str, Any] | None
    acknowledged: bool
    acknowledged_by: UUID | None
    acknowledged_at: datetime | None
    created_at: datetime
    sample_index: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class AnomalyFilter:
    """`since` is inclusive, `until` exclusive."""

    machine_id: UUID | None = None
    analysis_id: UUID | None = None
    severity: str | None = None
    acknowledged: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DailyAnomalies:
    machine_id: UUID
    day: date
    severity: str
    anomalies: int
    worst_ratio: float | None


def parse_time(value: object) -> datetime | None:
    """Parse an ISO 8601 time, by default in UTC; None if the value is not a time."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def sample_time(metadata: Mapping[str, Any], index: int, uploaded_at: datetime) -> datetime:
    """Return the time of a sample: its time column, or the upload's time plus one microsecond per sample.

    The microseconds preserve the order of samples without times of their own.
    """
    for name, value in metadata.items():
        if name.strip().lower() in TIME_COLUMNS and (time := parse_time(value)) is not None:
            return time
    return uploaded_at + timedelta(microseconds=index)
