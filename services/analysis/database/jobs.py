"""SQL of the workers: leases, progress, and what an analysis leaves behind."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
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


class PostgresWork:
    """Everything that changes an analysis names the lease; without it nothing happens, and False says so."""

    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def claim(self, analysis_id: UUID, token: UUID, lease: timedelta) -> Analysis | None:
        """Take the work and wipe what a dead attempt left; None when it is done, gone or someone else's."""
        row = await self._queries.claim_analysis(self._connection, id=analysis_id, token=token, lease=lease)
        if row is None:
            return None
        await self.delete_results(analysis_id, row["file_upload_id"])
        return rows.analysis(row)

    async def renew(self, analysis_id: UUID, token: UUID, lease: timedelta) -> bool:
        return (
            await self._queries.renew_lease(self._connection, id=analysis_id, token=token, lease=lease)
            is True
        )

    async def hold(self, analysis_id: UUID, token: UUID) -> bool:
        return await self._queries.hold_lease(self._connection, id=analysis_id, token=token) is True

    async def note_progress(self, analysis_id: UUID, token: UUID, stage: str, progress: float) -> bool:
        return (
            await self._queries.note_progress(
                self._connection, id=analysis_id, token=token, stage=stage, progress=progress
            )
            is True
        )

    async def release(self, analysis_id: UUID, token: UUID, *, counted: bool) -> bool:
        return (
            await self._queries.release_analysis(
                self._connection, id=analysis_id, token=token, counted=counted
            )
            is True
        )

    async def complete(
        self, analysis_id: UUID, token: UUID, *, results: Mapping[str, Any], dinsight_id: UUID, now: datetime
    ) -> bool:
        done = await self._queries.complete_analysis(
            self._connection, id=analysis_id, token=token, results=results, dinsight_id=dinsight_id, now=now
        )
        return done is True

    async def fail(self, analysis_id: UUID, token: UUID, *, error: Mapping[str, Any], now: datetime) -> bool:
        done = await self._queries.fail_analysis(
            self._connection, id=analysis_id, token=token, error=error, now=now
        )
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


def plain(row: Any) -> dict[str, Any]:
    """The fields, without copying the long lists as `asdict` does."""
    return {name: getattr(row, name) for name in row.__dataclass_fields__}
