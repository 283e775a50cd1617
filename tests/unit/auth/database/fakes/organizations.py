"""Organizations in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.auth.errors import SlugTaken
from services.auth.organizations.domain import Organization, OrganizationAccess
from services.auth.sessions.methods import SignInRules
from shared.access import Role
from shared.http.pages import PageRequest, Slice
from tests.unit.auth.database.fakes.members import FakeMemberships


@dataclass
class FakeOrganizations:
    memberships: FakeMemberships
    organizations: dict[UUID, Organization] = field(default_factory=dict)
    deleted: set[UUID] = field(default_factory=set)

    async def add(self, organization: Organization) -> bool:
        if self._taken(organization):
            return False
        self.organizations[organization.id] = organization
        return True

    async def get(self, organization_id: UUID) -> Organization | None:
        return self.organizations.get(organization_id)

    async def lock(self, organization_id: UUID) -> Organization | None:
        return self.organizations.get(organization_id)

    async def of_user(self, user_id: UUID, page: PageRequest) -> Slice[OrganizationAccess]:
        found = [
            OrganizationAccess(self.organizations[m.organization_id], m.role)
            for m in self.memberships.memberships.values()
            if m.user_id == user_id and m.is_active and self.organizations[m.organization_id].is_active
        ]
        return Slice(found[: page.limit], None)

    async def owned_by(self, user_id: UUID) -> Sequence[UUID]:
        return sorted(
            m.organization_id
            for m in self.memberships.memberships.values()
            if m.user_id == user_id and m.role is Role.OWNER and m.is_active
            if m.organization_id not in self.deleted
        )

    async def rules_of(self, user_id: UUID) -> Mapping[UUID, SignInRules]:
        theirs = await self.of_user(user_id, PageRequest())
        return {access.organization.id: access.organization.rules for access in theirs.items}

    async def set_active(self, organization_id: UUID, is_active: bool, now: datetime) -> Organization | None:
        before = self.organizations.get(organization_id)
        if before is None or organization_id in self.deleted:
            return None
        self.organizations[organization_id] = before.changed({"is_active": is_active}, now)
        return self.organizations[organization_id]

    async def update(self, organization: Organization) -> None:
        if self._taken(organization):
            raise SlugTaken(organization.slug)
        self.organizations[organization.id] = organization

    def _taken(self, wanted: Organization) -> bool:
        return any(o.slug == wanted.slug and o.id != wanted.id for o in self.organizations.values())
