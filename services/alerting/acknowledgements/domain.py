"""Links that acknowledge one alert, once, without a sign-in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

# Long enough for a shift and the next one; the alert is then told again anyway.
LIFETIME = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Link:
    """`token_hash` is what is stored of the link. `recipient` is whom it was sent to, as people see it."""

    token_hash: bytes
    organization_id: UUID
    alert_id: UUID
    user_id: UUID | None
    recipient: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None

    def works(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.expires_at
