"""SQL of the chunks of monitoring runs, and what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis.database.analyses import MonitorRow, plain
from services.analysis.database.arrays import decode_floats
from shared.postgres.connection import Connection

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NewChunk:
    """Stored samples that wait to be scored. `state` is the moving average before them, if there is one."""

    analysis_id: UUID
    organization_id: UUID
    process_order: int
    first_sample: int
    samples: int
    state: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class UnscoredChunk:
    analysis_id: UUID
    process_order: int
    first_sample: int
    samples: int
    state: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ScoredSummary:
    """What a scored chunk adds to its run's results."""

    process_order: int
    summary: Mapping[str, Any]
    has_anomalies: bool


class PostgresChunks:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, chunk: NewChunk) -> None:
        await self._queries.insert_chunk(self._connection, **asdict(chunk))

    async def get(self, analysis_id: UUID, process_order: int) -> UnscoredChunk | None:
        """The chunk; None when it is scored, or gone."""
        row = await self._queries.get_chunk(
            self._connection, analysis_id=analysis_id, process_order=process_order
        )
        if row is None:
            return None
        return UnscoredChunk(
            row["analysis_id"], row["process_order"], row["first_sample"], row["samples"], row["state"]
        )

    async def complete(
        self,
        chunk: UnscoredChunk,
        points: MonitorRow,
        summary: Mapping[str, Any],
        anomalies: Sequence[Mapping[str, Any]],
    ) -> bool:
        """Keep what came of a chunk; False, and nothing kept, when it is scored already, or gone."""
        done = await self._queries.complete_chunk(
            self._connection,
            analysis_id=chunk.analysis_id,
            process_order=chunk.process_order,
            summary=summary,
            anomalies=list(anomalies) or None,
        )
        if done is not True:
            return False
        await self._queries.insert_monitor(self._connection, [plain(points)])
        return True

    async def hand_on(self, analysis_id: UUID, process_order: int, state: Mapping[str, Any]) -> None:
        """Note the moving average before a chunk, which the scoring of the one before it has told."""
        await self._queries.hand_on_state(
            self._connection, analysis_id=analysis_id, process_order=process_order, state=state
        )

    async def summaries(self, analysis_id: UUID) -> list[ScoredSummary]:
        """Of all chunks, in order."""
        found = self._queries.chunk_summaries(self._connection, analysis_id=analysis_id)
        return [
            ScoredSummary(row["process_order"], row["summary"], row["has_anomalies"]) async for row in found
        ]

    async def places(self, analysis_id: UUID) -> Floats:
        """Map positions (n, 2) of all samples that are scored, in order."""
        found = self._queries.monitor_places(self._connection, analysis_id=analysis_id)
        parts = [np.column_stack((decode_floats(row["x"]), decode_floats(row["y"]))) async for row in found]
        return np.concatenate(parts) if parts else np.empty((0, 2))

    async def anomalies(self, analysis_id: UUID, process_order: int) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] | None = await self._queries.chunk_anomalies(
            self._connection, analysis_id=analysis_id, process_order=process_order
        )
        return found or ()

    async def delete(self, analysis_id: UUID) -> None:
        await self._queries.delete_chunks(self._connection, analysis_id=analysis_id)
