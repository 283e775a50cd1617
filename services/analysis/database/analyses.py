"""Analyses: listed for clients, and advanced by workers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.analysis.database import rows
from services.analysis.domain import Analysis, AnalysisFilter, AnalysisType, Status
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection


@dataclass(frozen=True, slots=True)
class ScoringState:
    """How many chunks of a run are scored. `chunks` is None while its files are still being read."""

    chunks: int | None
    scored: int
    read_at: datetime | None
    timings: Mapping[str, float]

    @property
    def done(self) -> bool:
        return self.scored == self.chunks


class Analyses(Protocol):
    """The lease of the job (`Unit.jobs`) decides which worker may advance an analysis.

    Locks are taken in one order: an analysis before its jobs.
    """

    async def add(self, analysis: Analysis) -> None: ...

    async def get(self, analysis_id: UUID) -> Analysis | None: ...

    async def lock_baseline(self, analysis_id: UUID) -> Analysis | None:
        """The analysis that a new run is placed on; nobody archives it until the transaction ends."""
        ...

    async def list(self, wanted: AnalysisFilter, page: PageRequest) -> Slice[Analysis]: ...

    async def newest(
        self, machine_id: UUID, kind: AnalysisType, limit: int, *, archived: bool = False
    ) -> Sequence[Analysis]:
        """Completed ones, newest first; with archived ones if their results suffice."""
        ...

    async def begin(self, analysis_id: UUID, attempt: int) -> Analysis | None:
        """Start an attempt; None if the analysis has ended or does not exist."""
        ...

    async def lock(self, analysis_id: UUID) -> Analysis | None:
        """The analysis, if it is being processed, locked until the transaction ends."""
        ...

    async def lock_against_deletion(self, analysis_id: UUID) -> bool:
        """Tell whether it is being processed, and prevent its deletion until the transaction ends."""
        ...

    async def set_progress(self, analysis_id: UUID, stage: str, progress: float) -> None: ...

    async def requeue(self, analysis_id: UUID, *, attempts: int) -> None:
        """Return it to the status `pending`."""
        ...

    async def set_read(
        self, analysis_id: UUID, *, chunks: int, now: datetime, timings: Mapping[str, float]
    ) -> ScoringState:
        """Record that all files of the run are read and stored as chunks."""
        ...

    async def count_scored(self, analysis_id: UUID) -> ScoringState:
        """Record that one more chunk of the run is scored."""
        ...

    async def scoring(self, analysis_id: UUID) -> ScoringState: ...

    async def complete(
        self, analysis_id: UUID, *, results: Mapping[str, Any], dinsight_id: UUID, now: datetime
    ) -> bool:
        """Complete it; False if it has ended or does not exist."""
        ...

    async def fail(self, analysis_id: UUID, *, error: Mapping[str, Any], now: datetime) -> bool:
        """Fail it; False if it has ended or does not exist."""
        ...


class PostgresAnalyses:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, analysis: Analysis) -> None:
        await self._queries.insert_analysis(self._connection, **asdict(analysis))

    async def get(self, analysis_id: UUID) -> Analysis | None:
        row = await self._queries.get_analysis(self._connection, id=analysis_id)
        return rows.analysis(row) if row else None

    async def lock_baseline(self, analysis_id: UUID) -> Analysis | None:
        row = await self._queries.lock_baseline(self._connection, id=analysis_id)
        return rows.analysis(row) if row else None

    async def list(self, wanted: AnalysisFilter, page: PageRequest) -> Slice[Analysis]:
        found = self._queries.list_analyses(
            self._connection,
            **asdict(wanted),
            after_at=page.after.at if page.after else None,
            after_id=page.after.id if page.after else None,
            limit=page.limit + 1,
        )
        analyses = [rows.analysis(row) async for row in found]
        return Slice.cut(analyses, page.limit, lambda analysis: Cursor(analysis.created_at, analysis.id))

    async def newest(
        self, machine_id: UUID, kind: AnalysisType, limit: int, *, archived: bool = False
    ) -> Sequence[Analysis]:
        statuses = [Status.COMPLETED, Status.ARCHIVED] if archived else [Status.COMPLETED]
        found = self._queries.newest_analyses(
            self._connection, machine_id=machine_id, analysis_type=kind, statuses=statuses, limit=limit
        )
        return [rows.analysis(row) async for row in found]

    async def begin(self, analysis_id: UUID, attempt: int) -> Analysis | None:
        row = await self._queries.begin_analysis(self._connection, id=analysis_id, attempt=attempt)
        return rows.analysis(row) if row else None

    async def lock(self, analysis_id: UUID) -> Analysis | None:
        row = await self._queries.lock_analysis(self._connection, id=analysis_id)
        return rows.analysis(row) if row else None

    async def lock_against_deletion(self, analysis_id: UUID) -> bool:
        found = await self._queries.lock_analysis_against_deletion(self._connection, id=analysis_id)
        return found is True

    async def set_progress(self, analysis_id: UUID, stage: str, progress: float) -> None:
        await self._queries.set_progress(self._connection, id=analysis_id, stage=stage, progress=progress)

    async def requeue(self, analysis_id: UUID, *, attempts: int) -> None:
        await self._queries.requeue_analysis(self._connection, id=analysis_id, attempts=attempts)

    async def set_read(
        self, analysis_id: UUID, *, chunks: int, now: datetime, timings: Mapping[str, float]
    ) -> ScoringState:
        row = await self._queries.set_read(
            self._connection, id=analysis_id, chunks=chunks, now=now, timings=timings
        )
        return _scoring(row)

    async def count_scored(self, analysis_id: UUID) -> ScoringState:
        return _scoring(await self._queries.count_scored(self._connection, id=analysis_id))

    async def scoring(self, analysis_id: UUID) -> ScoringState:
        return _scoring(await self._queries.scoring_state(self._connection, id=analysis_id))

    async def complete(
        self, analysis_id: UUID, *, results: Mapping[str, Any], dinsight_id: UUID, now: datetime
    ) -> bool:
        done = await self._queries.complete_analysis(
            self._connection, id=analysis_id, results=results, dinsight_id=dinsight_id, now=now
        )
        return done is True

    async def fail(self, analysis_id: UUID, *, error: Mapping[str, Any], now: datetime) -> bool:
        done = await self._queries.fail_analysis(self._connection, id=analysis_id, error=error, now=now)
        return done is True


def _scoring(row: Any) -> ScoringState:
    return ScoringState(row["chunks"], row["chunks_scored"], row["read_at"], row["timings"] or {})
