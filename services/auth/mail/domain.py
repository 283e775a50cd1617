"""Letters, and the rules of sending them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

# What only tells of something is of no use after a day or two.
NOTICE_LIFETIME = timedelta(days=2)
# Each pause is four times as long as the one before: eight attempts span about half a day.
RETRY_FACTOR = 4.0
LONGEST_RETRY = timedelta(hours=6)
# Whether a letter has left can be looked up for this long; what it said is gone at once.
MAIL_REMEMBERED_FOR = timedelta(days=7)


class LetterStatus(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Letter:
    """`text` holds one-time links: it is written nowhere but into the mail."""

    recipient: str
    subject: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class QueuedLetter:
    """A letter on its way. `attempts` are those made; a lease belongs to the process that makes the next."""

    id: UUID
    kind: str
    sealed: str = field(repr=False)
    attempts: int
    expires_at: datetime
    created_at: datetime
    lease_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """How an attempt to send ended. `final`: trying again cannot help. `error` names no address."""

    error: str | None
    final: bool = False


def retry_delay(attempts: int, first: timedelta) -> timedelta:
    """How long to wait after the failed attempt number `attempts`, from 1."""
    # The exponent is bounded so that no count of attempts overflows.
    return min(first * RETRY_FACTOR ** min(attempts - 1, 16), LONGEST_RETRY)
