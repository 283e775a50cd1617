"""What is kept of a file as it is read: its features, and the work list of a monitoring run."""

import asyncio
from collections.abc import Mapping
from typing import Any

from services.analysis.database.chunks import NewChunk
from services.analysis.database.jobs import FeatureChunk
from services.analysis.database.unit import PostgresUnits
from services.analysis.engine import Chunk, SequenceState
from services.analysis.jobs.finalize import hold, scope_of
from services.analysis.jobs.fit import Work
from services.analysis.jobs.recent import RecentChunks, Samples
from shared.clock import IdGenerator
from shared.events.analysis import CHUNK_STORED, ChunkStored

# The worker that has a run scores this many chunks itself in any case; a small file needs no help.
OWN_CHUNKS = 1


class ChunkStore:
    def __init__(self, units: PostgresUnits, recent: RecentChunks, new_id: IdGenerator) -> None:
        self._units = units
        self._recent = recent
        self._new_id = new_id

    async def keep_features(self, work: Work, first: int, chunk: Chunk) -> None:
        """Keep samples of a baseline, if the work is still ours."""
        stream = await asyncio.to_thread(self._features(work, first, chunk).encoded)
        async with self._units(scope_of(work.analysis)) as unit:
            await hold(unit, work)
            await unit.work.add_features(stream)

    async def list_chunk(
        self, work: Work, order: int, first: int, chunk: Chunk, state: SequenceState | None, *, announce: bool
    ) -> None:
        """Keep samples of a monitoring run and put them on its work list; `announce` asks others to help."""
        analysis, samples = work.analysis, chunk.features.shape[0]
        stream = await asyncio.to_thread(self._features(work, first, chunk).encoded)
        self._recent.keep(analysis.id, order, Samples(chunk.features, chunk.metadata))
        before: Mapping[str, Any] | None = state.as_dict() if state is not None else None
        async with self._units(scope_of(analysis)) as unit:
            await hold(unit, work)
            await unit.work.add_features(stream)
            await unit.chunks.add(
                NewChunk(analysis.id, analysis.organization_id, order, first, samples, before)
            )
            if announce and order >= OWN_CHUNKS:
                payload = ChunkStored(
                    analysis_id=analysis.id,
                    machine_id=analysis.machine_id,
                    process_order=order,
                    first_sample=first,
                    samples=samples,
                )
                key = f"{analysis.id}/{order}"
                await unit.outbox.add(CHUNK_STORED, key, payload, organization_id=analysis.organization_id)

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
