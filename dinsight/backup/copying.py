"""Copies new files of the object store all the time, and at once when WAL is about to be shipped."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from obstore.store import ObjectStore

from dinsight.backup.context import BackupContext
from dinsight.backup.database import connected, describe
from dinsight.backup.objects import ObjectCopies

# Without any change in the database, files are looked for this often.
IDLE_SECONDS = 5.0
# A large store takes long to look through: that is done for at most this share of the time.
LOOKING_SHARE = 0.2
# WAL waits this long for files: a large one, or a large store, must not hold back everybody's writes.
MAX_WAIT_SECONDS = 2.0


class FileCopies:
    """`step` is one round. A round copies what is there when it begins."""

    def __init__(self, dsn: str, place: BackupContext, store: ObjectStore) -> None:
        self._dsn, self._place, self._store = dsn, place, store
        self._copies: ObjectCopies | None = None
        self._wanted = asyncio.Event()
        self._ended = asyncio.Condition()
        self._copied_until = 0.0

    async def step(self) -> None:
        if self._copies is None:
            async with connected(self._dsn) as connection:
                cluster = (await describe(connection)).cluster
            self._copies = ObjectCopies(self._store, self._place.repository(cluster))
        self._wanted.clear()
        began = time.monotonic()
        await asyncio.to_thread(self._copies.copy_new)
        async with self._ended:
            self._copied_until = began
            self._ended.notify_all()
        await asyncio.sleep((time.monotonic() - began) / LOOKING_SHARE)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), IDLE_SECONDS)

    async def copied_now(self) -> None:
        """Return when all files of this moment are copied, or when that takes too long."""
        now = time.monotonic()
        self._wanted.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(MAX_WAIT_SECONDS), self._ended:
                await self._ended.wait_for(lambda: self._copied_until >= now)
