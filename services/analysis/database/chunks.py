"""The chunks of monitoring runs, and their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis.database.arrays import decode_floats
from services.analysis.database.rows import shallow_dict
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
class MonitorRow:
    """The points of a chunk; the lists are parallel. `monitor_values` are the distances."""

    id: UUID
    organization_id: UUID
    dinsight_id: UUID
    analysis_id: UUID
    process_order: int
    first_sample: int
    samples: int
    monitor_values: list[float]
    x_values: list[float]
    y_values: list[float]
    misfit_values: list[float]
    anomaly_values: list[bool]
    metadata: list[Mapping[str, Any]]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ScoredSummary:
    """The contribution of a scored chunk to the results of its run."""

    process_order: int
    summary: Mapping[str, Any]
    has_anomalies: bool
    # The share of missing features of each sample; empty if nothing is missing.
    missing: Sequence[float] = ()


class Chunks(Protocol):
    async def add(self, chunk: NewChunk) -> None: ...

    async def get(self, analysis_id: UUID, process_order: int) -> UnscoredChunk | None:
        """The chunk; None if it is scored or does not exist."""
        ...

    async def complete(
        self,
        chunk: UnscoredChunk,
        points: MonitorRow,
        summary: Mapping[str, Any],
        anomalies: Sequence[Mapping[str, Any]],
        missing: Sequence[float] = (),
    ) -> bool:
        """Store the scores of a chunk; False, without storing them, if it is scored or does not exist."""
        ...

    async def set_state(self, analysis_id: UUID, process_order: int, state: Mapping[str, Any]) -> None:
        """Store the moving average before a chunk, known once the chunk before it is scored."""
        ...

    async def summaries(self, analysis_id: UUID) -> Sequence[ScoredSummary]:
        """Those of all chunks, in order."""
        ...

    async def placed(self, analysis_id: UUID) -> tuple[Floats, Floats]:
        """Map positions (n, 2) and distances (n,) of all scored samples, in order."""
        ...

    async def anomalies(self, analysis_id: UUID, process_order: int) -> Sequence[Mapping[str, Any]]: ...

    async def anomaly_metadata(
        self, analysis_id: UUID, process_order: int
    ) -> Sequence[tuple[int, Mapping[str, Any]]]:
        """The sample index and metadata of each anomaly of a chunk."""
        ...

    async def delete(self, analysis_id: UUID) -> None: ...


class PostgresChunks:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, chunk: NewChunk) -> None:
        await self._queries.insert_chunk(self._connection, **asdict(chunk))

    async def get(self, analysis_id: UUID, process_order: int) -> UnscoredChunk | None:
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
        missing: Sequence[float] = (),
    ) -> bool:
        done = await self._queries.complete_chunk(
            self._connection,
            analysis_id=chunk.analysis_id,
            process_order=chunk.process_order,
            summary=summary,
            anomalies=list(anomalies) or None,
            missing=list(missing) or None,
        )
        if done is not True:
            return False
        await self._queries.insert_monitor(self._connection, [shallow_dict(points)])
        return True

    async def set_state(self, analysis_id: UUID, process_order: int, state: Mapping[str, Any]) -> None:
        await self._queries.set_chunk_state(
            self._connection, analysis_id=analysis_id, process_order=process_order, state=state
        )

    async def summaries(self, analysis_id: UUID) -> Sequence[ScoredSummary]:
        found = self._queries.chunk_summaries(self._connection, analysis_id=analysis_id)
        return [
            ScoredSummary(
                row["process_order"], row["summary"], row["has_anomalies"], tuple(row["missing"] or ())
            )
            async for row in found
        ]

    async def placed(self, analysis_id: UUID) -> tuple[Floats, Floats]:
        found = self._queries.monitor_positions(self._connection, analysis_id=analysis_id)
        parts = [
            np.stack([decode_floats(row[name]) for name in ("x", "y", "distance")]) async for row in found
        ]
        x, y, distance = np.concatenate(parts, axis=1) if parts else np.empty((3, 0))
        return np.column_stack((x, y)), distance

    async def anomalies(self, analysis_id: UUID, process_order: int) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] | None = await self._queries.chunk_anomalies(
            self._connection, analysis_id=analysis_id, process_order=process_order
        )
        return found or ()

    async def anomaly_metadata(
        self, analysis_id: UUID, process_order: int
    ) -> Sequence[tuple[int, Mapping[str, Any]]]:
        found = self._queries.chunk_times(
            self._connection, analysis_id=analysis_id, process_order=process_order
        )
        return [(row["sample_index"], row["metadata"] or {}) async for row in found]

    async def delete(self, analysis_id: UUID) -> None:
        await self._queries.delete_chunks(self._connection, analysis_id=analysis_id)
