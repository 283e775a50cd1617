"""HTTP models of deliveries and timelines."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.alerting.alerts.changes import RecordedChange
from services.alerting.deliveries.domain import Delivery, DeliveryStatus
from services.alerting.reasons import Reason
from services.alerting.rules.domain import host_of
from services.alerting.rules.leaves import SeverityLabel


class DeliveryOut(BaseModel):
    """One attempt to deliver a message to a target. The attempts of one message share `message_id`."""

    id: UUID
    alert_id: UUID
    message_id: UUID
    channel: str = Field(description="email, webhook:NAME or contact:NAME")
    target: str = Field(description="The host of a webhook, or a mail address that is mostly hidden")
    change: str = Field(
        description="The change of the alert that the message reports, or escalated, reminder or given_up"
    )
    attempt: int
    status: DeliveryStatus
    next_attempt_at: datetime | None = Field(description="When a pending attempt is due")
    response_status: int | None
    latency_ms: float | None
    error: str | None = Field(description="Why it failed, was cancelled, suppressed or superseded")
    code: str | None = Field(description="Names the reason; attempts of older versions have none")
    params: dict[str, Any] = Field(description="What the reason names")
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOut":
        values = {name: getattr(delivery, name, None) for name in cls.model_fields} | told(delivery.error)
        # Rows from before addresses were sealed may hold a path.
        values["target"] = host_of(delivery.target) if "://" in delivery.target else delivery.target
        if delivery.status is not DeliveryStatus.PENDING:
            values["next_attempt_at"] = None
        return cls.model_validate(values)


def told(reason: Reason | None) -> dict[str, Any]:
    """The fields that say why."""
    if reason is None:
        return {"error": None, "code": None, "params": {}}
    return {"error": reason.text, "code": reason.code, "params": dict(reason.params)}


class Deliveries(BaseModel):
    items: list[DeliveryOut]


class TimelineEntry(BaseModel):
    """A change of the alert, or an attempt to tell somebody. Fields that do not apply are null."""

    at: datetime
    type: Literal["change", "delivery"]
    change: str
    by: UUID | None = None
    reason: str | None = Field(default=None, description="What a person wrote, or what the service says")
    code: str | None = Field(default=None, description="Names a reason of the service")
    params: dict[str, Any] = Field(default_factory=dict, description="What the reason names")
    severity: SeverityLabel | None = None
    assigned_to: UUID | None = None
    delivery_id: UUID | None = None
    channel: str | None = None
    target: str | None = None
    status: str = Field(description="Of the alert after the change, or of the attempt")
    attempt: int | None = None

    @classmethod
    def of_change(cls, change: RecordedChange) -> "TimelineEntry":
        return cls(
            at=change.at,
            type="change",
            change=change.kind,
            by=change.by,
            reason=change.reason,
            code=change.code,
            severity=change.severity.label,
            assigned_to=change.assigned_to,
            status=change.status,
        )

    @classmethod
    def of_delivery(cls, delivery: Delivery) -> "TimelineEntry":
        shown = DeliveryOut.of(delivery)
        return cls(
            at=delivery.finished_at or delivery.created_at,
            type="delivery",
            change=delivery.change,
            reason=shown.error,
            code=shown.code,
            params=shown.params,
            delivery_id=delivery.id,
            channel=delivery.channel,
            target=shown.target,
            status=delivery.status,
            attempt=delivery.attempt,
        )


class Timeline(BaseModel):
    items: list[TimelineEntry]
