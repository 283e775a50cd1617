"""Requests for a new password."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.auth.sign_in.domain import Client

# Whoever asked sits before the screen; a mailbox that is read by others later holds nothing of use.
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
