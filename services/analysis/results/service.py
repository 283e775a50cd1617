"""Serves analyses, and their points and features as JSON built from arrays."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray

from services.analysis.archives.errors import AnalysisArchived
from services.analysis.database.unit import Unit
from services.analysis.domain import Analysis, AnalysisFilter, AnalysisType, Status
from services.analysis.errors import AnalysisNotFound, BadRange
from services.analysis.results.domain import MAX_POINTS, MetadataChunk, PointChunk, RealisedRun
from services.analysis.results.errors import NotComplete, UploadNotFound
from services.analysis.uploads.domain import FileUpload
from shared.http.pages import PageRequest, Slice

Floats = NDArray[np.float64]
# A million numbers are about 20 MB of JSON; clients request larger ranges in parts.
MAX_VALUES = 1_000_000


class ResultService:
    async def analysis(self, unit: Unit, analysis_id: UUID) -> Analysis:
        analysis = await unit.analyses.get(analysis_id)
        if analysis is None:
            raise AnalysisNotFound(analysis_id)
        return analysis

    async def realised(self, unit: Unit, analysis: Analysis) -> RealisedRun | None:
        """Return what a run that turned out to be normal has realised; None for other analyses."""
        if analysis.analysis_type is not AnalysisType.MONITORING:
            return None
        return await unit.summaries.realised(analysis.id)

    async def analyses(self, unit: Unit, wanted: AnalysisFilter, page: PageRequest) -> Slice[Analysis]:
        return await unit.analyses.list(wanted, page)

    async def upload(self, unit: Unit, upload_id: UUID) -> FileUpload:
        upload = await unit.uploads.get(upload_id)
        if upload is None:
            raise UploadNotFound(upload_id)
        return upload

    async def points(self, unit: Unit, analysis_id: UUID, start: int, stop: int | None) -> bytes:
        """Return the samples from start to stop (exclusive) as parallel JSON columns, up to a maximum."""
        _check_range(start, stop)
        analysis = await self._unarchived(unit, analysis_id)
        if analysis.status is not Status.COMPLETED or analysis.dinsight_id is None:
            raise NotComplete(analysis_id, analysis.status)
        samples = (analysis.results or {}).get("samples") or 0
        if _end(stop, samples) - start > MAX_POINTS:
            raise BadRange(
                "stop",
                f"The range exceeds the maximum of {MAX_POINTS:,} samples. Request it in parts, with start"
                " and stop.",
            )
        if analysis.analysis_type is AnalysisType.MONITORING:
            chunks = await unit.results.monitor_points(analysis_id, start, stop)
            metadata: Sequence[MetadataChunk] = [
                MetadataChunk(chunk.first, chunk.x.size, chunk.metadata) for chunk in chunks
            ]
        else:
            whole = await unit.results.map_points(analysis.dinsight_id, start, stop)
            chunks = [whole] if whole is not None else []
            metadata = await unit.results.feature_metadata(analysis.file_upload_id, start, stop)
        # It may have been archived between the two reads.
        await self._unarchived(unit, analysis_id)
        return await asyncio.to_thread(_points_json, chunks, metadata, start, stop)

    async def features(
        self, unit: Unit, upload_id: UUID, start: int, stop: int | None, names: Sequence[str] | None
    ) -> bytes:
        """Return the features of the samples from start to stop (exclusive) as rows, up to a maximum size.

        The rows end where stored ones do: those of a failed analysis are deleted, and others may soon be.
        """
        _check_range(start, stop)
        upload = await self.upload(unit, upload_id)
        stored, samples = list(upload.features or ()), upload.samples or 0
        wanted = stored if names is None else list(names)
        unknown = [name for name in wanted if name not in stored]
        if unknown:
            raise BadRange("features", f"There is no feature {unknown[0]!r} in this upload.")
        end = _end(stop, samples)
        if (end - start) * max(1, len(wanted)) > MAX_VALUES:
            max_samples = MAX_VALUES // max(1, len(wanted))
            raise BadRange(
                "stop",
                f"The range exceeds the maximum of {MAX_VALUES:,} values. Request at most {max_samples}"
                " samples, or fewer features.",
            )
        await self._check_features(unit, upload_id)
        columns = [stored.index(name) for name in wanted]
        parts: list[Floats] = [np.empty((0, len(wanted)))]
        metadata: list[MetadataChunk] = []
        sample = start
        while sample < end and (rows := await unit.results.feature_rows(upload_id, sample)) is not None:
            parts.append(rows.features[sample - rows.first : end - rows.first][:, columns])
            sample += len(parts[-1])
            metadata.append(MetadataChunk(rows.first, len(rows.features), rows.metadata))
        await self._check_features(unit, upload_id)
        body = {
            "index": np.arange(start, sample),
            "features": wanted,
            # Selected columns may lie in memory one after the other; orjson requires rows to do so.
            "values": np.ascontiguousarray(np.concatenate(parts)),
            "metadata": await asyncio.to_thread(_metadata_json, metadata, start, sample),
        }
        return await asyncio.to_thread(orjson.dumps, body, None, orjson.OPT_SERIALIZE_NUMPY)

    async def _unarchived(self, unit: Unit, analysis_id: UUID) -> Analysis:
        analysis = await self.analysis(unit, analysis_id)
        if analysis.status is Status.ARCHIVED:
            raise AnalysisArchived(analysis_id)
        return analysis

    @staticmethod
    async def _check_features(unit: Unit, upload_id: UUID) -> None:
        if (archived := await unit.archives.archived_by_upload(upload_id)) is not None:
            raise AnalysisArchived(archived)


def _check_range(start: int, stop: int | None) -> None:
    if stop is not None and stop < start:
        raise BadRange("stop", f"stop ({stop}) must not be below start ({start}).")


def _end(stop: int | None, samples: int) -> int:
    """The index after the last sample that a request can mean."""
    return samples if stop is None else min(stop, samples)


def _points_json(
    chunks: Sequence[PointChunk], metadata: Sequence[MetadataChunk], start: int, stop: int | None
) -> bytes:
    if not chunks:
        empty: dict[str, Any] = {
            name: [] for name in ("index", "x", "y", "distance", "misfit", "anomaly", "metadata")
        }
        return orjson.dumps(empty)
    first = max(start, chunks[0].first)
    end = chunks[-1].first + chunks[-1].x.size
    end = end if stop is None else min(stop, end)
    cut = slice(first - chunks[0].first, end - chunks[0].first)
    body = {
        "index": np.arange(first, max(first, end)),
        "x": np.concatenate([chunk.x for chunk in chunks])[cut],
        "y": np.concatenate([chunk.y for chunk in chunks])[cut],
        "distance": _joined([chunk.distance for chunk in chunks], chunks, cut),
        "misfit": _joined([chunk.misfit for chunk in chunks], chunks, cut),
        "anomaly": [flag for chunk in chunks for flag in _flags(chunk)][cut],
        "metadata": _metadata_json(metadata, first, max(first, end)),
    }
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def _joined(
    columns: Sequence[Floats | None], chunks: Sequence[PointChunk], cut: slice
) -> Floats | list[None]:
    """Join a column of all chunks; its values are null if it was not stored."""
    present = [column for column in columns if column is not None]
    if len(present) < len(columns):
        nulls: list[None] = [None] * sum(chunk.x.size for chunk in chunks)
        return nulls[cut]
    # orjson requires contiguous arrays; a slice of rows is contiguous.
    joined: Floats = np.concatenate(present)[cut]
    return joined


def _flags(chunk: PointChunk) -> Sequence[bool]:
    return chunk.anomaly if chunk.anomaly is not None else [False] * chunk.x.size


def _metadata_json(chunks: Sequence[MetadataChunk], start: int, end: int) -> orjson.Fragment:
    """Join the metadata of all chunks to a JSON list. Text of whole chunks is joined without parsing it."""
    parts: list[bytes] = []
    for chunk in chunks:
        low, high = max(start, chunk.first), min(end, chunk.first + chunk.samples)
        if low >= high:
            continue
        if chunk.metadata is None:
            parts.append(b",".join([b"{}"] * (high - low)))
        elif high - low == chunk.samples:
            parts.append(chunk.metadata.strip()[1:-1].encode())
        else:
            some = orjson.loads(chunk.metadata)[low - chunk.first : high - chunk.first]
            parts.append(orjson.dumps(some)[1:-1])
    return orjson.Fragment(b"[" + b",".join(parts) + b"]")
