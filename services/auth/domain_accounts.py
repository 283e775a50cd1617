"""Mail, one-time links and invitations, and the rules that need nothing but them. A part of the domain."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.auth.domain import Client
from shared.access import Role

# Long enough for a mailbox that is read on working days only.
VERIFICATION_LIFETIME = timedelta(days=3)
# Whoever asked sits before the screen; a mailbox that is read by others later holds nothing of use.
RESET_LIFETIME = timedelta(hours=1)
INVITATION_LIFETIME = timedelta(days=7)
# One address is not written to more often; an organization invites a whole shift at once, and no town.
INVITATION_PAUSE = timedelta(minutes=2)
INVITATION_WINDOW = timedelta(hours=1)
MOST_INVITATIONS = 100
# What only tells of something is of no use after a day or two.
NOTICE_LIFETIME = timedelta(days=2)
# A second letter soon after the first would be the first one over again.
VERIFICATION_PAUSE = timedelta(minutes=2)
# Nobody's mailbox is filled by others, from however many addresses they ask.
MOST_RESETS = 3
RESETS_COUNTED_FOR = timedelta(hours=1)
# Each pause is four times as long as the one before: eight attempts span about half a day.
RETRY_FACTOR = 4.0
LONGEST_RETRY = timedelta(hours=6)
# Whether a letter has left can be looked up for this long; what it said is gone at once.
MAIL_REMEMBERED_FOR = timedelta(days=7)


class Purpose(StrEnum):
    """What a one-time token is good for."""

    VERIFY_EMAIL = "verify-email"
    RESET_PASSWORD = "reset-password"  # noqa: S105 - a purpose's name


@dataclass(frozen=True, slots=True)
class OneTimeToken:
    """By its hash: the token itself is in the letter alone."""

    id: UUID
    user_id: UUID
    purpose: Purpose
    token_hash: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """A place in an organization that waits for somebody; again, only the hash of its token is kept."""

    id: UUID
    organization_id: UUID
    email: str
    role: Role
    token_hash: str
    invited_by: UUID
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ResetRequest:
    """Somebody says to have forgotten the password of `email`, which may be nobody's."""

    id: UUID
    email: str
    client: Client
    requested_at: datetime


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
