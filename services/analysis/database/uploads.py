"""SQL of configurations, uploads and analyses as clients make and see them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol
from uuid import UUID

from services.analysis.database import rows
from services.analysis.domain import Analysis, AnalysisFilter, AnalysisType
from services.analysis.uploads.domain import FileUpload
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection


class Uploads(Protocol):
    async def add(self, upload: FileUpload, analysis: Analysis) -> None: ...

    async def get_upload(self, upload_id: UUID) -> FileUpload | None: ...

    async def get(self, analysis_id: UUID) -> Analysis | None: ...

    async def list(self, wanted: AnalysisFilter, page: PageRequest) -> Slice[Analysis]: ...

    async def newest(self, machine_id: UUID, kind: AnalysisType, limit: int) -> Sequence[Analysis]:
        """Completed ones, newest first."""
        ...


class PostgresUploads:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, upload: FileUpload, analysis: Analysis) -> None:
        await self._queries.insert_upload(self._connection, **asdict(upload))
        await self._queries.insert_analysis(self._connection, **asdict(analysis))

    async def get_upload(self, upload_id: UUID) -> FileUpload | None:
        row = await self._queries.get_upload(self._connection, id=upload_id)
        return rows.file_upload(row) if row else None

    async def get(self, analysis_id: UUID) -> Analysis | None:
        row = await self._queries.get_analysis(self._connection, id=analysis_id)
        return rows.analysis(row) if row else None

    async def list(self, wanted: AnalysisFilter, page: PageRequest) -> Slice[Analysis]:
        found = self._queries.list_analyses(
            self._connection,
            **asdict(wanted),
            after_at=page.after.at if page.after else None,
            after_id=page.after.id if page.after else None,
            limit=page.limit + 1,
        )
        analyses = [rows.analysis(row) async for row in found]
        return Slice.cut(analyses, page.limit, lambda analysis: Cursor(analysis.created_at, analysis.id))

    async def newest(self, machine_id: UUID, kind: AnalysisType, limit: int) -> Sequence[Analysis]:
        found = self._queries.newest_analyses(
            self._connection, machine_id=machine_id, analysis_type=kind, limit=limit
        )
        return [rows.analysis(row) async for row in found]
