"""Certificates of deletions, and closing what is to be deleted."""

from dataclasses import fields
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from services.auth.deletions.domain import SERVICES, Deletion
from shared.events.deletions import DeletionReported, DeletionRequested
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

COLUMNS = tuple(field.name for field in fields(Deletion))


class DeletionRepository(Protocol):
    async def close_organization(self, organization_id: UUID, now: datetime) -> None: ...

    async def close_user(self, user_id: UUID, now: datetime) -> None: ...

    async def merge(
        self, organization_id: UUID | None, event: DeletionRequested | DeletionReported
    ) -> Deletion | None:
        """Store what the event says, and return the certificate if that completed it. The first report of a
        service counts."""
        ...

    async def get(self, requested_by: UUID, deletion_id: UUID) -> Deletion | None: ...

    async def list(
        self, requested_by: UUID, organization_id: UUID | None, page: PageRequest
    ) -> Slice[Deletion]:
        """Those of all organizations, or of one."""
        ...


class PostgresDeletionRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def close_organization(self, organization_id: UUID, now: datetime) -> None:
        await self._queries.close_organization(self._connection, id=organization_id, now=now)

    async def close_user(self, user_id: UUID, now: datetime) -> None:
        await self._queries.close_user(self._connection, id=user_id, now=now)

    async def merge(
        self, organization_id: UUID | None, event: DeletionRequested | DeletionReported
    ) -> Deletion | None:
        requested = event.model_dump(include=set(DeletionRequested.model_fields) - {"organization_id"})
        reports, finished_at = reported(event)
        row = await self._queries.merge_deletion(
            self._connection,
            **requested | {"part_ids": list(event.part_ids)},
            organization_id=organization_id,
            reports=reports,
            finished_at=finished_at,
            services=list(SERVICES),
        )
        deletion = _deletion(row)
        # Repeated events change nothing, so they complete nothing.
        return deletion if deletion and reports and deletion.completed_at == finished_at else None

    async def get(self, requested_by: UUID, deletion_id: UUID) -> Deletion | None:
        return _deletion(
            await self._queries.get_deletion(self._connection, id=deletion_id, requested_by=requested_by)
        )

    async def list(
        self, requested_by: UUID, organization_id: UUID | None, page: PageRequest
    ) -> Slice[Deletion]:
        rows = self._queries.list_deletions(
            self._connection,
            requested_by=requested_by,
            organization_id=organization_id,
            after_at=page.after.at if page.after else None,
            after_id=page.after.id if page.after else None,
            limit=page.limit + 1,
        )
        found = [deletion async for row in rows if (deletion := _deletion(row))]
        return Slice.cut(found, page.limit, lambda deletion: Cursor(deletion.requested_at, deletion.id))


def reported(event: DeletionRequested | DeletionReported) -> tuple[dict[str, Any], datetime | None]:
    """The report in the event, by service, and when that service had finished."""
    if not isinstance(event, DeletionReported):
        return {}, None
    report = event.model_dump(mode="json", include={"rows", "objects", "bytes", "finished_at"})
    return {event.service: report}, event.finished_at


def _deletion(row: asyncpg.Record | None) -> Deletion | None:
    return None if row is None else Deletion(**{name: row[name] for name in COLUMNS})
