"""API keys of an organization."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from services.auth.api_keys.domain import ApiKey
from shared.access import Role
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

COLUMNS = tuple(field.name for field in fields(ApiKey))


class ApiKeyRepository(Protocol):
    async def add(self, key: ApiKey, secret_hash: str) -> None: ...

    async def get(self, key_id: UUID) -> ApiKey | None: ...

    async def list(self, organization_id: UUID, page: PageRequest) -> Slice[ApiKey]: ...

    async def delete(self, organization_id: UUID, key_id: UUID) -> ApiKey | None:
        """Return the deleted key; None if there was none."""
        ...

    async def delete_created_by(self, organization_id: UUID, user_id: UUID) -> Sequence[ApiKey]:
        """Delete the keys that the user created there, and return them."""
        ...

    async def organization_of(self, key_id: UUID, secret_hash: str) -> UUID | None:
        """The organization of the key with that id and secret, whatever the current scope."""
        ...

    async def record_use(self, key_id: UUID, now: datetime, before: datetime) -> None:
        """Record that the key was used, unless a use after `before` is recorded."""
        ...


class PostgresApiKeyRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, key: ApiKey, secret_hash: str) -> None:
        values = asdict(key) | {"role": key.role.label, "secret_hash": secret_hash}
        await self._queries.insert_api_key(self._connection, **values)

    async def get(self, key_id: UUID) -> ApiKey | None:
        return _key(await self._queries.get_api_key(self._connection, id=key_id))

    async def list(self, organization_id: UUID, page: PageRequest) -> Slice[ApiKey]:
        rows = self._queries.list_api_keys(
            self._connection,
            organization_id=organization_id,
            after_at=page.after.at if page.after else None,
            after_id=page.after.id if page.after else None,
            limit=page.limit + 1,
        )
        keys = [key async for row in rows if (key := _key(row))]
        return Slice.cut(keys, page.limit, lambda key: Cursor(key.created_at, key.id))

    async def delete(self, organization_id: UUID, key_id: UUID) -> ApiKey | None:
        row = await self._queries.delete_api_key(self._connection, organization_id=organization_id, id=key_id)
        return _key(row)

    async def delete_created_by(self, organization_id: UUID, user_id: UUID) -> Sequence[ApiKey]:
        rows = self._queries.delete_api_keys_created_by(
            self._connection, organization_id=organization_id, user_id=user_id
        )
        return [key async for row in rows if (key := _key(row))]

    async def organization_of(self, key_id: UUID, secret_hash: str) -> UUID | None:
        found: UUID | None = await self._queries.api_key_organization(
            self._connection, id=key_id, secret_hash=secret_hash
        )
        return found

    async def record_use(self, key_id: UUID, now: datetime, before: datetime) -> None:
        await self._queries.record_api_key_use(self._connection, id=key_id, now=now, before=before)


def _key(row: asyncpg.Record | None) -> ApiKey | None:
    if row is None:
        return None
    return ApiKey(**{name: row[name] for name in COLUMNS} | {"role": Role.parse(row["role"])})
