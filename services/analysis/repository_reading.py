"""SQL of what clients read: points, features, anomalies."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis import rows
from services.analysis.arrays import decode_floats
from services.analysis.domain import Anomaly, AnomalyFilter, DailyAnomalies
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

Floats = NDArray[np.float64]
# PostgreSQL's array bounds are 4-byte integers.
LAST_POSITION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PointChunk:
    """Neighbouring samples; `metadata` is the JSON text of a list with one object per sample."""

    first: int
    x: Floats
    y: Floats
    distance: Floats | None
    misfit: Floats | None
    anomaly: Sequence[bool] | None
    metadata: str | None


@dataclass(frozen=True, slots=True)
class MetadataChunk:
    first: int
    samples: int
    metadata: str | None


@dataclass(frozen=True, slots=True)
class FeatureRows:
    first: int
    features: Floats
    metadata: str | None


class PostgresReading:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def map_points(self, dinsight_id: UUID, start: int, stop: int | None) -> PointChunk | None:
        row = await self._queries.map_points(
            self._connection, id=dinsight_id, first=start + 1, last=LAST_POSITION if stop is None else stop
        )
        if row is None:
            return None
        return PointChunk(
            start,
            decode_floats(row["x"]),
            decode_floats(row["y"]),
            _optional(row["distance"]),
            _optional(row["misfit"]),
            None,
            None,
        )

    async def monitor_points(self, analysis_id: UUID, start: int, stop: int | None) -> list[PointChunk]:
        found = self._queries.monitor_points(
            self._connection,
            analysis_id=analysis_id,
            start=start,
            stop=LAST_POSITION if stop is None else stop,
        )
        return [
            PointChunk(
                row["first_sample"],
                decode_floats(row["x"]),
                decode_floats(row["y"]),
                decode_floats(row["distance"]),
                _optional(row["misfit"]),
                row["anomaly"],
                row["metadata"],
            )
            async for row in found
        ]

    async def feature_metadata(self, upload_id: UUID, start: int, stop: int | None) -> list[MetadataChunk]:
        found = self._queries.feature_metadata(
            self._connection,
            file_upload_id=upload_id,
            start=start,
            stop=LAST_POSITION if stop is None else stop,
        )
        return [MetadataChunk(row["first_sample"], row["samples"], row["metadata"]) async for row in found]

    async def feature_rows(self, upload_id: UUID, sample: int) -> FeatureRows | None:
        """The stored chunk that holds a sample."""
        row = await self._queries.feature_chunk(self._connection, file_upload_id=upload_id, sample=sample)
        if row is None:
            return None
        return FeatureRows(row["first_sample"], decode_floats(row["features"]), row["metadata"])

    async def anomaly(self, anomaly_id: UUID, *, lock: bool = False) -> Anomaly | None:
        ask = self._queries.lock_anomaly if lock else self._queries.get_anomaly
        row = await ask(self._connection, id=anomaly_id)
        return rows.anomaly(row) if row else None

    async def anomalies(self, wanted: AnomalyFilter, page: PageRequest) -> Slice[Anomaly]:
        found = self._queries.list_anomalies(
            self._connection,
            **asdict(wanted),
            after_at=page.after.at if page.after else None,
            after_id=page.after.id if page.after else None,
            limit=page.limit + 1,
        )
        anomalies = [rows.anomaly(row) async for row in found]
        return Slice.cut(anomalies, page.limit, lambda anomaly: Cursor(anomaly.timestamp, anomaly.id))

    async def acknowledge(self, anomaly: Anomaly, user_id: UUID, now: datetime) -> None:
        await self._queries.acknowledge_anomaly(
            self._connection, id=anomaly.id, timestamp=anomaly.timestamp, user_id=user_id, now=now
        )

    async def daily(
        self, machine_id: UUID | None, since: date | None, until: date | None, limit: int
    ) -> list[DailyAnomalies]:
        found = self._queries.daily_anomalies(
            self._connection, machine_id=machine_id, since=since, until=until, limit=limit
        )
        return [
            DailyAnomalies(
                row["machine_id"], row["day"], row["severity"], row["anomalies"], row["worst_ratio"]
            )
            async for row in found
        ]


def _optional(sent: bytes | None) -> Floats | None:
    return None if sent is None else decode_floats(sent)
