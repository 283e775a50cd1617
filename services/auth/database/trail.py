"""The audit trail, which is append-only."""

from dataclasses import asdict, fields
from typing import Any, Protocol

from services.auth.trail.domain import AuditEntry, AuditFilter
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

COLUMNS = tuple(field.name for field in fields(AuditEntry))


class TrailRepository(Protocol):
    async def add(self, entry: AuditEntry) -> None: ...

    async def list(self, wanted: AuditFilter, page: PageRequest) -> Slice[AuditEntry]: ...


class PostgresTrailRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, entry: AuditEntry) -> None:
        await self._queries.insert_audit_entry(self._connection, **asdict(entry))

    async def list(self, wanted: AuditFilter, page: PageRequest) -> Slice[AuditEntry]:
        rows = self._queries.list_audit_entries(
            self._connection,
            **asdict(wanted),
            after_at=page.after.at if page.after else None,
            after_id=page.after.id if page.after else None,
            limit=page.limit + 1,
        )
        entries = [AuditEntry(**{name: row[name] for name in COLUMNS}) async for row in rows]
        return Slice.cut(entries, page.limit, lambda entry: Cursor(entry.created_at, entry.id))
