"""SQL of stored results: points, features and their metadata."""

from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis.database.arrays import decode_floats
from services.analysis.results.domain import FeatureRows, MetadataChunk, PointChunk
from shared.postgres.connection import Connection

Floats = NDArray[np.float64]
# PostgreSQL's array bounds are 4-byte integers.
LAST_POSITION = 2**31 - 1


class PostgresResults:
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


def _optional(sent: bytes | None) -> Floats | None:
    return None if sent is None else decode_floats(sent)
