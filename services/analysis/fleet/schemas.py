"""HTTP models of the fleet."""

import base64
import binascii
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel, Field

from services.analysis.domain import AnalysisType, Status
from services.analysis.fleet.domain import FleetMachine, FleetPosition, FleetSort
from services.analysis.fleet.service import FleetSlice
from shared.errors import FieldError, Unprocessable
from shared.events.analysis import HealthState

# From the worst to the mildest, as the rank of an open alert.
SEVERITIES = (None, "low", "medium", "high", "critical")
# A name has at most 255 characters.
MAX_CURSOR_LENGTH = 2000
INVALID_CURSOR = "is not valid for this order. Start without a cursor."


def encode_cursor(sort: FleetSort, position: FleetPosition) -> str:
    text = orjson.dumps([sort, position.rank, position.name, str(position.machine_id)])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def decode_cursor(sort: FleetSort, text: str) -> FleetPosition:
    """The position that a cursor holds. Raises Unprocessable, also if it comes from another order."""
    try:
        used, rank, name, machine_id = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if used != sort or not isinstance(name, str) or "\0" in name:
            raise ValueError(used)
        return FleetPosition(float(rank), name, UUID(machine_id))
    except (binascii.Error, ValueError, TypeError, AttributeError):
        raise Unprocessable(
            f"The cursor {INVALID_CURSOR}", errors=[FieldError("/query/cursor", INVALID_CURSOR)]
        ) from None


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
    def of(cls, sort: FleetSort, found: FleetSlice) -> "FleetPage":
        return cls(
            items=[FleetMachineOut.of(machine, found.now) for machine in found.machines],
            next_cursor=encode_cursor(sort, found.following) if found.following else None,
        )
