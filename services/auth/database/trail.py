"""The audit trail, which is append-only."""

from dataclasses import asdict, fields
from typing import Any, Protocol

from services.auth.trail.domain import AuditEntry, AuditFilter
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

# So many are looked up one by one faster than among all users.
FEW_MEMBERS = 200
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
        """The trail of the organization, and the sign-ins of its members. The policy is the union of both.

        Each is read from an index in the order of the list, which the planner finds for one kind at a time.
        """
        values = {
            **asdict(wanted),
            "after_at": page.after.at if page.after else None,
            "after_id": page.after.id if page.after else None,
            "limit": page.limit + 1,
        }
        connection, queries = self._connection, self._queries
        are_many = await queries.has_members_beyond(connection, count=FEW_MEMBERS, user_id=wanted.user_id)
        of_members = queries.list_entries_of_many_members if are_many else queries.list_entries_of_few_members
        entries = [
            AuditEntry(**{name: row[name] for name in COLUMNS})
            for query in (queries.list_entries_of_organization, of_members)
            async for row in query(connection, **values)
        ]
        entries.sort(key=lambda entry: (entry.created_at, entry.id), reverse=True)
        return Slice.cut(
            entries[: page.limit + 1], page.limit, lambda entry: Cursor(entry.created_at, entry.id)
        )
