"""Uploads: their files, and how far their processing is."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.analysis.database import rows
from services.analysis.domain import Status
from services.analysis.quotas.domain import Usage
from services.analysis.uploads.domain import FileUpload
from shared.postgres.connection import Connection


class Uploads(Protocol):
    async def add(self, upload: FileUpload) -> None: ...

    async def get(self, upload_id: UUID) -> FileUpload | None: ...

    async def lock_usage(self, organization_id: UUID) -> None:
        """Wait for other uploads of the organization that are being registered."""
        ...

    async def usage(self, since: datetime) -> Usage:
        """What the organization of the transaction uses."""
        ...

    async def set_status(
        self,
        upload_id: UUID,
        status: Status,
        now: datetime,
        *,
        error_message: str | None = None,
        features: Sequence[str] | None = None,
        samples: int | None = None,
    ) -> None:
        """Set the status; `features` and `samples` stay as they are if they are None."""
        ...

    async def forget_files(self, upload_id: UUID) -> None:
        """Note that the upload's files are no longer stored."""
        ...


class PostgresUploads:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, upload: FileUpload) -> None:
        await self._queries.insert_upload(self._connection, **asdict(upload))

    async def get(self, upload_id: UUID) -> FileUpload | None:
        row = await self._queries.get_upload(self._connection, id=upload_id)
        return rows.file_upload(row) if row else None

    async def lock_usage(self, organization_id: UUID) -> None:
        await self._queries.lock_usage(self._connection, organization_id=organization_id)

    async def usage(self, since: datetime) -> Usage:
        return Usage(**await self._queries.usage(self._connection, since=since))

    async def set_status(
        self,
        upload_id: UUID,
        status: Status,
        now: datetime,
        *,
        error_message: str | None = None,
        features: Sequence[str] | None = None,
        samples: int | None = None,
    ) -> None:
        await self._queries.set_upload_status(
            self._connection,
            id=upload_id,
            status=status,
            now=now,
            error_message=error_message,
            features=None if features is None else list(features),
            samples=samples,
        )

    async def forget_files(self, upload_id: UUID) -> None:
        await self._queries.forget_files(self._connection, id=upload_id)
