"""HTTP models of maintenance windows."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.alerting.maintenance_windows.domain import MAX_DURATION, Occurrence, Schedule
from services.alerting.resources.domain import Resource
from services.alerting.resources.fields import TimeZone, WallClock
from services.alerting.rules.documents import Duration
from services.alerting.rules.durations import to_duration, to_timedelta
from services.alerting.silences.schemas import MatcherModel, Reason, Title
from shared.http.fields import STORABLE, NotNull


def _check_length(duration: str) -> str:
    if not 0 < to_timedelta(duration).total_seconds() <= MAX_DURATION.total_seconds():
        raise PydanticCustomError("window_length", "must be longer than zero and at most P31D")
    return duration


Length = Annotated[Duration, AfterValidator(_check_length)]
RuleText = Annotated[str, StringConstraints(min_length=6, max_length=500, pattern=r"^[\x20-\x7e]*$")]


class MaintenanceWindowCreate(BaseModel):
    """Machines that match are in maintenance from `starts` on, for `duration`, and again as `rule` says.

    Times follow the wall clock of `time_zone`.
    """

    model_config = ConfigDict(extra="forbid")

    name: Title = Field(examples=["Saturday cleaning"])
    reason: Reason
    matcher: MatcherModel
    starts: WallClock = Field(description="Without an offset", examples=["2026-01-03T22:00:00"])
    duration: Length = Field(examples=["PT4H"])
    time_zone: TimeZone = "UTC"
    rule: RuleText | None = Field(
        default=None, description="An RRULE of RFC 5545", examples=["FREQ=WEEKLY;BYDAY=SA"]
    )


class MaintenanceWindowUpdate(BaseModel):
    """Only the given fields change. `rule` null makes the window a single one."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Title | None, NotNull()] = None
    reason: Annotated[Reason | None, NotNull()] = None
    matcher: Annotated[MatcherModel | None, NotNull()] = None
    starts: Annotated[WallClock | None, NotNull()] = None
    duration: Annotated[Length | None, NotNull()] = None
    time_zone: Annotated[TimeZone | None, NotNull()] = None
    rule: RuleText | None = None


class OccurrenceOut(BaseModel):
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, occurrence: Occurrence) -> "OccurrenceOut":
        return cls(starts_at=occurrence.starts_at, ends_at=occurrence.ends_at)


class Occurrences(BaseModel):
    items: list[OccurrenceOut]


class MaintenanceWindowOut(BaseModel):
    id: UUID
    name: str
    reason: str
    matcher: MatcherModel
    starts: WallClock = Field(description="On the wall clock of time_zone")
    duration: str
    time_zone: str
    rule: str | None
    ends_at: datetime | None = Field(description="When the last one ends; null if it recurs for ever")
    current: OccurrenceOut | None = Field(description="The occurrence that is going on")
    created_by: UUID
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, resource: Resource, now: datetime) -> "MaintenanceWindowOut":
        schedule = Schedule.load(resource.document["schedule"])
        current = schedule.at(now)
        values: dict[str, Any] = {
            name: getattr(resource, name)
            for name in ("id", "name", "ends_at", "created_by", "created_at", "updated_at")
        }
        return cls(
            reason=resource.document["reason"],
            matcher=MatcherModel.model_validate(resource.document["matcher"]),
            starts=schedule.starts,
            duration=to_duration(schedule.duration),
            time_zone=schedule.time_zone,
            rule=schedule.rule,
            current=OccurrenceOut.of(current) if current else None,
            **values,
        )


class CalendarImport(BaseModel):
    """The events of an iCalendar file (RFC 5545) become windows; earlier ones are replaced by their UID."""

    model_config = ConfigDict(extra="forbid")

    calendar: Annotated[str, StringConstraints(min_length=1, max_length=200_000, pattern=STORABLE)] = Field(
        examples=["BEGIN:VCALENDAR..."]
    )
    matcher: MatcherModel
    time_zone: TimeZone = Field(default="UTC", description="Of events without one, and of whole days")


class SkippedEvent(BaseModel):
    name: str
    reason: str


class CalendarImported(BaseModel):
    windows: list[MaintenanceWindowOut]
    skipped: list[SkippedEvent] = Field(description="Events that are no windows, and why")
