"""Contact points, rotations, silences, windows and opt-outs in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.alerting.database.paging import page_parameters
from services.alerting.resources.domain import MAX_RESOURCES, Kind, Resource, ResourceFilter
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

COLUMNS = tuple(field.name for field in fields(Resource))


class PostgresResourceRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, resource: Resource) -> bool:
        return await self._queries.insert_resource(self._connection, **asdict(resource)) is True

    async def get(self, kind: Kind, resource_id: UUID) -> Resource | None:
        return _resource(await self._queries.get_resource(self._connection, id=resource_id, kind=kind))

    async def lock(self, kind: Kind, resource_id: UUID) -> Resource | None:
        return _resource(await self._queries.lock_resource(self._connection, id=resource_id, kind=kind))

    async def current(self, kinds: Sequence[Kind], at: datetime) -> Sequence[Resource]:
        rows = self._queries.current_resources(
            self._connection, kinds=list(kinds), at=at, limit=len(kinds) * MAX_RESOURCES
        )
        return [resource async for row in rows if (resource := _resource(row))]

    async def list(self, wanted: ResourceFilter, page: PageRequest) -> Slice[Resource]:
        rows = self._queries.list_resources(self._connection, **asdict(wanted), **page_parameters(page))
        found = [resource async for row in rows if (resource := _resource(row))]
        return Slice.cut(found, page.limit, lambda each: Cursor(each.created_at, each.id))

    async def update(self, resource: Resource) -> bool:
        row = asdict(resource)
        for fixed in ("organization_id", "kind", "created_by", "created_at"):
            del row[fixed]
        try:
            async with self._connection.transaction():
                await self._queries.update_resource(self._connection, **row)
        except asyncpg.UniqueViolationError:
            return False
        return True

    async def delete(self, resource_id: UUID) -> None:
        await self._queries.delete_resource(self._connection, id=resource_id)

    async def count(self, kind: Kind, at: datetime) -> int:
        return int(await self._queries.count_resources(self._connection, kind=kind, at=at))

    async def first_that_names(self, recipient: str) -> tuple[str, str] | None:
        row = await self._queries.first_that_names(self._connection, recipient=recipient)
        return (row["what"], row["name"]) if row else None


def _resource(row: asyncpg.Record | None) -> Resource | None:
    if row is None:
        return None
    return Resource(**{name: row[name] for name in COLUMNS} | {"kind": Kind(row["kind"])})
