"""Reads an upload's files in chunks, in threads, so that the event loop stays free for the heartbeat."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

from services.analysis.configs.domain import engine_config
from services.analysis.engine import Chunk, Limits, open_tables
from services.analysis.jobs.domain import MAX_SMALL_VALUES, READ_SHARE, Stage
from services.analysis.jobs.progress import Progress
from services.analysis.jobs.work import Work
from services.analysis.objects.store import Storage
from shared.jobs.queue import Size

# 512 samples of 1,024 features are 4 MiB: a worker scores them in a twentieth of a second, and can hold
# several such chunks in memory.
CHUNK_SAMPLES = 512


class NotSmall(Exception):
    """A small file turned out to contain many values, so its job counts as large."""


class TableReader:
    def __init__(self, storage: Storage, limits: Limits | None = None) -> None:
        self._storage, self._limits = storage, limits or Limits()

    async def read(self, work: Work, progress: Progress) -> AsyncIterator[tuple[tuple[str, ...], Chunk]]:
        """Yield the feature names with each chunk, and parse the next chunk in the meantime.

        Raises EngineError for invalid files, NotSmall and LeaseLost.
        """
        files = work.upload.files
        total = max(1, sum(file.size for file in files))
        read = values = 0

        def count(size: int) -> None:
            nonlocal read
            read += size
            progress.report(Stage.READING, READ_SHARE * min(1.0, read / total))

        with ExitStack() as stack:
            streams = [
                stack.enter_context(await work.lease.compute(self._storage.open, file.key, count))
                for file in files
            ]
            table = await work.lease.compute(
                open_tables,
                [(stream, file.filename) for stream, file in zip(streams, files, strict=True)],
                config=engine_config(work.config),
                limits=self._limits,
                chunk_rows=CHUNK_SAMPLES,
            )
            read = 0  # opening has read the headers; iterating starts again from the beginning
            chunks = iter(table)
            following = asyncio.create_task(work.lease.compute(next, chunks, None))
            try:
                while (chunk := await following) is not None:
                    following = asyncio.create_task(work.lease.compute(next, chunks, None))
                    values += chunk.features.size
                    if work.job.size is Size.SMALL and values > MAX_SMALL_VALUES:
                        raise NotSmall
                    yield tuple(table.features), chunk
                    await work.lease.turn()
            finally:
                # The thread may still be reading from the streams that are about to be closed.
                await asyncio.gather(following, return_exceptions=True)
