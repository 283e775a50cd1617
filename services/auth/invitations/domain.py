"""Invitations."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.access import Role

INVITATION_LIFETIME = timedelta(days=7)
# An organization can invite a whole shift at once, but not flood an address or many addresses with mail.
MIN_INVITATION_INTERVAL = timedelta(minutes=2)
INVITATION_WINDOW = timedelta(hours=1)
MAX_INVITATIONS = 100


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation; only the hash of its token is stored."""

    id: UUID
    organization_id: UUID
    email: str
    role: Role
    token_hash: str
    invited_by: UUID
    created_at: datetime
    # Or when it was withdrawn.
    expires_at: datetime

    def is_open(self, now: datetime) -> bool:
        return self.expires_at > now
