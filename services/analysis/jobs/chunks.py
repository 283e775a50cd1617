"""Stores the features of files as they are read, and the chunks of monitoring runs with their jobs."""

from services.analysis.database.chunks import NewChunk
from services.analysis.database.results import FeatureChunk
from services.analysis.database.unit import Unit, Units
from services.analysis.engine import Chunk, SequenceState
from services.analysis.jobs.domain import Kind
from services.analysis.jobs.recent import RecentChunks, Samples
from services.analysis.jobs.work import Work
from shared.clock import IdGenerator
from shared.jobs.queue import LeaseLost


class ChunkStore:
    """Every write checks the lease of the job that reads the file. Raises LeaseLost."""

    def __init__(self, units: Units, recent: RecentChunks, new_id: IdGenerator) -> None:
        self._units = units
        self._recent = recent
        self._new_id = new_id

    async def keep_features(self, work: Work, first: int, chunk: Chunk) -> None:
        """Store samples of a baseline."""
        encoded = await work.lease.compute(self._features(work, first, chunk).encode)
        async with self._units(work.scope) as unit:
            await self._hold(unit, work)
            await unit.results.add_features(encoded)

    async def keep_chunk(
        self, work: Work, order: int, first: int, chunk: Chunk, state: SequenceState | None, *, ready: bool
    ) -> None:
        """Store samples of a monitoring run. If they are `ready`, any worker may score them immediately."""
        analysis = work.analysis
        encoded = await work.lease.compute(self._features(work, first, chunk).encode)
        self._recent.keep(analysis.id, order, Samples(chunk.features, chunk.metadata))
        new = NewChunk(
            analysis_id=analysis.id,
            organization_id=analysis.organization_id,
            process_order=order,
            first_sample=first,
            samples=chunk.features.shape[0],
            state=state.as_dict() if state is not None else None,
        )
        async with self._units(work.scope) as unit:
            await self._hold(unit, work)
            await unit.results.add_features(encoded)
            await unit.chunks.add(new)
            if ready:
                await unit.jobs.enqueue([work.next_job(self._new_id(), Kind.CHUNK, process_order=order)])

    @staticmethod
    async def _hold(unit: Unit, work: Work) -> None:
        """Lock the analysis before its job, like whoever deletes or fails the analysis. Raises LeaseLost."""
        if not await unit.analyses.lock_against_deletion(work.analysis.id):
            raise LeaseLost(str(work.analysis.id))
        await unit.jobs.hold(work.job)

    def _features(self, work: Work, first: int, chunk: Chunk) -> FeatureChunk:
        return FeatureChunk(
            id=self._new_id(),
            organization_id=work.analysis.organization_id,
            file_upload_id=work.upload.id,
            # Chunks of merged files differ in length; the first sample serves as the index, too.
            chunk_index=first,
            first_sample=first,
            features=chunk.features,
            metadata=chunk.metadata,
        )
