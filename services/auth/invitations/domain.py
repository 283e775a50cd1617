"""Invitations."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.access import Role

INVITATION_LIFETIME = timedelta(days=7)
# One address is not written to more often; an organization invites a whole shift at once, and no town.
INVITATION_PAUSE = timedelta(minutes=2)
INVITATION_WINDOW = timedelta(hours=1)
MOST_INVITATIONS = 100


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
