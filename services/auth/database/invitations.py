"""Invitations to an organization."""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from services.auth.invitations.domain import Invitation
from shared.access import Role
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

COLUMNS = tuple(field.name for field in fields(Invitation))


class InvitationRepository(Protocol):
    """Limited to the transaction's organization, except `organization_of`, `exists_for`, `delete_expired`."""

    async def add(self, invitation: Invitation) -> None: ...

    async def get(self, organization_id: UUID, invitation_id: UUID) -> Invitation | None: ...

    async def of_email(self, organization_id: UUID, email: str) -> Invitation | None: ...

    async def list(self, organization_id: UUID, now: datetime, page: PageRequest) -> Slice[Invitation]:
        """Those that can still be accepted."""
        ...

    async def count_since(self, organization_id: UUID, since: datetime) -> int:
        """The number of invitations sent since then that nobody has accepted."""
        ...

    async def remove(self, organization_id: UUID, invitation_id: UUID) -> bool: ...

    async def expire(self, organization_id: UUID, invitation_id: UUID, now: datetime) -> bool:
        """End an invitation that can still be accepted; False if there is none."""
        ...

    async def organization_of(self, token_hash: str) -> UUID | None:
        """The organization of the invitation with this token."""
        ...

    async def of_token(self, token_hash: str) -> Invitation | None: ...

    async def exists_for(self, email: str, now: datetime) -> bool:
        """Whether any organization's invitation of the address can still be accepted."""
        ...

    async def delete_expired(self, before: datetime) -> None: ...


class PostgresInvitationRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, invitation: Invitation) -> None:
        values = asdict(invitation) | {"role": invitation.role.label}
        await self._queries.insert_invitation(self._connection, **values)

    async def get(self, organization_id: UUID, invitation_id: UUID) -> Invitation | None:
        row = await self._queries.get_invitation(
            self._connection, organization_id=organization_id, id=invitation_id
        )
        return _invitation(row)

    async def of_email(self, organization_id: UUID, email: str) -> Invitation | None:
        row = await self._queries.get_invitation_by_email(
            self._connection, organization_id=organization_id, email=email
        )
        return _invitation(row)

    async def list(self, organization_id: UUID, now: datetime, page: PageRequest) -> Slice[Invitation]:
        rows = self._queries.list_invitations(
            self._connection,
            organization_id=organization_id,
            now=now,
            after_at=page.after.at if page.after else None,
            after_id=page.after.id if page.after else None,
            limit=page.limit + 1,
        )
        found = [invitation async for row in rows if (invitation := _invitation(row))]
        return Slice.cut(found, page.limit, lambda i: Cursor(i.created_at, i.id))

    async def count_since(self, organization_id: UUID, since: datetime) -> int:
        found: int = await self._queries.count_invitations(
            self._connection, organization_id=organization_id, since=since
        )
        return found

    async def remove(self, organization_id: UUID, invitation_id: UUID) -> bool:
        row = await self._queries.delete_invitation(
            self._connection, organization_id=organization_id, id=invitation_id
        )
        return row is not None

    async def expire(self, organization_id: UUID, invitation_id: UUID, now: datetime) -> bool:
        row = await self._queries.expire_invitation(
            self._connection, organization_id=organization_id, id=invitation_id, now=now
        )
        return row is not None

    async def organization_of(self, token_hash: str) -> UUID | None:
        place: UUID | None = await self._queries.find_invitation_organization(
            self._connection, token_hash=token_hash
        )
        return place

    async def of_token(self, token_hash: str) -> Invitation | None:
        row = await self._queries.get_invitation_by_token(self._connection, token_hash=token_hash)
        return _invitation(row)

    async def exists_for(self, email: str, now: datetime) -> bool:
        return bool(await self._queries.is_invited(self._connection, email=email, now=now))

    async def delete_expired(self, before: datetime) -> None:
        await self._queries.remove_expired_invitations(self._connection, before=before)


def _invitation(row: asyncpg.Record | None) -> Invitation | None:
    if row is None:
        return None
    return Invitation(**{name: row[name] for name in COLUMNS} | {"role": Role.parse(row["role"])})
