"""Reads an upload's files in chunks, in threads, so that the event loop stays free for the heartbeat."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from typing import Any

from services.analysis.configs.domain import engine_config, reading_config
from services.analysis.domain import AnalysisType
from services.analysis.engine import BaselineModel, Chunk, Limits, Samples, open_samples
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

    def read(self, work: Work, progress: Progress, model: BaselineModel | None = None) -> "Reading":
        """Return the samples of an upload, to be iterated over once; a run has the model's features."""
        return Reading(self._storage, self._limits, work, progress, model)


class Reading:
    """Iterates over chunks of samples, and parses the next one in the meantime.

    Raises EngineError for invalid files, NotSmall and LeaseLost.
    """

    def __init__(
        self, storage: Storage, limits: Limits, work: Work, progress: Progress, model: BaselineModel | None
    ) -> None:
        self._storage = storage
        self._limits = limits
        self._work = work
        self._progress = progress
        self._model = model
        self._samples: Samples | None = None
        self.features: tuple[str, ...] = ()

    async def quality(self, model: BaselineModel) -> dict[str, Any]:
        """Return the quality of the data, once all chunks are read; the model knows the sensors' roles."""
        if self._samples is None:
            return {}
        known = {entry["name"]: entry for entry in model.results().get("sensors", ())}
        return await self._work.lease.compute(_quality, self._samples, self._work.baseline_quality, known)

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        work, lease = self._work, self._work.lease
        files = work.upload.files
        total = max(1, sum(file.size for file in files))
        read = values = 0

        def count(size: int) -> None:
            nonlocal read
            read += size
            self._progress.report(Stage.READING, READ_SHARE * min(1.0, read / total))

        with ExitStack() as stack:
            streams = [
                stack.enter_context(await lease.compute(self._storage.open, file.key, count))
                for file in files
            ]
            samples = self._samples = await lease.compute(
                open_samples,
                [(stream, file.filename) for stream, file in zip(streams, files, strict=True)],
                config=engine_config(work.config),
                reading=reading_config(work.config),
                training=work.analysis.analysis_type is AnalysisType.BASELINE,
                features=None if self._model is None else self._model.features,
                known_times=(work.baseline_quality or {}).get("resolved"),
                limits=self._limits,
                chunk_rows=CHUNK_SAMPLES,
            )
            self.features = tuple(samples.features)
            read = 0  # opening has read the headers; iterating starts again from the beginning
            chunks = iter(samples)
            following = asyncio.create_task(lease.compute(next, chunks, None))
            try:
                while (chunk := await following) is not None:
                    following = asyncio.create_task(lease.compute(next, chunks, None))
                    values += chunk.features.size
                    if work.job.size is Size.SMALL and values > MAX_SMALL_VALUES:
                        raise NotSmall
                    yield chunk
                    await lease.turn()
            finally:
                # The thread may still be reading from the streams that are about to be closed.
                await asyncio.gather(following, return_exceptions=True)


def _quality(
    samples: Samples, baseline: Mapping[str, Any] | None, roles: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    return samples.quality(baseline=baseline, roles=roles)
