"""Requests for a new password."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.auth.sessions.domain import Client

# The kind of the jobs that answer one request each; they are in the queue of the mail that they lead to.
RESET_JOB = "password-reset"
# Whoever asked is waiting for the mail; a link found in the mailbox later must be useless.
RESET_LIFETIME = timedelta(hours=1)
# Nobody's mailbox is filled by others, from however many addresses they ask.
MOST_RESETS = 3
RESETS_COUNTED_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ResetRequest:
    """Somebody says to have forgotten the password of `email`, which may be nobody's."""

    id: UUID
    email: str
    client: Client
    requested_at: datetime
