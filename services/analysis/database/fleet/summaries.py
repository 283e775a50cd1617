"""Writes what remains of runs: facts, counts and the downsampled series; and keeps the replica of alerts."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.analysis.alerts.domain import AlertRef
from services.analysis.database import rows
from services.analysis.database.arrays import decode_floats
from services.analysis.database.packing import unpack_points
from services.analysis.engine import Levels
from services.analysis.results.domain import RealisedRun
from services.analysis.timeline.domain import RunSummary, Series, microseconds, moment
from services.analysis.whatif.domain import ResolvedAlert
from shared.postgres.connection import Connection

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoredChunk:
    """The distances (n,) of successive samples; `metadata` is JSON text, usually a list of n objects."""

    process_order: int
    first_sample: int
    distance: Floats
    metadata: str | None


class Summaries(Protocol):
    async def scored(self, analysis_id: UUID, after: int, limit: int) -> Sequence[ScoredChunk]:
        """Scored chunks of the run whose order is greater than `after`, in order."""
        ...

    async def severities(self, analysis_id: UUID) -> Mapping[int, str]:
        """The severities of the run's stored anomalies by the index of their sample."""
        ...

    async def lock(self, machine_id: UUID) -> None:
        """Lock the sums of a machine until the transaction ends, so that its runs end one after the other."""
        ...

    async def last_times(self, analysis_ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
        """The time of the newest sample of each run that has a summary."""
        ...

    async def add(self, machine_id: UUID, summary: RunSummary) -> bool:
        """Store the summary of a completed run, in place of its counts if there are any.

        False, without storing it, if the run has a summary already.
        """
        ...

    async def count_acknowledgement(
        self, machine_id: UUID, analysis_id: UUID, severity: str, timestamp: datetime
    ) -> None: ...

    async def levels(self, machine_id: UUID, baseline_id: UUID, limit: int) -> Sequence[Levels]:
        """Of the machine's newest runs that the baseline judged, the levels by which drift is told."""
        ...

    async def distances(self, analysis_id: UUID) -> Sequence[Floats]:
        """The distances of the run's samples, in parts and in order."""
        ...

    async def outcomes(self, analysis_id: UUID) -> Sequence[ResolvedAlert]:
        """The resolved alerts during the run that people have judged."""
        ...

    async def realised(self, analysis_id: UUID) -> RealisedRun | None:
        """What a run that turned out to be normal has realised; None for other runs."""
        ...

    async def unsummarized(self, limit: int) -> Sequence[tuple[UUID, UUID]]:
        """Ids of completed runs of all organizations that have no summary, with their organizations."""
        ...

    async def merge_alert(self, alert: AlertRef) -> None:
        """Store a newer state of the alert, unless its machine is deleted."""
        ...


class PostgresSummaries:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def scored(self, analysis_id: UUID, after: int, limit: int) -> Sequence[ScoredChunk]:
        found = self._queries.scored_chunks(
            self._connection, analysis_id=analysis_id, after=after, limit=limit
        )
        return [_scored(row) async for row in found]

    async def severities(self, analysis_id: UUID) -> Mapping[int, str]:
        found = self._queries.severities_of_run(self._connection, analysis_id=analysis_id)
        return {row["sample_index"]: row["severity"] async for row in found}

    async def lock(self, machine_id: UUID) -> None:
        await self._queries.lock_machine_state(self._connection, machine_id=machine_id)

    async def last_times(self, analysis_ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
        found = self._queries.last_times_of_runs(self._connection, ids=list(analysis_ids))
        return {row["analysis_id"]: row["last_at"] async for row in found}

    async def add(self, machine_id: UUID, summary: RunSummary) -> bool:
        queries, connection, analysis_id = self._queries, self._connection, summary.analysis_id
        await self.lock(machine_id)
        added = await queries.insert_run_summary(
            connection,
            analysis_id=analysis_id,
            samples=summary.samples,
            anomalies=summary.anomalies,
            max_ratio=summary.max_ratio,
            first_at=summary.first_at,
            last_at=summary.last_at,
            **_columns(summary.series),
            **_level_columns(summary.levels),
        )
        if added is not True:
            return False
        await queries.delete_run_hours(connection, analysis_id=analysis_id)
        hours = summary.hours
        await queries.insert_run_hours(
            connection,
            analysis_id=analysis_id,
            hours=[moment(count.hour) for count in hours],
            severities=[count.severity for count in hours],
            samples=[count.samples for count in hours],
            lows=[count.low for count in hours],
            highs=[count.high for count in hours],
            totals=[count.total for count in hours],
        )
        await queries.count_acknowledged(connection, analysis_id=analysis_id)
        return True

    async def count_acknowledgement(
        self, machine_id: UUID, analysis_id: UUID, severity: str, timestamp: datetime
    ) -> None:
        # The lock first: whoever writes the run's counts at this moment has not seen the acknowledgement.
        await self.lock(machine_id)
        await self._queries.count_acknowledgement(
            self._connection, analysis_id=analysis_id, severity=severity, timestamp=timestamp
        )

    async def levels(self, machine_id: UUID, baseline_id: UUID, limit: int) -> Sequence[Levels]:
        found = self._queries.levels_on_baseline(
            self._connection, machine_id=machine_id, baseline_id=baseline_id, limit=limit
        )
        return [_levels(row) async for row in found]

    async def distances(self, analysis_id: UUID) -> Sequence[Floats]:
        found = [
            row async for row in self._queries.distances_of_run(self._connection, analysis_id=analysis_id)
        ]
        return await asyncio.to_thread(lambda: [_distances(row) for row in found])

    async def outcomes(self, analysis_id: UUID) -> Sequence[ResolvedAlert]:
        found = self._queries.outcomes_of_run(self._connection, analysis_id=analysis_id)
        return [rows.read(ResolvedAlert, row) async for row in found]

    async def realised(self, analysis_id: UUID) -> RealisedRun | None:
        row = await self._queries.called_normal(self._connection, analysis_id=analysis_id)
        return rows.read(RealisedRun, row) if row else None

    async def unsummarized(self, limit: int) -> Sequence[tuple[UUID, UUID]]:
        found = self._queries.unsummarized_runs(self._connection, limit=limit)
        return [(row["analysis_id"], row["organization"]) async for row in found]

    async def merge_alert(self, alert: AlertRef) -> None:
        await self._queries.merge_alert(self._connection, **asdict(alert))


def _columns(series: Series | None) -> dict[str, list[Any]]:
    names = ("bucket_samples", "bucket_anomalies", "bucket_min", "bucket_max", "bucket_mean")
    if series is None:
        return {name: [] for name in ("bucket_at", *names)}
    values = (series.samples, series.anomalies, series.low, series.high, series.mean)
    return {"bucket_at": [moment(at) for at in series.at.tolist()]} | {
        name: column.tolist() for name, column in zip(names, values, strict=True)
    }


def _level_columns(levels: Levels | None) -> dict[str, list[Any]]:
    if levels is None:
        return {name: [] for name in ("level_at", "level_samples", "level_median", "level_spread")}
    return {
        "level_at": [moment(at) for at in levels.at.tolist()],
        "level_samples": levels.samples.tolist(),
        "level_median": levels.level.tolist(),
        "level_spread": levels.spread.tolist(),
    }


def _levels(row: Any) -> Levels:
    return Levels(
        np.array([microseconds(at) for at in row["level_at"]], dtype=np.int64),
        np.array(row["level_samples"], dtype=np.int64),
        np.array(row["level_median"], dtype=np.float64),
        np.array(row["level_spread"], dtype=np.float64),
    )


def _distances(row: Any) -> Floats:
    if row["packed"] is None:
        return decode_floats(row["distance"])
    distance = unpack_points(row["packed"], row["first_sample"]).distance
    assert distance is not None  # the column cannot be null
    return distance


def _scored(row: Any) -> ScoredChunk:
    order, first = row["process_order"], row["first_sample"]
    if row["packed"] is None:
        return ScoredChunk(order, first, decode_floats(row["distance"]), row["metadata"])
    points = unpack_points(row["packed"], first)
    assert points.distance is not None  # the column cannot be null
    return ScoredChunk(order, first, points.distance, points.metadata)
