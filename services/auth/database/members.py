"""Memberships of organizations."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from services.auth.members.domain import Member, Membership
from shared.access import Role
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

MEMBERSHIP_COLUMNS = tuple(field.name for field in fields(Membership))


class MembershipRepository(Protocol):
    """Every change returns the membership with its new version."""

    async def add(self, membership: Membership) -> Membership: ...

    async def get(self, organization_id: UUID, user_id: UUID) -> Member | None: ...

    async def list(self, organization_id: UUID, page: PageRequest) -> Slice[Member]: ...

    async def active_of(self, user_id: UUID) -> Sequence[Membership]:
        """The user's active memberships in active organizations."""
        ...

    async def has_other_owner(self, organization_id: UUID, user_id: UUID) -> bool: ...

    async def change(self, membership: Membership) -> Membership | None:
        """Store the role, and whether it is active."""
        ...

    async def renew(self, user_id: UUID) -> Sequence[Membership]:
        """Give all memberships of a changed user new versions."""
        ...

    async def remove(self, organization_id: UUID, user_id: UUID) -> Membership | None: ...


class PostgresMembershipRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, membership: Membership) -> Membership:
        values = asdict(membership) | {"role": membership.role.label}
        return _membership(await self._queries.insert_membership(self._connection, **values))

    async def get(self, organization_id: UUID, user_id: UUID) -> Member | None:
        row = await self._queries.get_member(
            self._connection, organization_id=organization_id, user_id=user_id
        )
        return None if row is None else _member(row)

    async def list(self, organization_id: UUID, page: PageRequest) -> Slice[Member]:
        rows = self._queries.list_members(self._connection, organization_id=organization_id, **_after(page))
        members = [_member(row) async for row in rows]
        return Slice.cut(members, page.limit, lambda m: Cursor(m.membership.joined_at, m.membership.id))

    async def active_of(self, user_id: UUID) -> Sequence[Membership]:
        rows = self._queries.list_active_memberships(self._connection, user_id=user_id)
        return [_membership(row) async for row in rows]

    async def has_other_owner(self, organization_id: UUID, user_id: UUID) -> bool:
        return bool(
            await self._queries.has_other_owner(
                self._connection, organization_id=organization_id, user_id=user_id
            )
        )

    async def change(self, membership: Membership) -> Membership | None:
        row = await self._queries.change_membership(
            self._connection,
            organization_id=membership.organization_id,
            user_id=membership.user_id,
            role=membership.role.label,
            is_active=membership.is_active,
        )
        return None if row is None else _membership(row)

    async def renew(self, user_id: UUID) -> Sequence[Membership]:
        rows = self._queries.renew_memberships(self._connection, user_id=user_id)
        return [_membership(row) async for row in rows]

    async def remove(self, organization_id: UUID, user_id: UUID) -> Membership | None:
        row = await self._queries.delete_membership(
            self._connection, organization_id=organization_id, user_id=user_id
        )
        return None if row is None else _membership(row)


def _after(page: PageRequest) -> dict[str, Any]:
    return {
        "after_at": page.after.at if page.after else None,
        "after_id": page.after.id if page.after else None,
        "limit": page.limit + 1,
    }


def _membership(row: asyncpg.Record) -> Membership:
    return Membership(**{name: row[name] for name in MEMBERSHIP_COLUMNS} | {"role": Role.parse(row["role"])})


def _member(row: asyncpg.Record) -> Member:
    membership = _membership(row)
    is_active = membership.is_active and row["account_is_active"]
    return Member(membership, row["email"], row["full_name"], is_active)
