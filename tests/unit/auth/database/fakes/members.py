"""Memberships in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from uuid import UUID

from services.auth.members.domain import Member, Membership
from services.auth.members.events import as_member
from shared.access import Role
from shared.http.pages import Cursor, PageRequest, Slice
from tests.unit.auth.database.fakes.users import FakeUsers


@dataclass
class FakeMemberships:
    users: FakeUsers
    memberships: dict[tuple[UUID, UUID], Membership] = field(default_factory=dict)
    versions: "count[int]" = field(default_factory=lambda: count(1))

    async def add(self, membership: Membership) -> Membership:
        return self._put(membership)

    async def get(self, organization_id: UUID, user_id: UUID) -> Member | None:
        membership = self.memberships.get((organization_id, user_id))
        return None if membership is None else self._member(membership)

    async def list(self, organization_id: UUID, page: PageRequest) -> Slice[Member]:
        found = [m for m in self.memberships.values() if m.organization_id == organization_id]
        found.sort(key=lambda m: (m.joined_at, m.id), reverse=True)
        if page.after:
            found = [m for m in found if (m.joined_at, m.id) < (page.after.at, page.after.id)]
        members = [self._member(m) for m in found]
        return Slice.cut(members, page.limit, lambda m: Cursor(m.membership.joined_at, m.membership.id))

    async def active_of(self, user_id: UUID) -> Sequence[Membership]:
        return [m for m in self.memberships.values() if m.user_id == user_id and m.is_active]

    async def has_other_owner(self, organization_id: UUID, user_id: UUID) -> bool:
        return any(
            m.role is Role.OWNER and m.user_id != user_id and self._member(m).is_active
            for m in self.memberships.values()
            if m.organization_id == organization_id
        )

    async def change(self, membership: Membership) -> Membership | None:
        known = self.memberships.get((membership.organization_id, membership.user_id))
        return None if known is None else self._put(membership)

    async def renew(self, user_id: UUID) -> Sequence[Membership]:
        return [self._put(m) for m in list(self.memberships.values()) if m.user_id == user_id]

    async def remove(self, organization_id: UUID, user_id: UUID) -> Membership | None:
        membership = self.memberships.pop((organization_id, user_id), None)
        return None if membership is None else replace(membership, version=next(self.versions))

    def _put(self, membership: Membership) -> Membership:
        membership = replace(membership, version=next(self.versions))
        self.memberships[membership.organization_id, membership.user_id] = membership
        return membership

    def _member(self, membership: Membership) -> Member:
        user = self.users.users[membership.user_id]
        return as_member(user, membership)
