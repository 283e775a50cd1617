"""Splits the files of a monitoring run into chunks, each with a job of its own."""

from collections.abc import Mapping
from typing import Any

from services.analysis.database.unit import Units
from services.analysis.domain import Status
from services.analysis.engine import BaselineModel, SequenceState, judged, require_samples
from services.analysis.jobs.chunks import ChunkStore
from services.analysis.jobs.domain import READ_SHARE, Kind, Stage
from services.analysis.jobs.progress import Progress, Stopwatch, publish_progress
from services.analysis.jobs.reading import TableReader
from services.analysis.jobs.work import Work
from shared.clock import Clock, IdGenerator
from shared.jobs.queue import LeaseLost


class Splitter:
    def __init__(
        self, units: Units, reader: TableReader, chunks: ChunkStore, clock: Clock, new_id: IdGenerator
    ) -> None:
        self._units = units
        self._reader = reader
        self._chunks = chunks
        self._clock = clock
        self._new_id = new_id

    async def split(self, work: Work, model: BaselineModel, progress: Progress, watch: Stopwatch) -> None:
        """Store the run chunk by chunk, and end the job. Raises EngineError for invalid files.

        What is judged depends on earlier samples, as a moving average does. In feature space, the reader
        carries it forward, so every chunk has its initial state and any worker can score it. On the map, it
        requires the positions of all earlier samples, so the job of each chunk enqueues that of the next one.
        """
        chained = model.state_needs_placement
        state: SequenceState | None = None
        order = samples = 0
        with watch.stage(Stage.READING):
            reading = self._reader.read(work, progress, model)
            async for chunk in reading:
                await self._chunks.keep_chunk(work, order, samples, chunk, state, ready=not chained)
                if not chained:
                    state = await work.lease.compute(
                        model.advance, judged(chunk.features, chunk.metadata), state
                    )
                order += 1
                samples += chunk.features.shape[0]
            require_samples(samples, file=work.upload.original_filename, minimum=1)
        quality = await reading.quality(model)
        await self._hand_over(work, model, watch, quality, chunks=order, samples=samples, chained=chained)

    async def _hand_over(
        self,
        work: Work,
        model: BaselineModel,
        watch: Stopwatch,
        quality: Mapping[str, Any],
        *,
        chunks: int,
        samples: int,
        chained: bool,
    ) -> None:
        """End the reading. Whatever comes last, this or the scoring of the last chunk, enqueues the join."""
        analysis, now = work.analysis, self._clock.now()
        async with self._units(work.scope) as unit:
            if await unit.analyses.lock(analysis.id) is None:
                raise LeaseLost(str(analysis.id))
            await unit.jobs.complete(work.job)
            await unit.uploads.set_status(
                work.upload.id, Status.PROCESSING, now, features=model.features, samples=samples
            )
            await unit.qualities.save(analysis, quality)
            scoring = await unit.analyses.set_read(analysis.id, chunks=chunks, now=now, timings=watch.timings)
            await publish_progress(unit, analysis, Stage.SCORING, READ_SHARE)
            if scoring.done:
                await unit.jobs.enqueue([work.next_job(self._new_id(), Kind.JOIN)])
            elif chained:
                await unit.jobs.enqueue([work.next_job(self._new_id(), Kind.CHUNK, process_order=0)])
