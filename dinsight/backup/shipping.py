"""Keeps WAL flowing from the server to the repository: the receiver, the archive, and how late it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dinsight.backup.archive import Archive
from dinsight.backup.base import take_backup
from dinsight.backup.context import BackupContext, binaries_for
from dinsight.backup.database import (
    KEPT_FOR_SLOT,
    NAME,
    Written,
    connected,
    describe,
    has_slot,
    make_slot,
    written,
)
from dinsight.backup.manifest import Manifest
from dinsight.backup.receiver import Receiver
from shared.postgres.connection import Connection

ROUND_SECONDS = 1.0
# An idle server writes nothing: the position says that this is so, and not that nobody looked.
POSITION_EVERY = timedelta(seconds=5)


async def _nothing() -> None:
    pass


@dataclass
class Lag:
    """How far the repository is behind. `complete_at`: everything written before is there."""

    complete_at: datetime | None = None
    waiting_bytes: int = 0


class Shipping:
    """`session` receives and ships until something fails; the loop around it tries again."""

    def __init__(
        self, dsn: str, place: BackupContext, files_first: Callable[[], Awaitable[None]] = _nothing
    ) -> None:
        self._dsn = dsn
        self._place = place
        self._files_first = files_first
        self._succeeded: Callable[[], None] = lambda: None
        self.lag = Lag()
        self._pending: Written | None = None
        self._noted: tuple[datetime, int] | None = None

    def on_success(self, succeeded: Callable[[], None]) -> None:
        """Call this after every round that worked."""
        self._succeeded = succeeded

    async def session(self) -> None:
        """Ship until something fails."""
        self._place.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with connected(self._dsn) as connection:
            server = await describe(connection)
            archive = Archive(self._place.repository(server.cluster), self._place.spool)
            now = await written(connection)
            if archive.spooled_timelines() - {now.timeline}:
                # The server was restored: what lies here belongs to its former future, or is shipped.
                archive.clear_spool()
            if not await has_slot(connection):
                # The receiver would ask for what follows in the spool, which the server no longer has.
                await asyncio.to_thread(_ship_all, archive)
                archive.clear_spool()
                await make_slot(connection)
            receiver = Receiver(self._dsn, binaries_for(server), self._place.spool, archive)
            try:
                async with receiver.running() as process:
                    while True:
                        await self._round(connection, archive)
                        if (error := await receiver.ended(process)) is not None:
                            raise error
                        receiver.must_have_room()
                        self._succeeded()
                        await asyncio.sleep(ROUND_SECONDS)
            finally:
                # What the receiver wrote last; where the repository is the cause, it raises again.
                await asyncio.shield(asyncio.to_thread(_ship_all, archive))

    async def _round(self, connection: Connection, archive: Archive) -> None:
        seen = await written(connection)
        self.lag.waiting_bytes = archive.spooled_bytes() + (
            await connection.fetchval(KEPT_FOR_SLOT, NAME) or 0
        )
        if new := await asyncio.to_thread(archive.look):
            # A file is stored before the row that names it: those of this WAL are there to be copied.
            await self._files_first()
            await asyncio.to_thread(archive.ship, new)
        pending = self._pending
        if pending is None:
            self._pending = seen
        elif seen.received is not None and seen.received >= pending.flushed:
            await self._note(archive, pending)
            self._pending = seen

    async def _note(self, archive: Archive, complete: Written) -> None:
        self.lag.complete_at = complete.at
        moved = self._noted is None or complete.flushed > self._noted[1]
        if moved or self._noted is None or complete.at - self._noted[0] > POSITION_EVERY:
            await asyncio.to_thread(archive.note_position, complete.at)
            self._noted = (complete.at, complete.flushed)


def _ship_all(archive: Archive) -> None:
    archive.ship(archive.look())


async def take_backup_alone(dsn: str, place: BackupContext) -> Manifest:
    """A backup by a command: its WAL is shipped by the program `backup` where that runs, else here."""
    async with connected(dsn) as connection:
        shipped = await connection.fetchval(
            "SELECT active FROM pg_replication_slots WHERE slot_name = $1", NAME
        )
    if shipped:
        return await take_backup(dsn, place)
    backup = asyncio.create_task(take_backup(dsn, place))
    shipping = asyncio.create_task(Shipping(dsn, place).session())
    try:
        await asyncio.wait({backup, shipping}, return_when=asyncio.FIRST_COMPLETED)
        if shipping.done():
            shipping.result()
        return await backup
    finally:
        for task in (backup, shipping):
            task.cancel()
        await asyncio.gather(backup, shipping, return_exceptions=True)
