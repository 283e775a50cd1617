"""HTTP models of deliveries."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.alerting.alerts.domain import Change
from services.alerting.deliveries.domain import Delivery, DeliveryStatus


class DeliveryOut(BaseModel):
    """One attempt to tell a channel of a change. Attempts of one message share `message_id`."""

    id: UUID
    message_id: UUID
    channel: str
    target: str
    change: Change
    attempt: int
    status: DeliveryStatus
    next_attempt_at: datetime | None = Field(description="Of an attempt that is still to be made")
    response_status: int | None
    latency_ms: float | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOut":
        values = {name: getattr(delivery, name) for name in cls.model_fields}
        if delivery.status is not DeliveryStatus.PENDING:
            values["next_attempt_at"] = None
        return cls.model_validate(values)
