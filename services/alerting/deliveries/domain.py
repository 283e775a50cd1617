"""Deliveries: the attempts to tell a channel of a change of an alert. A part of the domain."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.alerting.alerts.domain import Change
from services.alerting.rules.actions import Webhook


class DeliveryStatus(StrEnum):
    """Of one attempt. `cancelled`: the rule lost the webhook before the attempt was made."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt, made or to be made, to tell `channel` of one change of an alert.

    The attempts of one message share `message_id`, which the receiver sees and can drop repeats by.
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


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to make one attempt; whoever holds another `lease_id` has taken the work over."""

    delivery_id: UUID
    organization_id: UUID
    lease_id: UUID


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery and where it goes; no webhook when the rule has lost it."""

    delivery: Delivery
    rule_id: UUID
    webhook: Webhook | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. `final`: trying again cannot help."""

    delivered: bool
    response_status: int | None
    latency_ms: float
    error: str | None
    final: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter, bounded in number and in length."""

    attempts: int
    first_delay: timedelta
    factor: float = 4.0
    longest_delay: timedelta = timedelta(hours=6)

    def delay(self, attempt: int, jitter: float) -> timedelta | None:
        """How long to wait after failed attempt number `attempt` (from 1); None when it was the last.

        `jitter` in 0..1 spreads receivers' recoveries over the upper half of the delay.
        """
        if attempt >= self.attempts:
            return None
        steps = min(attempt - 1, 32)
        seconds = self.first_delay.total_seconds() * self.factor**steps
        seconds = min(seconds, self.longest_delay.total_seconds())
        return timedelta(seconds=seconds * (0.5 + jitter / 2))
