"""HTTP models of sessions."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.auth.sessions.domain import RefreshToken


class SessionOut(BaseModel):
    """An active session; `current` marks the one that makes the request."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    methods: list[str] = Field(
        description="How it was signed in: password, provider, provider-factors, totp, passkey, recovery-code"
    )
    current: bool

    @classmethod
    def of(cls, token: RefreshToken, current: UUID | None) -> "SessionOut":
        return cls(
            id=token.family_id,
            created_at=token.signed_in_at,
            last_used_at=token.created_at,
            expires_at=token.expires_at,
            ip_address=token.ip_address,
            user_agent=token.user_agent,
            methods=list(token.methods),
            current=token.family_id == current,
        )
