"""Deliveries: the attempts to tell a target of a change of an alert, and what is known of targets."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from services.alerting.reasons import Reason

QUEUE = "deliveries"
# One job per alert and target, its lane, so that messages about an alert never overtake each other.
MESSAGE_JOB = "message"
LANES = UUID("2f3f0b0c-5a86-4a1c-9b6a-4a1c5e0d9f3e")
# A message whose worker was killed waits for the end of its lease.
LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 10.0
RETRY_FACTOR = 4.0
MAX_RETRY_DELAY = timedelta(hours=6)
# A target that failed this often in a row gets nothing for a while: twice as long with each further failure.
BREAKER_FAILURES = 3
FIRST_BREAK, MAX_BREAK = timedelta(seconds=30), timedelta(minutes=15)
# What a receiver may ask for with Retry-After.
MAX_RETRY_AFTER = timedelta(days=1)
# Administrators are told of a target that gets no messages, but not of each message.
NOTICE_INTERVAL = timedelta(hours=1)
# The change of a message to administrators about a message that was given up.
GIVEN_UP_CHANGE = "given_up"


class DeliveryStatus(StrEnum):
    """How one attempt stands.

    `failed`: tried again later; `given_up`: not tried again; `cancelled`: there was nobody to tell;
    `superseded`: a newer message about the alert replaced it; `grouped`: told as part of another message;
    `suppressed`: a silence, a maintenance window, a muted time or a more severe alert kept it back.
    """

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    GROUPED = "grouped"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a message goes to: `key` identifies it within the organization, `shown` is what people see.

    Keys are `rule:<id>/<webhook>`, `contact:<id>` and `user:<id>`. `channel` is webhook:NAME, contact:NAME or
    email. Only what people `read` is grouped.
    """

    key: str
    channel: str
    shown: str
    read: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt, pending or finished, to send a message about one change of an alert to a target.

    The attempts of one message share `message_id`, which lets the receiver deduplicate them. `step` is the
    step of the rule that it belongs to.
    """

    id: UUID
    organization_id: UUID
    alert_id: UUID
    message_id: UUID
    channel: str
    target: str
    change: str
    message: Mapping[str, Any]
    attempt: int
    status: DeliveryStatus
    next_attempt_at: datetime
    response_status: int | None
    latency_ms: float | None
    error: Reason | None
    created_at: datetime
    finished_at: datetime | None
    lane_id: UUID | None = None
    target_key: str = ""
    step: int = 0
    group_key: str | None = None
    grouped_into: UUID | None = None

    @property
    def lane(self) -> UUID:
        return self.lane_id or self.message_id

    def next(self, delivery_id: UUID, now: datetime, due_at: datetime) -> "Delivery":
        """The attempt after this one."""
        return replace(self, id=delivery_id, attempt=self.attempt + 1, created_at=now, next_attempt_at=due_at)


def lane_of(alert_id: UUID, target_key: str) -> UUID:
    return uuid5(LANES, f"{alert_id}/{target_key}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an attempt. `permanent`: a retry cannot succeed; `gone`: nothing more must be sent."""

    status: DeliveryStatus
    response_status: int | None = None
    latency_ms: float | None = None
    error: Reason | None = None
    permanent: bool = False
    gone: bool = False
    retry_after: timedelta | None = None

    @property
    def failed(self) -> bool:
        return self.status is DeliveryStatus.FAILED


@dataclass(frozen=True, slots=True)
class TargetState:
    """What is known of a target: failures in a row, and until when or why nothing is sent to it."""

    organization_id: UUID
    target_key: str
    failures: int = 0
    open_until: datetime | None = None
    disabled_reason: str | None = None
    noticed_at: datetime | None = None

    def after(self, outcome: Outcome, now: datetime) -> "TargetState":
        """The circuit breaker: closed by success, opened by failures in a row or by the receiver's wish."""
        if not outcome.failed:
            return replace(self, failures=0, open_until=None)
        failures = self.failures + 1
        pause = timedelta()
        if failures >= BREAKER_FAILURES:
            pause = min(FIRST_BREAK * 2 ** min(failures - BREAKER_FAILURES, 20), MAX_BREAK)
        if outcome.retry_after is not None:
            pause = max(pause, outcome.retry_after)
        reason = str(outcome.error) if outcome.gone else self.disabled_reason
        return replace(
            self, failures=failures, open_until=now + pause if pause else None, disabled_reason=reason
        )

    def may_notice(self, now: datetime) -> bool:
        return self.noticed_at is None or now - self.noticed_at >= NOTICE_INTERVAL


@dataclass(frozen=True, slots=True)
class Told:
    """A target that was told of an alert by a step, and when last; `suppressed`: it would have been told."""

    target_key: str
    channel: str
    shown: str
    step: int
    at: datetime
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    status: DeliveryStatus | None = None
