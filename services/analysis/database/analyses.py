"""SQL of the workers: progress, ends, and what an analysis leaves behind."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis.anomalies.domain import Anomaly
from services.analysis.database import rows
from services.analysis.database.arrays import copy_file, copy_row
from services.analysis.domain import Analysis, Status
from shared.postgres.connection import Connection

Floats = NDArray[np.float64]
LOADER_COLUMNS = (
    "id",
    "organization_id",
    "file_upload_id",
    "chunk_index",
    "first_sample",
    "samples",
    "feature_values",
    "metadata",
)


@dataclass(frozen=True, slots=True)
class FeatureChunk:
    """Samples as read: `features` is (samples, d), `metadata` one mapping per sample."""

    id: UUID
    organization_id: UUID
    file_upload_id: UUID
    chunk_index: int
    first_sample: int
    features: Floats
    metadata: Sequence[Mapping[str, Any]]

    def encoded(self) -> bytes:
        """The binary COPY stream of the chunk: costly, for a thread."""
        row = (
            self.id,
            self.organization_id,
            self.file_upload_id,
            self.chunk_index,
            self.first_sample,
            self.features.shape[0],
            self.features,
            list(self.metadata),
        )
        return copy_file([copy_row(row)])


@dataclass(frozen=True, slots=True)
class MapRow:
    id: UUID
    organization_id: UUID
    file_upload_id: UUID
    config_id: int
    x_values: list[float]
    y_values: list[float]
    distance_values: list[float] | None
    misfit_values: list[float] | None
    model_key: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MonitorRow:
    """One chunk of a monitoring run; the lists are parallel. `monitor_values` are the distances."""

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
class ScoringState:
    """How far the chunks of a run are scored. `chunks` is None while its files are still being read."""

    chunks: int | None
    scored: int
    read_at: datetime | None
    timings: Mapping[str, float]

    @property
    def done(self) -> bool:
        return self.scored == self.chunks


class PostgresAnalyses:
    """What becomes of an analysis. Who may say so is decided by the lease of the job (`Unit.jobs`).

    Locks go one way: an analysis before its jobs.
    """

    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def begin(self, analysis_id: UUID, attempt: int) -> Analysis | None:
        """Begin anew, and wipe what an attempt before left; None when the analysis is ended or gone."""
        row = await self._queries.begin_analysis(self._connection, id=analysis_id, attempt=attempt)
        if row is None:
            return None
        await self.delete_results(analysis_id, row["file_upload_id"])
        return rows.analysis(row)

    async def lock(self, analysis_id: UUID) -> Analysis | None:
        """The analysis, if it is being worked on; nobody else changes it until the transaction ends."""
        row = await self._queries.lock_analysis(self._connection, id=analysis_id)
        return rows.analysis(row) if row else None

    async def note_progress(self, analysis_id: UUID, stage: str, progress: float) -> None:
        await self._queries.note_progress(self._connection, id=analysis_id, stage=stage, progress=progress)

    async def wait(self, analysis_id: UUID, *, attempts: int) -> None:
        """Back to waiting for a worker."""
        await self._queries.wait_for_worker(self._connection, id=analysis_id, attempts=attempts)

    async def note_read(
        self, analysis_id: UUID, *, chunks: int, now: datetime, timings: Mapping[str, float]
    ) -> ScoringState:
        """All of the run's files are read and stored as chunks."""
        row = await self._queries.note_read(
            self._connection, id=analysis_id, chunks=chunks, now=now, timings=timings
        )
        return _scoring(row)

    async def count_scored(self, analysis_id: UUID) -> ScoringState:
        """One more chunk of the run is scored."""
        return _scoring(await self._queries.count_scored(self._connection, id=analysis_id))

    async def scoring(self, analysis_id: UUID) -> ScoringState:
        return _scoring(await self._queries.scoring_state(self._connection, id=analysis_id))

    async def complete(
        self, analysis_id: UUID, *, results: Mapping[str, Any], dinsight_id: UUID, now: datetime
    ) -> bool:
        """The one good end; False when the analysis is ended or gone."""
        done = await self._queries.complete_analysis(
            self._connection, id=analysis_id, results=results, dinsight_id=dinsight_id, now=now
        )
        return done is True

    async def fail(self, analysis_id: UUID, *, error: Mapping[str, Any], now: datetime) -> bool:
        """The one bad end; False when the analysis is ended or gone."""
        done = await self._queries.fail_analysis(self._connection, id=analysis_id, error=error, now=now)
        return done is True

    async def note_upload(
        self,
        upload_id: UUID,
        status: Status,
        now: datetime,
        *,
        error_message: str | None = None,
        features: Sequence[str] | None = None,
        samples: int | None = None,
    ) -> None:
        await self._queries.note_upload(
            self._connection,
            id=upload_id,
            status=status,
            now=now,
            error_message=error_message,
            features=None if features is None else list(features),
            samples=samples,
        )

    async def add_features(self, stream: bytes) -> None:
        """Store an encoded chunk: COPY, through the view that applies the row policy."""
        await self._connection.copy_to_table(
            "feature_data_loader", source=io.BytesIO(stream), columns=LOADER_COLUMNS, format="binary"
        )

    async def delete_results(self, analysis_id: UUID, upload_id: UUID) -> None:
        """Delete what an attempt has stored so far."""
        await self._queries.delete_chunks(self._connection, analysis_id=analysis_id)
        await self._queries.delete_monitor(self._connection, analysis_id=analysis_id)
        await self._queries.delete_features(self._connection, ids=[upload_id])

    async def add_map(self, row: MapRow) -> None:
        await self._queries.insert_map(self._connection, **asdict(row))

    async def add_anomalies(self, anomalies: Sequence[Anomaly]) -> None:
        await self._queries.insert_anomaly(self._connection, [plain(anomaly) for anomaly in anomalies])

    async def model_key(self, dinsight_id: UUID) -> str | None:
        key: str | None = await self._queries.model_key(self._connection, id=dinsight_id)
        return key

    async def discard(self, prefix: str) -> None:
        await self._queries.discard_objects(self._connection, prefix=prefix)


def _scoring(row: Any) -> ScoringState:
    return ScoringState(row["chunks"], row["chunks_scored"], row["read_at"], row["timings"] or {})


def plain(row: Any) -> dict[str, Any]:
    """The fields, without copying the long lists as `asdict` does."""
    return {name: getattr(row, name) for name in row.__dataclass_fields__}
