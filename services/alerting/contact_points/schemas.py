"""HTTP models of contact points."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.alerting.contact_points.documents import ContactTarget
from services.alerting.contact_points.domain import ContactKind, ContactPoint
from services.alerting.resources.domain import Resource
from services.alerting.rules.actions import Handle
from services.alerting.rules.documents import Document
from shared.http.fields import NotNull


class ContactPointCreate(Document):
    name: Handle = Field(description="Rules use it: contact:NAME", examples=["night-shift"])
    target: ContactTarget
    is_active: bool = True


class ContactPointUpdate(Document):
    """Only the given fields change."""

    name: Annotated[Handle | None, NotNull()] = None
    target: Annotated[ContactTarget | None, NotNull()] = None
    is_active: Annotated[bool | None, NotNull()] = Field(
        default=None, description="True also ends the pause after failures, and the ban after a 410"
    )


class ContactPointOut(BaseModel):
    """`shown` is what everybody may see of the target. `disabled_reason` says why it was switched off."""

    id: UUID
    name: str
    kind: ContactKind
    shown: str
    address: str | None = Field(description="The whole address of a mailbox or webhook, for administrators")
    is_active: bool
    disabled_reason: str | None
    is_confirmed: bool = Field(
        description="Whoever reads the mailbox has agreed; until then it gets nothing. True for other kinds"
    )
    asked_at: datetime | None = Field(description="When the mail that asks for confirmation was last sent")
    created_by: UUID
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, resource: Resource, address: str | None) -> "ContactPointOut":
        point = ContactPoint.load(resource.document)
        values: dict[str, Any] = {
            name: getattr(resource, name) for name in ("id", "name", "created_by", "created_at", "updated_at")
        }
        return cls(
            kind=point.kind,
            shown=point.shown,
            address=address,
            is_active=point.is_active,
            disabled_reason=point.disabled_reason,
            is_confirmed=point.is_confirmed,
            asked_at=point.asked_at,
            **values,
        )


class TestResult(BaseModel):
    """How the test message fared. Mail counts as delivered once the mail server has accepted it."""

    __test__ = False

    delivered: bool
    response_status: int | None
    latency_ms: float | None
    error: str | None
    code: str | None = Field(description="Names why it was not delivered")
    params: dict[str, Any] = Field(description="What the reason names")
