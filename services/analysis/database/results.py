"""Stored results: maps, points, features and their metadata."""

import asyncio
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis.database.arrays import copy_file, copy_row, decode_floats
from services.analysis.database.packing import unpack_floats, unpack_points
from services.analysis.results.domain import FeatureRows, MetadataChunk, PointChunk
from shared.postgres.connection import Connection

Floats = NDArray[np.float64]
# PostgreSQL's array bounds are 4-byte integers.
MAX_POSITION = 2**31 - 1
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
    """Samples as read: `features` is (samples, d), `metadata` has one mapping per sample."""

    id: UUID
    organization_id: UUID
    file_upload_id: UUID
    chunk_index: int
    first_sample: int
    features: Floats
    metadata: Sequence[Mapping[str, Any]]

    def encode(self) -> "EncodedChunk":
        """Encode the chunk for a binary COPY. This takes long: call it in a thread."""
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
        return EncodedChunk(self, copy_file([copy_row(row)]))


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    chunk: FeatureChunk
    stream: bytes


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


class Results(Protocol):
    async def add_features(self, encoded: EncodedChunk) -> None: ...

    async def add_map(self, row: MapRow) -> None: ...

    async def delete(self, analysis_id: UUID, upload_id: UUID) -> None:
        """Delete the chunks, points and features that an attempt has stored."""
        ...

    async def model_key(self, dinsight_id: UUID) -> str | None:
        """The object key of the map's model; None if the map was imported without one, or does not exist."""
        ...

    async def map_points(self, dinsight_id: UUID, start: int, stop: int | None) -> PointChunk | None: ...

    async def monitor_points(
        self, analysis_id: UUID, start: int, stop: int | None
    ) -> Sequence[PointChunk]: ...

    async def feature_metadata(
        self, upload_id: UUID, start: int, stop: int | None
    ) -> Sequence[MetadataChunk]: ...

    async def feature_rows(self, upload_id: UUID, sample: int) -> FeatureRows | None:
        """The stored chunk that contains a sample."""
        ...


class PostgresResults:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add_features(self, encoded: EncodedChunk) -> None:
        # COPY does not apply row-level security to a table, but a view with a trigger does.
        await self._connection.copy_to_table(
            "feature_data_loader",
            source=io.BytesIO(encoded.stream),
            columns=LOADER_COLUMNS,
            format="binary",
        )

    async def add_map(self, row: MapRow) -> None:
        await self._queries.insert_map(self._connection, **asdict(row))

    async def delete(self, analysis_id: UUID, upload_id: UUID) -> None:
        await self._queries.delete_chunks(self._connection, analysis_id=analysis_id)
        await self._queries.delete_monitor(self._connection, analysis_id=analysis_id)
        await self._queries.delete_features(self._connection, ids=[upload_id])

    async def model_key(self, dinsight_id: UUID) -> str | None:
        key: str | None = await self._queries.model_key(self._connection, id=dinsight_id)
        return key

    async def map_points(self, dinsight_id: UUID, start: int, stop: int | None) -> PointChunk | None:
        row = await self._queries.map_points(
            self._connection, id=dinsight_id, first=start + 1, last=MAX_POSITION if stop is None else stop
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

    async def monitor_points(self, analysis_id: UUID, start: int, stop: int | None) -> Sequence[PointChunk]:
        found = self._queries.monitor_points(
            self._connection,
            analysis_id=analysis_id,
            start=start,
            stop=MAX_POSITION if stop is None else stop,
        )
        rows = [row async for row in found]
        return await asyncio.to_thread(lambda: [_points(row) for row in rows])

    async def feature_metadata(
        self, upload_id: UUID, start: int, stop: int | None
    ) -> Sequence[MetadataChunk]:
        found = self._queries.feature_metadata(
            self._connection,
            file_upload_id=upload_id,
            start=start,
            stop=MAX_POSITION if stop is None else stop,
        )
        return [MetadataChunk(row["first_sample"], row["samples"], row["metadata"]) async for row in found]

    async def feature_rows(self, upload_id: UUID, sample: int) -> FeatureRows | None:
        row = await self._queries.feature_chunk(self._connection, file_upload_id=upload_id, sample=sample)
        if row is None:
            return None
        features = await asyncio.to_thread(_features, row)
        return FeatureRows(row["first_sample"], features, row["metadata"])


def _points(row: Any) -> PointChunk:
    if row["packed"] is not None:
        return unpack_points(row["packed"], row["first_sample"])
    return PointChunk(
        row["first_sample"],
        decode_floats(row["x"]),
        decode_floats(row["y"]),
        decode_floats(row["distance"]),
        _optional(row["misfit"]),
        row["anomaly"],
        row["metadata"],
    )


def _features(row: Any) -> Floats:
    return decode_floats(row["features"]) if row["packed"] is None else unpack_floats(row["packed"])


def _optional(sent: bytes | None) -> Floats | None:
    return None if sent is None else decode_floats(sent)
