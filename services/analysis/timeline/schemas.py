"""HTTP models of a machine's timeline."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.analysis.timeline.domain import Timeline, columns
from shared.events.alerting import AlertStatus
from shared.events.analysis import HealthState, Severity


class SeriesOut(BaseModel):
    """Parallel columns, one entry per bucket that has samples; ratios are distance divided by threshold."""

    at: list[datetime] = Field(description="The time of the bucket's first sample")
    samples: list[int]
    anomalies: list[int]
    min: list[float]
    max: list[float]
    mean: list[float]


class RunOut(BaseModel):
    """A completed monitoring run, from its first sample to its last."""

    analysis_id: UUID
    first_at: datetime
    last_at: datetime
    completed_at: datetime
    samples: int
    anomalies: int
    max_ratio: float | None
    state: HealthState


class TimelineAlertOut(BaseModel):
    """`first_seen_at` and `last_seen_at` are times of samples, the others say when it happened."""

    id: UUID
    rule_name: str
    status: AlertStatus
    severity: Severity
    summary: str
    count: int
    worst_ratio: float | None
    first_seen_at: datetime
    last_seen_at: datetime
    raised_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None


class MarkOut(BaseModel):
    kind: Literal["baseline", "failed_run"]
    at: datetime
    analysis_id: UUID
    text: str | None


class TimelineOut(BaseModel):
    machine_id: UUID
    since: datetime
    until: datetime
    bucket_seconds: float = Field(description="The width of a bucket")
    series: SeriesOut
    runs: list[RunOut] = Field(description="Newest first")
    alerts: list[TimelineAlertOut] = Field(description="Open ones, whatever the range, then newest first")
    marks: list[MarkOut] = Field(description="Completed baselines and failed analyses, newest first")
    truncated: list[Literal["runs", "alerts", "marks"]] = Field(
        description="Lists that are longer than shown here; choose a shorter range"
    )

    @classmethod
    def of(cls, timeline: Timeline) -> "TimelineOut":
        return cls.model_validate(
            {
                "machine_id": timeline.machine_id,
                "since": timeline.since,
                "until": timeline.until,
                "bucket_seconds": timeline.bucket.total_seconds(),
                "series": columns(timeline.buckets),
                "runs": timeline.runs,
                "alerts": timeline.alerts,
                "marks": timeline.marks,
                "truncated": timeline.truncated,
            },
            from_attributes=True,
        )
