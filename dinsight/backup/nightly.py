"""The night's work: a backup, its verification, and the end of backups that are not kept any longer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum, auto

import structlog

from dinsight.administrator import acting_as
from dinsight.backup.archive import archived
from dinsight.backup.base import take_backup
from dinsight.backup.context import BackupContext
from dinsight.backup.database import connected, describe, written
from dinsight.backup.manifest import Backup, read_backups
from dinsight.backup.repository import Repository
from dinsight.backup.retention import expire
from dinsight.backup.targets import choose
from dinsight.backup.verify import verify
from dinsight.backup.wal import parse_lsn
from shared.clock import Clock
from shared.jobs.nightly import is_due
from shared.postgres.connection import Connection

# From the first row on, the auth service reminds the administrators of backups that are missing.
NOTE = """
INSERT INTO last_backup (watched_since, verified_at) VALUES ($1, $2)
ON CONFLICT (one) DO UPDATE SET verified_at = excluded.verified_at
"""

logger = structlog.get_logger(__name__)


class Work(Enum):
    """A backup is verified after it was taken."""

    NOTHING = auto()
    VERIFY = auto()
    BACKUP = auto()


class Nightly:
    """`step` does what is due. `verified_at` is when the last verified backup ended, as of the last step."""

    def __init__(self, dsn: str, place: BackupContext, clock: Clock, *, hour: int, restore: bool) -> None:
        self._dsn = dsn
        self._place = place
        self._clock = clock
        self._hour = hour
        self._restore = restore
        self.verified_at: datetime | None = None

    async def step(self) -> None:
        async with connected(self._dsn) as connection:
            server = await describe(connection)
            timeline = (await written(connection)).timeline
            repository = self._place.repository(server.cluster)
            backups = await asyncio.to_thread(read_backups, repository)
            await self._note(connection, backups)
            work = await asyncio.to_thread(self.due, repository, backups, timeline)
            if work is Work.NOTHING:
                return
            if work is Work.BACKUP:
                manifest = await take_backup(self._dsn, self._place)
                logger.info("backup taken", backup=manifest.id, bytes=manifest.base_stored_bytes)
                backups = await asyncio.to_thread(read_backups, repository)
            await self._verify(repository, backups)
            backups = await asyncio.to_thread(read_backups, repository)
            await self._note(connection, backups)
            gone = await asyncio.to_thread(expire, repository, backups)
            logger.info("backups expired", backups=gone)

    async def _verify(self, repository: Repository, backups: Sequence[Backup]) -> None:
        target = await asyncio.to_thread(choose, repository, backups, None)
        outcome = await verify(repository, target, restore=self._restore)
        logger.info("backup verified", backup=target.manifest.id, how=outcome.how, seconds=outcome.seconds)

    def due(self, repository: Repository, backups: Sequence[Backup], timeline: int) -> Work:
        """Return what is due on the server's timeline.

        A backup from which WAL does not lead on to the present is not verified any more: a new one is taken.
        """
        if not backups:
            return Work.BACKUP
        last = backups[-1].manifest
        if is_due(self._clock.now(), last.started_at, self._hour) or last.timeline != timeline:
            return Work.BACKUP
        wal = archived(repository, last.server.segment_bytes)
        if wal.has_gap(parse_lsn(last.start_lsn), timeline):
            return Work.BACKUP
        return Work.VERIFY if backups[-1].verified is None else Work.NOTHING

    async def _note(self, connection: Connection, backups: Sequence[Backup]) -> None:
        self.verified_at = max((b.manifest.ended_at for b in backups if b.verified is not None), default=None)
        # Before the first provisioning there is no such table.
        if await connection.fetchval("SELECT to_regclass('auth.last_backup')") is not None:
            async with connection.transaction(), acting_as(connection, "auth"):
                await connection.execute(NOTE, datetime.now(UTC), self.verified_at)
