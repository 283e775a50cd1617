"""Sessions: families of refresh tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.auth.members.domain import Membership
from services.auth.sessions.methods import Demand, Method
from services.auth.users.domain import User

# The user agent is shown to the owner of the session; longer ones are cut off.
MAX_AGENT_LENGTH = 500
# A client whose response was lost retries within seconds; a thief uses the token later.
LOST_RESPONSE_GRACE = timedelta(seconds=10)


class TokenState(StrEnum):
    LIVE = "live"
    # Rotated moments ago: its successor may not have reached the client.
    RESPONSE_LOST = "response lost"
    REUSED = "reused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token, by its hash. All tokens of one sign-in are a family, which is the session."""

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
    # The token that it was exchanged for, readable with this token only; removed when the family goes on.
    sealed_successor: bytes | None = field(default=None, repr=False)
    # How the session was signed in; empty for one from before this was recorded.
    methods: Sequence[Method] = ()

    def state(self, now: datetime) -> TokenState:
        if self.revoked_at is not None or self.expires_at <= now:
            return TokenState.ENDED
        if self.rotated_at is None:
            return TokenState.LIVE
        return TokenState.RESPONSE_LOST if now - self.rotated_at <= LOST_RESPONSE_GRACE else TokenState.REUSED


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request came from, as far as known."""

    address: str | None
    agent: str | None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a successful sign-in or refresh allows."""

    user: User
    memberships: Sequence[Membership]
    session_id: UUID
    refresh_token: str = field(repr=False)
    methods: Sequence[Method] = ()
    # The user's other organizations, which demand more of a sign-in than this one had.
    barred: Mapping[UUID, Demand] = field(default_factory=dict)
