"""Sign-ins through a provider in memory."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.auth.oidc.domain import Link


@dataclass
class FakeOidc:
    flows: dict[tuple[str, str], datetime] = field(default_factory=dict)
    links: dict[tuple[str, str], Link] = field(default_factory=dict)

    async def begin(self, state_hash: str, secret_hash: str, expires_at: datetime) -> None:
        self.flows[state_hash, secret_hash] = expires_at

    async def take(self, state_hash: str, secret_hash: str, now: datetime) -> bool:
        expires_at = self.flows.get((state_hash, secret_hash))
        if expires_at is None or expires_at <= now:
            return False
        del self.flows[state_hash, secret_hash]
        return True

    async def delete_expired(self, now: datetime) -> None:
        self.flows = {flow: expires_at for flow, expires_at in self.flows.items() if expires_at > now}

    async def user_of(self, issuer: str, subject: str) -> UUID | None:
        link = self.links.get((issuer, subject))
        return link.user_id if link else None

    async def link(self, link: Link) -> None:
        self.links.setdefault((link.issuer, link.subject), link)
