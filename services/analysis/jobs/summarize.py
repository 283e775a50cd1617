"""Summarizes monitoring runs: facts, counts per hour, and the downsampled series of their ratios."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
import orjson

from services.analysis.anomalies.domain import sample_time
from services.analysis.database.fleet.summaries import ScoredChunk
from services.analysis.database.unit import Unit, Units
from services.analysis.domain import Analysis
from services.analysis.engine import drift_levels, standardise, without_outliers
from services.analysis.quality.domain import time_column
from services.analysis.timeline.domain import (
    MAX_RUN_BUCKETS,
    NORMAL,
    Floats,
    RunSummary,
    Times,
    count_hours,
    downsample,
    microseconds,
    moment,
)
from shared.access import Scope
from shared.jobs.queue import Lease

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ScoredSamples:
    """The samples of a run: their times and distances by the order of their chunk."""

    times: Mapping[int, Times]
    distances: Mapping[int, Floats]


# 64 chunks of 512 samples are a few megabytes of metadata.
CHUNKS_PER_PAGE = 64
# Runs that the janitor summarizes in a round; the next round follows at once while there are more.
MAX_RUNS_PER_ROUND = 500


class Summarizer:
    def __init__(self, units: Units) -> None:
        self._units = units

    async def read(
        self, analysis: Analysis, uploaded_at: datetime, lease: Lease | None = None
    ) -> ScoredSamples:
        """Return what is stored of a scored run.

        Samples without a time of their own get that of the upload.
        """
        compute = _compute(lease)
        scope = Scope(organization_id=analysis.organization_id)
        times: dict[int, Times] = {}
        distances: dict[int, Floats] = {}
        after = -1
        async with self._units(scope) as unit:
            column = time_column(await unit.qualities.get(analysis.id))
        while True:
            async with self._units(scope) as unit:
                page = await unit.summaries.scored(analysis.id, after, CHUNKS_PER_PAGE)
            for chunk in page:
                times[chunk.process_order] = await compute(_times, chunk, uploaded_at, column)
                distances[chunk.process_order] = chunk.distance
            if len(page) < CHUNKS_PER_PAGE:
                break
            after = page[-1].process_order
            if lease is not None:
                await lease.turn()
        return ScoredSamples(times, distances)

    @staticmethod
    async def summarize(
        analysis_id: UUID,
        scored: ScoredSamples,
        threshold: float | None,
        severities: Mapping[int, str],
        own: Floats | None,
        lease: Lease | None = None,
    ) -> RunSummary | None:
        """Return the summary of a scored run, or None if nothing of it is stored.

        `severities` are those of its anomalies, by the index of their sample; `own` are the held-out
        distances of its baseline.
        """
        if not scored.times:
            return None
        summary: RunSummary = await _compute(lease)(
            _summary,
            analysis_id,
            np.concatenate(list(scored.times.values())),
            np.concatenate(list(scored.distances.values())),
            threshold,
            severities,
            own,
        )
        return summary

    async def catch_up(self) -> int:
        """Summarize completed runs that have no summary, and return their number."""
        async with self._units(Scope()) as unit:
            found = await unit.summaries.unsummarized(MAX_RUNS_PER_ROUND)
        late = [
            await self._summarize_late(analysis_id, Scope(organization_id=organization_id))
            for analysis_id, organization_id in found
        ]
        return sum(late)

    async def _summarize_late(self, analysis_id: UUID, scope: Scope) -> bool:
        async with self._units(scope) as unit:
            analysis = await unit.analyses.get(analysis_id)
            upload = await unit.uploads.get(analysis.file_upload_id) if analysis is not None else None
            if analysis is None or upload is None:
                return False
            severities = await unit.summaries.severities(analysis_id)
            own = await _own_distances(unit, analysis.baseline_id)
        threshold = (analysis.results or {}).get("threshold")
        scored = await self.read(analysis, upload.created_at)
        summary = await self.summarize(analysis_id, scored, threshold, severities, own)
        if summary is None:
            # Imported without results: there is nothing to count but the run itself.
            summary = RunSummary(
                analysis_id, 0, 0, None, upload.created_at, upload.created_at, series=None, hours=()
            )
        async with self._units(scope) as unit:
            return await unit.summaries.add(analysis.machine_id, summary)


def _compute(lease: Lease | None) -> Callable[..., Any]:
    return lease.compute if lease is not None else asyncio.to_thread


async def _own_distances(unit: Unit, baseline_id: UUID | None) -> Floats | None:
    """Return the baseline's held-out distances without its outliers; None if they are not stored."""
    baseline = await unit.analyses.get(baseline_id) if baseline_id is not None else None
    if baseline is None or baseline.dinsight_id is None:
        return None
    points = await unit.results.map_points(baseline.dinsight_id, 0, None)
    if points is None or points.distance is None or points.distance.size < 2:
        return None
    outliers = ((baseline.results or {}).get("readiness") or {}).get("outliers", ())
    return without_outliers(points.distance, outliers)


def _times(chunk: ScoredChunk, uploaded_at: datetime, column: str | None) -> Times:
    """Return the times (n,) of a chunk's samples, in microseconds since 1970."""
    found: Any = orjson.loads(chunk.metadata) if chunk.metadata else None
    size = chunk.distance.size
    # Imported metadata may be something else than one object per sample.
    known = isinstance(found, list) and len(found) == size
    metadata: Sequence[Mapping[str, Any]] = found if known else [{}] * size
    return np.array(
        [
            microseconds(sample_time(each if isinstance(each, dict) else {}, index, uploaded_at, column).at)
            for index, each in enumerate(metadata, start=chunk.first_sample)
        ],
        dtype=np.int64,
    )


def _summary(
    analysis_id: UUID,
    times: Times,
    distances: Floats,
    threshold: float | None,
    severities: Mapping[int, str],
    own: Floats | None,
) -> RunSummary:
    first_at, last_at = moment(int(times.min())), moment(int(times.max()))
    if not threshold or threshold < 0:
        return RunSummary(
            analysis_id, times.size, len(severities), None, first_at, last_at, series=None, hours=()
        )
    ratios = distances / threshold
    judged = np.flatnonzero(~np.isnan(ratios))
    if judged.size == 0:
        return RunSummary(analysis_id, times.size, 0, None, first_at, last_at, series=None, hours=())
    anomalous = np.zeros(times.size, dtype=bool)
    anomalous[[index for index in severities if index < times.size]] = True
    named = [severities.get(index, NORMAL) for index in range(times.size)]
    return RunSummary(
        analysis_id,
        samples=times.size,
        anomalies=len(severities),
        max_ratio=float(ratios[judged].max()),
        first_at=first_at,
        last_at=last_at,
        series=downsample(times[judged], ratios[judged], anomalous[judged], MAX_RUN_BUCKETS),
        hours=count_hours(times[judged], ratios[judged], [named[index] for index in judged.tolist()]),
        levels=None if own is None else drift_levels(times, standardise(distances, own)),
    )
