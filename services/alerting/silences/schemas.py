"""HTTP models of silences, and of what they and maintenance windows match."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.alerting.resources.domain import Resource
from services.alerting.rules.leaves import SeverityLabel
from shared.http.fields import SOMETHING_STORABLE, Moment, NotNull

MAX_MATCHED = 200
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=SOMETHING_STORABLE)
]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=SOMETHING_STORABLE)
]
Word = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=SOMETHING_STORABLE)]


class MatcherModel(BaseModel):
    """Every criterion that is given must match, with any of its values. An empty one matches everything."""

    model_config = ConfigDict(extra="forbid")

    machine_ids: Annotated[list[UUID], Field(max_length=MAX_MATCHED)] = []
    rule_ids: Annotated[list[UUID], Field(max_length=MAX_MATCHED)] = []
    tags: Annotated[list[Word], Field(max_length=MAX_MATCHED)] = Field(
        default=[], description="Of the machine; one of them suffices"
    )
    locations: Annotated[list[Word], Field(max_length=MAX_MATCHED)] = []
    max_severity: SeverityLabel | None = Field(default=None, description="More severe alerts notify anyway")


class SilenceCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Title = Field(examples=["Pump 7 waits for its bearing"])
    reason: Reason
    matcher: MatcherModel
    starts_at: Moment | None = Field(default=None, description="Now, if left out")
    ends_at: Moment


class SilenceUpdate(BaseModel):
    """Only the given fields change."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Title | None, NotNull()] = None
    reason: Annotated[Reason | None, NotNull()] = None
    matcher: Annotated[MatcherModel | None, NotNull()] = None
    ends_at: Annotated[Moment | None, NotNull()] = None


class SilenceOut(BaseModel):
    id: UUID
    name: str
    reason: str
    matcher: MatcherModel
    starts_at: datetime
    ends_at: datetime
    is_active: bool = Field(description="Whether it is in effect now")
    created_by: UUID
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, resource: Resource, now: datetime) -> "SilenceOut":
        document = resource.document
        starts_at = datetime.fromisoformat(document["starts_at"])
        ends_at = resource.ends_at or now
        values: dict[str, Any] = {
            name: getattr(resource, name) for name in ("id", "name", "created_by", "created_at", "updated_at")
        }
        return cls(
            reason=document["reason"],
            matcher=MatcherModel.model_validate(document["matcher"]),
            starts_at=starts_at,
            ends_at=ends_at,
            is_active=starts_at <= now < ends_at,
            **values,
        )
