"""The last verified backup of the installation, as the program `backup` notes it."""

from datetime import datetime
from typing import Any, Protocol

from services.auth.backups.domain import LateBackup
from shared.postgres.connection import Connection


class BackupRepository(Protocol):
    async def claim_reminder(
        self, verified_before: datetime, reminded_before: datetime, now: datetime
    ) -> LateBackup | None:
        """Take the turn to remind, if the last verified backup and the last reminder are older than that.

        Nobody is reminded where no backup was ever set up.
        """
        ...


class PostgresBackupRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def claim_reminder(
        self, verified_before: datetime, reminded_before: datetime, now: datetime
    ) -> LateBackup | None:
        row = await self._queries.claim_backup_reminder(
            self._connection, verified_before=verified_before, reminded_before=reminded_before, now=now
        )
        return None if row is None else LateBackup(row["verified_at"])
