"""Deliveries: the attempts to send a message about a change of an alert to a channel."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.alerting.alerts.domain import Change
from services.alerting.rules.domain import Webhook

# One job per message.
QUEUE = "deliveries"
MESSAGE_JOB = "message"
# A message whose worker was killed waits for the end of its lease.
LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 10.0
RETRY_FACTOR = 4.0
MAX_RETRY_DELAY = timedelta(hours=6)


class DeliveryStatus(StrEnum):
    """The status of one attempt. `cancelled`: the webhook was removed from the rule before the attempt."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt, pending or finished, to send a message about one change of an alert to `channel`.

    The attempts of one message share `message_id`, which lets the receiver deduplicate them.
    """

    id: UUID
    organization_id: UUID
    alert_id: UUID
    message_id: UUID
    channel: str
    target: str
    change: Change
    message: Mapping[str, Any]
    attempt: int
    status: DeliveryStatus
    next_attempt_at: datetime
    response_status: int | None
    latency_ms: float | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    def next(self, delivery_id: UUID, now: datetime, due_at: datetime) -> "Delivery":
        """The attempt after this one."""
        return replace(self, id=delivery_id, attempt=self.attempt + 1, created_at=now, next_attempt_at=due_at)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A pending attempt and its webhook; None when it was removed from the rule."""

    delivery: Delivery
    rule_id: UUID
    webhook: Webhook | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an attempt. `permanent`: a retry cannot succeed."""

    status: DeliveryStatus
    response_status: int | None = None
    latency_ms: float | None = None
    error: str | None = None
    permanent: bool = False
