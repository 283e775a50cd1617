"""HTTP models of deliveries."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.alerting.alerts.domain import Change
from services.alerting.deliveries.domain import Delivery, DeliveryStatus
from services.alerting.rules.domain import host_of


class DeliveryOut(BaseModel):
    """One attempt to deliver a message to a channel. The attempts of one message share `message_id`."""

    id: UUID
    message_id: UUID
    channel: str
    target: str = Field(description="The host of the webhook's address")
    change: Change
    attempt: int
    status: DeliveryStatus
    next_attempt_at: datetime | None = Field(description="When a pending attempt is due")
    response_status: int | None
    latency_ms: float | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOut":
        values = {name: getattr(delivery, name) for name in cls.model_fields}
        # Rows from before addresses were sealed may hold a path.
        values["target"] = host_of(delivery.target) if delivery.target else ""
        if delivery.status is not DeliveryStatus.PENDING:
            values["next_attempt_at"] = None
        return cls.model_validate(values)
