"""Chunks, results, anomalies and upkeep in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray

from services.analysis.anomalies.domain import Anomaly, AnomalyFilter, DailyAnomalies
from services.analysis.database.chunks import MonitorRow, NewChunk, ScoredSummary, UnscoredChunk
from services.analysis.database.results import EncodedChunk, MapRow
from services.analysis.domain import Analysis
from services.analysis.results.domain import FeatureRows, MetadataChunk, PointChunk
from services.analysis.timeline.domain import NORMAL, HourCount, moment
from shared.http.pages import Cursor, PageRequest, Slice
from tests.unit.analysis.database.fakes.memory import Scoped, StoredChunk, cut_page


class FakeQualities(Scoped):
    async def save(self, analysis: Analysis, quality: Mapping[str, Any]) -> None:
        self._memory.qualities[analysis.id] = quality

    async def get(self, analysis_id: UUID) -> Mapping[str, Any] | None:
        mine = self._found(self._memory.analyses.get(analysis_id))
        return self._memory.qualities.get(analysis_id) if mine else None


class FakeChunks(Scoped):
    def _stored(self, analysis_id: UUID) -> list[StoredChunk]:
        found = [chunk for chunk in self._memory.chunks.values() if chunk.new.analysis_id == analysis_id]
        return sorted(found, key=lambda chunk: chunk.new.process_order)

    async def add(self, chunk: NewChunk) -> None:
        self._memory.chunks[chunk.analysis_id, chunk.process_order] = StoredChunk(chunk)

    async def get(self, analysis_id: UUID, process_order: int) -> UnscoredChunk | None:
        stored = self._memory.chunks.get((analysis_id, process_order))
        if stored is None or stored.summary is not None or not self._mine(stored.new):
            return None
        new = stored.new
        return UnscoredChunk(analysis_id, process_order, new.first_sample, new.samples, new.state)

    async def complete(
        self,
        chunk: UnscoredChunk,
        points: MonitorRow,
        summary: Mapping[str, Any],
        anomalies: Sequence[Mapping[str, Any]],
        missing: Sequence[float] = (),
    ) -> bool:
        if await self.get(chunk.analysis_id, chunk.process_order) is None:
            return False
        stored = self._memory.chunks[chunk.analysis_id, chunk.process_order]
        stored.summary, stored.anomalies, stored.missing = summary, anomalies, missing
        self._memory.points[chunk.analysis_id, chunk.process_order] = points
        return True

    async def set_state(self, analysis_id: UUID, process_order: int, state: Mapping[str, Any]) -> None:
        stored = self._memory.chunks[analysis_id, process_order]
        stored.new = replace(stored.new, state=state)

    async def summaries(self, analysis_id: UUID) -> Sequence[ScoredSummary]:
        return [
            ScoredSummary(
                chunk.new.process_order, chunk.summary or {}, bool(chunk.anomalies), tuple(chunk.missing)
            )
            for chunk in self._stored(analysis_id)
        ]

    async def placed(self, analysis_id: UUID) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rows = [row for key, row in sorted(self._memory.points.items()) if key[0] == analysis_id]
        x, y, distance = (
            np.array([value for row in rows for value in getattr(row, name)], dtype=np.float64)
            for name in ("x_values", "y_values", "monitor_values")
        )
        return np.column_stack((x, y)), distance

    async def anomalies(self, analysis_id: UUID, process_order: int) -> Sequence[Mapping[str, Any]]:
        return self._memory.chunks[analysis_id, process_order].anomalies

    async def anomaly_metadata(
        self, analysis_id: UUID, process_order: int
    ) -> Sequence[tuple[int, Mapping[str, Any]]]:
        found = self._memory.chunks[analysis_id, process_order].anomalies
        return [(anomaly["sample_index"], anomaly["metadata"]) for anomaly in found]

    async def delete(self, analysis_id: UUID) -> None:
        for key in [key for key in self._memory.chunks if key[0] == analysis_id]:
            del self._memory.chunks[key]


class FakeResults(Scoped):
    async def add_features(self, encoded: EncodedChunk) -> None:
        self._memory.features.append(encoded.chunk)

    async def add_map(self, row: MapRow) -> None:
        self._memory.maps[row.id] = row

    async def delete(self, analysis_id: UUID, upload_id: UUID) -> None:
        memory = self._memory
        memory.features[:] = [chunk for chunk in memory.features if chunk.file_upload_id != upload_id]
        for key in [key for key in memory.points if key[0] == analysis_id]:
            del memory.points[key]
        for key in [key for key in memory.chunks if key[0] == analysis_id]:
            del memory.chunks[key]

    async def model_key(self, dinsight_id: UUID) -> str | None:
        row: MapRow | None = self._found(self._memory.maps.get(dinsight_id))
        return row.model_key if row else None

    async def map_points(self, dinsight_id: UUID, start: int, stop: int | None) -> PointChunk | None:
        row: MapRow | None = self._found(self._memory.maps.get(dinsight_id))
        if row is None:
            return None
        cut = slice(start, stop)
        distance, misfit = (
            None if values is None else np.array(values[cut])
            for values in (row.distance_values, row.misfit_values)
        )
        x, y = np.array(row.x_values[cut]), np.array(row.y_values[cut])
        return PointChunk(start, x, y, distance, misfit, None, None)

    async def monitor_points(self, analysis_id: UUID, start: int, stop: int | None) -> Sequence[PointChunk]:
        return [
            PointChunk(
                row.first_sample,
                np.array(row.x_values),
                np.array(row.y_values),
                np.array(row.monitor_values),
                np.array(row.misfit_values),
                row.anomaly_values,
                orjson.dumps(row.metadata).decode(),
            )
            for key, row in sorted(self._memory.points.items())
            if key[0] == analysis_id and self._mine(row)
            if row.first_sample + row.samples > start and (stop is None or row.first_sample < stop)
        ]

    async def feature_metadata(
        self, upload_id: UUID, start: int, stop: int | None
    ) -> Sequence[MetadataChunk]:
        rows = [rows for rows in self._rows(upload_id) if stop is None or rows.first < stop]
        return [
            MetadataChunk(row.first, len(row.features), row.metadata)
            for row in rows
            if row.first + len(row.features) > start
        ]

    async def feature_rows(self, upload_id: UUID, sample: int) -> FeatureRows | None:
        rows = self._rows(upload_id)
        return next((row for row in rows if row.first <= sample < row.first + len(row.features)), None)

    def _rows(self, upload_id: UUID) -> list[FeatureRows]:
        mine = [c for c in self._memory.features if c.file_upload_id == upload_id and self._mine(c)]
        mine.sort(key=lambda chunk: chunk.chunk_index)
        return [
            FeatureRows(chunk.first_sample, chunk.features, orjson.dumps(list(chunk.metadata)).decode())
            for chunk in mine
        ]


class FakeAnomalies(Scoped):
    async def add_all(self, anomalies: Sequence[Anomaly]) -> None:
        self._memory.anomalies |= {anomaly.id: anomaly for anomaly in anomalies}

    async def get(self, anomaly_id: UUID) -> Anomaly | None:
        found: Anomaly | None = self._found(self._memory.anomalies.get(anomaly_id))
        return found

    async def lock(self, anomaly_id: UUID) -> Anomaly | None:
        return await self.get(anomaly_id)

    async def acknowledge(self, anomaly: Anomaly, user_id: UUID, now: datetime) -> None:
        self._memory.anomalies[anomaly.id] = replace(
            anomaly, acknowledged=True, acknowledged_by=user_id, acknowledged_at=now
        )

    async def list(self, wanted: AnomalyFilter, page: PageRequest) -> Slice[Anomaly]:
        found = [
            a
            for a in self._memory.anomalies.values()
            if self._mine(a)
            and wanted.machine_id in (None, a.machine_id)
            and wanted.analysis_id in (None, a.analysis_id)
            and wanted.severity in (None, a.severity)
            and wanted.acknowledged in (None, a.acknowledged)
            and (wanted.since is None or a.timestamp >= wanted.since)
            and (wanted.until is None or a.timestamp < wanted.until)
        ]
        return cut_page(found, page, lambda anomaly: Cursor(anomaly.timestamp, anomaly.id))

    async def daily(
        self, machine_id: UUID | None, since: date | None, until: date | None, limit: int
    ) -> Sequence[DailyAnomalies]:
        def key(found: tuple[UUID, HourCount]) -> tuple[date, UUID, str]:
            return moment(found[1].hour).date(), found[0], found[1].severity

        hours = [
            (analysis.machine_id, count)
            for summary in self._memory.summaries.values()
            if self._mine(analysis := self._memory.analyses[summary.analysis_id])
            for count in summary.hours
            if count.severity != NORMAL and machine_id in (None, analysis.machine_id)
        ]
        counted = [
            DailyAnomalies(
                machine, day, severity, sum(c.samples for _, c in some), max(c.high for _, c in some)
            )
            for (day, machine, severity), found in groupby(sorted(hours, key=key), key)
            if (some := list(found)) and (since is None or day >= since) and (until is None or day < until)
        ]
        return sorted(counted, key=lambda c: (-c.day.toordinal(), c.machine_id, c.severity))[:limit]


class FakeUpkeep(Scoped):
    """Upkeep over all organizations. Memory has no analyses without a job."""

    async def adopt(self, max_small_bytes: int) -> int:
        return 0

    async def discard(self, name: str) -> None:
        self._memory.discarded[max(self._memory.discarded, default=0) + 1] = name

    async def discarded(self, limit: int) -> Sequence[tuple[int, str]]:
        return list(self._memory.discarded.items())[:limit]

    async def forget_discarded(self, discarded_id: int) -> None:
        self._memory.discarded.pop(discarded_id, None)

    async def known_objects(self, upload_ids: Sequence[UUID], model_keys: Sequence[str]) -> set[str]:
        uploads = {str(upload_id) for upload_id in upload_ids if upload_id in self._memory.uploads}
        return uploads | {row.model_key for row in self._memory.maps.values() if row.model_key in model_keys}

    async def known_archives(self, prefixes: Sequence[str]) -> set[str]:
        kept = {archive.prefix for archive in self._memory.archives.values() if archive.expired_at is None}
        return kept & set(prefixes)
