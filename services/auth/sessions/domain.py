"""Refresh tokens, and the sessions that they form."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

# An answer lost on the way is asked for again within seconds; a stolen token is used later.
LOST_ANSWER_GRACE = timedelta(seconds=10)


class TokenState(StrEnum):
    LIVE = "live"
    # Rotated moments ago: its successor may never have reached the client.
    ANSWER_LOST = "answer lost"
    REUSED = "reused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One refresh token, by its hash. Tokens that follow one another are a family, which is the session."""

    id: UUID
    user_id: UUID
    token_hash: str
    family_id: UUID
    signed_in_at: datetime
    created_at: datetime
    expires_at: datetime
    rotated_at: datetime | None
    revoked_at: datetime | None
    ip_address: str | None
    user_agent: str | None

    def state(self, now: datetime) -> TokenState:
        if self.revoked_at is not None or self.expires_at <= now:
            return TokenState.ENDED
        if self.rotated_at is None:
            return TokenState.LIVE
        return TokenState.ANSWER_LOST if now - self.rotated_at <= LOST_ANSWER_GRACE else TokenState.REUSED
