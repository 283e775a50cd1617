"""HTTP models of the fleet."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.analysis.domain import AnalysisType, Status
from services.analysis.fleet.domain import FleetMachine, FleetPosition
from services.analysis.fleet.service import FleetSlice
from services.analysis.health.schemas import FindingOut
from shared.events.analysis import HealthState
from shared.http.pages import decode, encode

# From the worst to the mildest, as the rank of an open alert.
SEVERITIES = (None, "low", "medium", "high", "critical")


def encode_position(position: FleetPosition) -> str:
    return encode(position.rank, position.name, str(position.machine_id))


def decode_position(text: str) -> FleetPosition:
    """Raises InvalidCursor."""
    return decode(text, _position)


def _position(rank: float, name: str, machine_id: str) -> FleetPosition:
    if not isinstance(name, str) or "\0" in name:
        raise ValueError(name)
    return FleetPosition(float(rank), name, UUID(machine_id))


class SeverityCounts(BaseModel):
    low: int = 0
    medium: int = 0
    high: int = 0
    critical: int = 0


class OpenAlerts(BaseModel):
    count: int
    unacknowledged: int
    highest_severity: str | None = Field(description="Of the open alerts; null if there are none")


class SparkDayOut(BaseModel):
    """A day with data."""

    day: str = Field(json_schema_extra={"format": "date"})
    max_ratio: float | None = Field(description="The highest distance divided by the threshold")
    anomaly_share: float = Field(description="The share of samples that are anomalies, 0 to 1")


class NewestAnalysisOut(BaseModel):
    id: UUID
    analysis_type: AnalysisType
    status: Status
    created_at: datetime
    completed_at: datetime | None
    stage: str | None
    progress: float = Field(ge=0, le=1)


class BaselineOut(BaseModel):
    id: UUID
    completed_at: datetime
    readiness: dict[str, Any] | None


class FleetMachineOut(BaseModel):
    machine_id: UUID
    name: str
    model: str | None
    location: str | None
    tags: list[str]
    status: str
    legal_hold: bool
    state: HealthState = Field(description="Of the newest completed monitoring run")
    reasons: list[str]
    findings: list[FindingOut] = Field(description="The reasons with their codes")
    wear: float | None = Field(description="In baseline standard deviations")
    last_run_id: UUID | None
    last_run_at: datetime | None
    last_data_at: datetime | None = Field(
        description="The time of the newest sample, but at most that of the run's end"
    )
    silent_for: float | None = Field(description="Seconds since `last_data_at`")
    open_alerts: OpenAlerts
    anomalies_24h: SeverityCounts = Field(description="In the current hour and the 23 before it")
    anomalies_7d: SeverityCounts = Field(description="In the current hour and the 167 before it")
    unacknowledged_anomalies: int = Field(description="Of those in `anomalies_7d`")
    spark: list[SparkDayOut] = Field(description="The days with data among the last 30 up to `last_data_at`")
    newest_analysis: NewestAnalysisOut | None = Field(
        description="The analysis that was submitted last, with its progress while it runs"
    )
    baseline: BaselineOut | None = Field(description="The active baseline, with its readiness")

    @classmethod
    def of(cls, machine: FleetMachine, now: datetime) -> "FleetMachineOut":
        names = (*cls.model_fields, "run_id")
        own = {name: getattr(machine, name) for name in names if hasattr(machine, name)}
        own["open_alerts"] = OpenAlerts(
            count=machine.open_alerts,
            unacknowledged=machine.unacknowledged_alerts,
            highest_severity=SEVERITIES[machine.severity_rank],
        )
        silent = None if machine.data_until is None else (now - machine.data_until).total_seconds()
        return cls.model_validate(
            own
            | {
                "last_run_id": machine.run_id,
                "last_run_at": machine.run_at,
                "last_data_at": machine.data_until,
                "silent_for": None if silent is None else max(0.0, silent),
                "newest_analysis": machine.newest,
            },
            from_attributes=True,
        )


class FleetPage(BaseModel):
    items: list[FleetMachineOut]
    next_cursor: str | None = None

    @classmethod
    def of(cls, found: FleetSlice) -> "FleetPage":
        return cls(
            items=[FleetMachineOut.of(machine, found.now) for machine in found.machines],
            next_cursor=encode_position(found.following) if found.following else None,
        )
