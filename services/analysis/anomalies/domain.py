"""Anomalies, and when they were."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

# A metadata column of one of these names dates the samples, if its values can be read as times.
TIME_COLUMNS = ("timestamp", "time", "datetime", "date")


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A sample outside normal. `features` holds the explanation: features, strongest first, and bands."""

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


def moment(text: object) -> datetime | None:
    """Read an ISO 8601 time; without a zone it is UTC. None when it is no time."""
    if not isinstance(text, str):
        return None
    try:
        read = datetime.fromisoformat(text.strip())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def sample_time(metadata: Mapping[str, Any], index: int, uploaded_at: datetime) -> datetime:
    """When a sample was taken: its time column, else the upload's time plus one microsecond per sample.

    The microseconds keep the samples' order where nothing else dates them.
    """
    for name, value in metadata.items():
        if name.strip().lower() in TIME_COLUMNS and (read := moment(value)) is not None:
            return read
    return uploaded_at + timedelta(microseconds=index)
