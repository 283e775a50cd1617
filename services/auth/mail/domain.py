"""Mail: what a message says, how it is stored, and how an attempt to send it ended."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

# The queue, and the kind of its jobs that send one message each.
QUEUE = "mail"
MESSAGE_JOB = "message"
CONCURRENCY = 8
# A worker that is silent for this long counts as dead, and another one sends its messages.
LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 10.0
# The bound of each pause is four times the one before: half a minute, two minutes, ... up to six hours.
RETRY_FACTOR = 4.0
MAX_RETRY_DELAY = timedelta(hours=6)
# A notice is useless after a day or two.
NOTICE_LIFETIME = timedelta(days=2)
# How long the outcome is kept; the content is deleted at once.
RETENTION = timedelta(days=7)


class MailStatus(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Message:
    """`text` holds one-time links: it is stored encrypted, and never logged."""

    recipient: str
    subject: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message that waits to be sent, which is pointless after `expires_at`."""

    id: UUID
    kind: str
    sealed: str = field(repr=False)
    expires_at: datetime
    created_at: datetime
    # The user or the organization that it is about, with whom it is deleted.
    about: UUID | None = None
