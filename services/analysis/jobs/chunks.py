"""What is kept of a file as it is read: its features, and the chunks of a monitoring run with their jobs."""

from services.analysis.database.analyses import FeatureChunk
from services.analysis.database.chunks import NewChunk
from services.analysis.database.unit import PostgresUnits
from services.analysis.engine import Chunk, SequenceState
from services.analysis.jobs.domain import Kind
from services.analysis.jobs.recent import RecentChunks, Samples
from services.analysis.jobs.work import Work
from shared.clock import IdGenerator


class ChunkStore:
    """Every write checks the lease of the job that reads. Raises LeaseLost."""

    def __init__(self, units: PostgresUnits, recent: RecentChunks, new_id: IdGenerator) -> None:
        self._units = units
        self._recent = recent
        self._new_id = new_id

    async def keep_features(self, work: Work, first: int, chunk: Chunk) -> None:
        """Keep samples of a baseline."""
        stream = await work.lease.compute(self._features(work, first, chunk).encoded)
        async with self._units(work.scope) as unit:
            await unit.jobs.hold(work.job)
            await unit.analyses.add_features(stream)

    async def keep_chunk(
        self, work: Work, order: int, first: int, chunk: Chunk, state: SequenceState | None, *, ready: bool
    ) -> None:
        """Keep samples of a monitoring run; those that are `ready` may be scored by any worker at once."""
        analysis = work.analysis
        stream = await work.lease.compute(self._features(work, first, chunk).encoded)
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
            await unit.jobs.hold(work.job)
            await unit.analyses.add_features(stream)
            await unit.chunks.add(new)
            if ready:
                await unit.jobs.enqueue([work.next_job(self._new_id(), Kind.CHUNK, process_order=order)])

    def _features(self, work: Work, first: int, chunk: Chunk) -> FeatureChunk:
        return FeatureChunk(
            id=self._new_id(),
            organization_id=work.analysis.organization_id,
            file_upload_id=work.upload.id,
            # Chunks of several files differ in length; their first sample numbers them as well.
            chunk_index=first,
            first_sample=first,
            features=chunk.features,
            metadata=chunk.metadata,
        )
