"""Invitations in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.auth.invitations.domain import Invitation
from shared.http.pages import Cursor, PageRequest, Slice


@dataclass
class FakeInvitations:
    invitations: dict[tuple[UUID, str], Invitation] = field(default_factory=dict)

    async def add(self, invitation: Invitation) -> None:
        self.invitations[invitation.organization_id, invitation.email] = invitation

    async def get(self, organization_id: UUID, invitation_id: UUID) -> Invitation | None:
        found = (i for i in self.invitations.values() if i.organization_id == organization_id)
        return next((i for i in found if i.id == invitation_id), None)

    async def of_email(self, organization_id: UUID, email: str) -> Invitation | None:
        return self.invitations.get((organization_id, email))

    async def list(self, organization_id: UUID, now: datetime, page: PageRequest) -> Slice[Invitation]:
        found = [
            i
            for i in self.invitations.values()
            if i.organization_id == organization_id and i.expires_at > now
        ]
        found.sort(key=lambda i: (i.created_at, i.id), reverse=True)
        if page.after:
            found = [i for i in found if (i.created_at, i.id) < (page.after.at, page.after.id)]
        return Slice.cut(found, page.limit, lambda i: Cursor(i.created_at, i.id))

    async def count_since(self, organization_id: UUID, since: datetime) -> int:
        found = self.invitations.values()
        return sum(i.organization_id == organization_id and i.created_at > since for i in found)

    async def remove(self, organization_id: UUID, invitation_id: UUID) -> bool:
        found = await self.get(organization_id, invitation_id)
        return found is not None and self.invitations.pop((organization_id, found.email)) is not None

    async def expire(self, organization_id: UUID, invitation_id: UUID, now: datetime) -> bool:
        found = await self.get(organization_id, invitation_id)
        if found is None or not found.is_open(now):
            return False
        self.invitations[organization_id, found.email] = replace(found, expires_at=now)
        return True

    async def organization_of(self, token_hash: str) -> UUID | None:
        found = await self.of_token(token_hash)
        return None if found is None else found.organization_id

    async def of_token(self, token_hash: str) -> Invitation | None:
        return next((i for i in self.invitations.values() if i.token_hash == token_hash), None)

    async def exists_for(self, email: str, now: datetime) -> bool:
        return any(i.email == email and i.expires_at > now for i in self.invitations.values())

    async def delete_expired(self, before: datetime) -> None:
        self.invitations = {
            place: invitation
            for place, invitation in self.invitations.items()
            if invitation.expires_at >= before
        }
