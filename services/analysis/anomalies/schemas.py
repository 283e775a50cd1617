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
            " value that the others let expect; `bands` of neighbouring features; and `cause`, the statistic"
            " that alarmed: `distance` of the sample, largest `residual` of a feature, distance of the moving"
            " `average` or to the nearest `neighbour` in the baseline, or a `constant` feature that moved"
        )
    )
    metadata: dict[str, Any] | None
    acknowledged: bool
    acknowledged_by: UUID | None
    acknowledged_at: datetime | None
    created_at: datetime
    stated_time: str | None = Field(
        description=(
            "The sample's time as its file states it, if it cannot be: before 1970, more than a day after the"
            " upload, or in no calendar. `timestamp` is then the time of the upload"
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
