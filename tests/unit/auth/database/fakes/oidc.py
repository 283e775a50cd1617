"""Single sign-on in memory."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.auth.oidc.domain import IdentityLink


@dataclass
class FakeOidc:
    flows: dict[tuple[str, str], datetime] = field(default_factory=dict)
    links: dict[tuple[str, str], IdentityLink] = field(default_factory=dict)

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

    async def subject_of(self, issuer: str, user_id: UUID) -> str | None:
        found = [link for link in self.links.values() if (link.issuer, link.user_id) == (issuer, user_id)]
        return min(found, key=lambda link: link.linked_at).subject if found else None

    async def link(self, link: IdentityLink) -> None:
        self.links.setdefault((link.issuer, link.subject), link)
