"""HTTP models of anomalies."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.analysis.anomalies.domain import Anomaly, DailyAnomalies


class AnomalyOut(BaseModel):
    id: UUID
    analysis_id: UUID
    machine_id: UUID
    sample_index: int
    timestamp: datetime
    severity: str
    distance: float
    threshold: float
    x: float
    y: float
    features: dict[str, Any] = Field(
        description=(
            "The explanation: `features` that explain the sample together, strongest first, each with the"
            " value expected from the others; `bands` of neighbouring features; and `cause`, the statistic"
            " that raised the alarm: `distance` of the sample, largest `residual` of a feature, distance of"
            " the moving `average` or to the nearest `neighbour` in the baseline, or a `constant` feature"
            " that moved"
        )
    )
    metadata: dict[str, Any] | None
    acknowledged: bool
    acknowledged_by: UUID | None
    acknowledged_at: datetime | None
    created_at: datetime
    stated_time: str | None = Field(
        description=(
            "The time that the file states, if it is impossible: before 1970, more than a day after the"
            " upload, or not in the calendar. In that case `timestamp` is the time of the upload"
        )
    )

    @classmethod
    def of(cls, anomaly: Anomaly) -> "AnomalyOut":
        return cls.model_validate(anomaly, from_attributes=True)


class DailyAnomaliesOut(BaseModel):
    machine_id: UUID
    day: date
    severity: str
    anomalies: int
    worst_ratio: float | None

    @classmethod
    def of(cls, daily: DailyAnomalies) -> "DailyAnomaliesOut":
        return cls.model_validate(daily, from_attributes=True)


class DailyList(BaseModel):
    items: list[DailyAnomaliesOut]
