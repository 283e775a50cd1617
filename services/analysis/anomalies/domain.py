"""Anomalies and their times."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from shared.months import EARLIEST, plausible

# A metadata column with one of these names sets the times of the samples, if its values are times.
TIME_COLUMNS = ("timestamp", "time", "datetime", "date")
# What looks like a time, also if no calendar has it: year 12345, 44 BC, 0000-00-00, February 30.
DATE_LIKE = re.compile(r"\s*[+-]?\d{4,}-\d{2}-\d{2}", re.ASCII)
MAX_STATED = 64
# In a version 7 UUID, milliseconds since 1970 stand before version, counter and random bits.
RANDOM_BITS = 80


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A sample that is not normal. `features` is its explanation: features, strongest first, and bands.

    `stated_time` is what its file says, where that cannot be a time of the sample; `timestamp` is then the
    time of the upload.
    """

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
    stated_time: str | None = None


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


@dataclass(frozen=True, slots=True)
class SampleTime:
    """`stated` is the text of a time that cannot be; `at` is then another one."""

    at: datetime
    stated: str | None = None


def sample_time(
    metadata: Mapping[str, Any], index: int, uploaded_at: datetime, column: str | None = None
) -> SampleTime:
    """Return the time of a sample: its time column, or the upload's time plus one microsecond per sample.

    `column` is the one that was found by content. Runs that are older have one that is named as times are.

    The microseconds preserve the order of samples without times of their own. A time before 1970, more than a
    day after the upload, or in no calendar, is an error of a clock or of an export: it is reported as it
    stands in the file, and does not place the sample in a year for which nobody looks.
    """
    stated: str | None = None
    for name, value in metadata.items():
        known = name == column if column is not None else name.strip().lower() in TIME_COLUMNS
        if not known or not isinstance(value, str):
            continue
        time = parse_time(value)
        if time is not None and plausible(time, uploaded_at):
            return SampleTime(time)
        if stated is None and (time is not None or DATE_LIKE.match(value)):
            stated = value.strip()[:MAX_STATED]
    return SampleTime(uploaded_at + timedelta(microseconds=index), stated)


def anomaly_id(at: datetime, unique: UUID) -> UUID:
    """The id of an anomaly at this time: a version 7 UUID with the time of the sample, not of its making.

    So the id says in which month's partition its row lies. `unique` is a version 7 UUID, whose random bits
    stay.
    """
    milliseconds = (at - EARLIEST) // timedelta(milliseconds=1)
    return UUID(int=(milliseconds << RANDOM_BITS) | (unique.int & ((1 << RANDOM_BITS) - 1)))


def time_within(identifier: UUID) -> tuple[datetime, datetime] | None:
    """The bounds (inclusive, exclusive) of the time that a version 7 UUID contains; None if it has none."""
    if identifier.version != 7:
        return None
    try:
        since = EARLIEST + timedelta(milliseconds=identifier.int >> RANDOM_BITS)
        return since, since + timedelta(milliseconds=1)
    except OverflowError:
        return None
