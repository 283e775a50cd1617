"""Password reset requests."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.auth.sessions.domain import Client

# The kind of the jobs that answer one request each, in the queue of mail.
RESET_JOB = "password-reset"
# The user is waiting for the mail; a link that is found in the mailbox later must be useless.
RESET_LIFETIME = timedelta(hours=1)
# So that nobody can flood the mailbox of another user, from however many addresses.
MAX_RESETS = 3
RESET_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ResetRequest:
    """Someone asked to reset the password of `email`, which may have no account."""

    id: UUID
    email: str
    client: Client
    requested_at: datetime
