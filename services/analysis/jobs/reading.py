"""Reading an upload's files, chunk by chunk, in threads, so that the loop stays free for the heartbeat."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

from services.analysis.configs.domain import engine_config
from services.analysis.engine import Chunk, open_tables
from services.analysis.jobs.domain import MAX_SMALL_VALUES, READ_SHARE, Stage
from services.analysis.jobs.progress import Progress
from services.analysis.jobs.work import Work
from services.analysis.objects.store import Storage
from shared.jobs.queue import Size

# 512 samples of 1,024 features are 4 MiB: a twentieth of a second of work for a worker, and few enough to
# hold several.
CHUNK_SAMPLES = 512


class LargerThanItLooks(Exception):
    """A small file turned out to hold much: its job is one of the large ones."""


class TableReader:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def read(self, work: Work, progress: Progress) -> AsyncIterator[tuple[tuple[str, ...], Chunk]]:
        """Feature names with each chunk; the next chunk is parsed while this one is worked on.

        Raises EngineError for files that are refused, LargerThanItLooks, and LeaseLost.
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
                chunk_rows=CHUNK_SAMPLES,
            )
            read = 0  # what was read so far told the columns; now the samples are read from the start
            chunks = iter(table)
            coming = asyncio.create_task(work.lease.compute(next, chunks, None))
            try:
                while (chunk := await coming) is not None:
                    coming = asyncio.create_task(work.lease.compute(next, chunks, None))
                    values += chunk.features.size
                    if work.job.size is Size.SMALL and values > MAX_SMALL_VALUES:
                        raise LargerThanItLooks
                    yield tuple(table.features), chunk
                    await work.lease.turn()
            finally:
                # The thread still reads from the streams that are closed next.
                await asyncio.gather(coming, return_exceptions=True)
