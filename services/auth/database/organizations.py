"""Organizations."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from services.auth.database.members import _after
from services.auth.errors import SlugTaken
from services.auth.organizations.domain import Organization, OrganizationAccess
from services.auth.sessions.methods import SignInRules
from shared.access import Role
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

ORGANIZATION_COLUMNS = tuple(field.name for field in fields(Organization))


class OrganizationRepository(Protocol):
    async def add(self, organization: Organization) -> bool:
        """Add the organization; False if the slug is taken."""
        ...

    async def get(self, organization_id: UUID) -> Organization | None: ...

    async def lock(self, organization_id: UUID) -> Organization | None:
        """The organization; until the transaction ends, nobody else changes it or its members."""
        ...

    async def of_user(self, user_id: UUID, page: PageRequest) -> Slice[OrganizationAccess]: ...

    async def owned_by(self, user_id: UUID) -> Sequence[UUID]:
        """The organizations that the user owns, in the order of their ids: also deactivated ones."""
        ...

    async def rules_of(self, user_id: UUID) -> Mapping[UUID, SignInRules]:
        """What the user's organizations demand of sign-ins; those that demand nothing may be missing."""
        ...

    async def set_active(self, organization_id: UUID, is_active: bool, now: datetime) -> Organization | None:
        """Return the changed organization; None if there is none, or it was deleted."""
        ...

    async def update(self, organization: Organization) -> None:
        """Raises SlugTaken."""
        ...


class PostgresOrganizationRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, organization: Organization) -> bool:
        return await self._queries.insert_organization(self._connection, **asdict(organization)) is not None

    async def get(self, organization_id: UUID) -> Organization | None:
        return _organization(await self._queries.get_organization(self._connection, id=organization_id))

    async def lock(self, organization_id: UUID) -> Organization | None:
        row = await self._queries.get_organization_for_update(self._connection, id=organization_id)
        return _organization(row)

    async def of_user(self, user_id: UUID, page: PageRequest) -> Slice[OrganizationAccess]:
        rows = self._queries.list_organizations(self._connection, user_id=user_id, **_after(page))
        found = [
            OrganizationAccess(o, Role.parse(row["role"])) async for row in rows if (o := _organization(row))
        ]
        return Slice.cut(found, page.limit, lambda b: Cursor(b.organization.created_at, b.organization.id))

    async def owned_by(self, user_id: UUID) -> Sequence[UUID]:
        rows = self._queries.list_owned_organizations(self._connection, user_id=user_id)
        return [row["id"] async for row in rows]

    async def rules_of(self, user_id: UUID) -> Mapping[UUID, SignInRules]:
        rows = self._queries.list_sign_in_rules(self._connection, user_id=user_id)
        return {
            row["id"]: SignInRules(row["single_sign_on_only"], row["second_factor_required"])
            async for row in rows
        }

    async def set_active(self, organization_id: UUID, is_active: bool, now: datetime) -> Organization | None:
        row = await self._queries.set_organization_active(
            self._connection, id=organization_id, is_active=is_active, now=now
        )
        return _organization(row)

    async def update(self, organization: Organization) -> None:
        try:
            await self._queries.update_organization(self._connection, **asdict(organization))
        except asyncpg.UniqueViolationError:
            raise SlugTaken(organization.slug) from None


def _organization(row: asyncpg.Record | None) -> Organization | None:
    return None if row is None else Organization(**{name: row[name] for name in ORGANIZATION_COLUMNS})
