"""Sources, and what is known of their files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import orjson

from services.analysis.database import rows
from services.analysis.sources.domain import FileState, Source, SourceFile
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

# Rows per statement: a first look may find very many files.
BATCH = 5_000


class Sources(Protocol):
    async def get(self, source_id: UUID) -> Source | None: ...

    async def lock(self, source_id: UUID) -> Source | None:
        """The source, locked until the transaction ends. Lock it before its job."""
        ...

    async def list(self, machine_id: UUID, page: PageRequest) -> Slice[Source]: ...

    async def hold_names(self, machine_id: UUID) -> Mapping[UUID, str]:
        """The names of a machine's sources, to which nobody adds one until the transaction ends."""
        ...

    async def add(self, source: Source) -> None: ...

    async def update(self, source: Source) -> None: ...

    async def delete(self, source_id: UUID) -> None: ...

    async def files(self, source_id: UUID) -> Sequence[SourceFile]: ...

    async def list_files(
        self, source_id: UUID, state: FileState | None, page: PageRequest
    ) -> Slice[SourceFile]: ...

    async def lock_file(self, file_id: UUID) -> SourceFile | None: ...

    async def put_files(self, files: Sequence[SourceFile]) -> None:
        """Add files, or store what has changed of them. No path is twice among them."""
        ...

    async def forget_files(self, file_ids: Sequence[UUID]) -> None: ...

    async def retry_failed(self, source_id: UUID) -> None: ...

    async def counts(self, source_id: UUID) -> Mapping[str, int]:
        """How many files are in which state."""
        ...


class PostgresSources:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def get(self, source_id: UUID) -> Source | None:
        row = await self._queries.get_source(self._connection, id=source_id)
        return rows.read(Source, row) if row else None

    async def lock(self, source_id: UUID) -> Source | None:
        row = await self._queries.lock_source(self._connection, id=source_id)
        return rows.read(Source, row) if row else None

    async def list(self, machine_id: UUID, page: PageRequest) -> Slice[Source]:
        found = self._queries.list_sources(self._connection, machine_id=machine_id, **_after(page))
        sources = [rows.read(Source, row) async for row in found]
        return Slice.cut(sources, page.limit, lambda source: Cursor(source.created_at, source.id))

    async def hold_names(self, machine_id: UUID) -> Mapping[UUID, str]:
        await self._queries.hold_source_names(self._connection, machine_id=machine_id)
        found = self._queries.source_names(self._connection, machine_id=machine_id)
        return {row["id"]: row["name"] async for row in found}

    async def add(self, source: Source) -> None:
        await self._queries.insert_source(self._connection, **rows.shallow_dict(source))

    async def update(self, source: Source) -> None:
        fixed = ("organization_id", "machine_id", "created_by", "created_at")
        values = {name: value for name, value in rows.shallow_dict(source).items() if name not in fixed}
        await self._queries.update_source(self._connection, **values)

    async def delete(self, source_id: UUID) -> None:
        await self._queries.delete_source(self._connection, id=source_id)

    async def files(self, source_id: UUID) -> Sequence[SourceFile]:
        found = self._queries.files_of_source(self._connection, source_id=source_id)
        return [_file(row) async for row in found]

    async def list_files(
        self, source_id: UUID, state: FileState | None, page: PageRequest
    ) -> Slice[SourceFile]:
        found = self._queries.list_source_files(
            self._connection, source_id=source_id, state=state, **_after(page)
        )
        files = [_file(row) async for row in found]
        return Slice.cut(files, page.limit, lambda file: Cursor(file.seen_at, file.id))

    async def lock_file(self, file_id: UUID) -> SourceFile | None:
        row = await self._queries.lock_source_file(self._connection, id=file_id)
        return _file(row) if row else None

    async def put_files(self, files: Sequence[SourceFile]) -> None:
        for start in range(0, len(files), BATCH):
            # The connection encodes JSON itself, given plain values; ids are UUIDs of asyncpg's own kind.
            records = [asdict(file) for file in files[start : start + BATCH]]
            batch = orjson.loads(orjson.dumps(records, default=str))
            await self._queries.put_source_files(self._connection, files=batch)

    async def forget_files(self, file_ids: Sequence[UUID]) -> None:
        if file_ids:
            await self._queries.forget_source_files(self._connection, ids=list(file_ids))

    async def retry_failed(self, source_id: UUID) -> None:
        await self._queries.retry_failed_files(self._connection, source_id=source_id)

    async def counts(self, source_id: UUID) -> Mapping[str, int]:
        found = self._queries.count_source_files(self._connection, source_id=source_id)
        return {row["state"]: row["files"] async for row in found}


def _file(row: asyncpg.Record) -> SourceFile:
    return rows.read(SourceFile, row, state=FileState(row["state"]))


def _after(page: PageRequest) -> dict[str, Any]:
    return {
        "after_at": page.after.at if page.after else None,
        "after_id": page.after.id if page.after else None,
        "limit": page.limit + 1,
    }
