"""HTTP models of rotations."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from services.alerting.resources.domain import Resource
from services.alerting.resources.fields import TimeZone, WallClock
from services.alerting.rotations.domain import MAX_MEMBERS, MAX_SHIFT, MIN_SHIFT, Override, Rotation, Shift
from services.alerting.rules.actions import Handle
from services.alerting.rules.documents import Duration
from services.alerting.rules.durations import to_duration, to_timedelta
from shared.http.fields import STORABLE, Moment, NotNull


def _check_shift(duration: str) -> str:
    if not MIN_SHIFT <= to_timedelta(duration) <= MAX_SHIFT:
        raise PydanticCustomError("shift_length", "must be between PT1H and P91D, such as P7D")
    return duration


def _check_members(members: list[UUID]) -> list[UUID]:
    if len(set(members)) != len(members):
        raise PydanticCustomError("members_once", "must name each member once")
    return members


ShiftLength = Annotated[Duration, AfterValidator(_check_shift)]
Members = Annotated[list[UUID], Field(min_length=1, max_length=MAX_MEMBERS), AfterValidator(_check_members)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=STORABLE)]


class RotationCreate(BaseModel):
    """Members take turns of the length `shift`, from `starts` on, by the wall clock of `time_zone`."""

    model_config = ConfigDict(extra="forbid")

    name: Handle = Field(description="Rules use it: rotation:NAME", examples=["on-call"])
    members: Members = Field(description="In the order of their turns")
    starts: WallClock = Field(
        description="When the first turn begins, without an offset", examples=["2026-01-05T06:00:00"]
    )
    shift: ShiftLength = Field(default="P7D", examples=["P7D", "PT12H"])
    time_zone: TimeZone = "UTC"


class RotationUpdate(BaseModel):
    """Only the given fields change. Overrides are kept."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Handle | None, NotNull()] = None
    members: Annotated[Members | None, NotNull()] = None
    starts: Annotated[WallClock | None, NotNull()] = None
    shift: Annotated[ShiftLength | None, NotNull()] = None
    time_zone: Annotated[TimeZone | None, NotNull()] = None


class OverrideCreate(BaseModel):
    """`user_id` takes over from `starts_at` to `ends_at`."""

    model_config = ConfigDict(extra="forbid")

    user_id: UUID
    starts_at: Moment
    ends_at: Moment
    reason: Reason | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise PydanticCustomError("ends_before_start", "ends_at must be after starts_at")
        return self


class OverrideOut(BaseModel):
    id: UUID
    user_id: UUID
    starts_at: datetime
    ends_at: datetime
    created_by: UUID
    reason: str | None

    @classmethod
    def of(cls, override: Override) -> "OverrideOut":
        return cls.model_validate({name: getattr(override, name) for name in cls.model_fields})


class RotationOut(BaseModel):
    id: UUID
    name: str
    members: list[UUID]
    starts: WallClock = Field(description="On the wall clock of time_zone")
    shift: str
    time_zone: str
    on_call: UUID | None = Field(description="Who is on call now")
    overrides: list[OverrideOut]
    created_by: UUID
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, resource: Resource, now: datetime) -> "RotationOut":
        rotation = Rotation.load(resource.document)
        values: dict[str, Any] = {
            name: getattr(resource, name) for name in ("id", "name", "created_by", "created_at", "updated_at")
        }
        return cls(
            members=list(rotation.members),
            starts=rotation.starts,
            shift=to_duration(rotation.shift),
            time_zone=rotation.time_zone,
            on_call=rotation.on_call(now),
            overrides=[OverrideOut.of(each) for each in rotation.overrides],
            **values,
        )


class ShiftOut(BaseModel):
    user_id: UUID
    starts_at: datetime
    ends_at: datetime
    override_id: UUID | None = Field(description="The override that put the person there, if one did")

    @classmethod
    def of(cls, shift: Shift) -> "ShiftOut":
        return cls.model_validate({name: getattr(shift, name) for name in cls.model_fields})


class Shifts(BaseModel):
    items: list[ShiftOut]
