"""Summaries in memory. The fleet is what a test says it is: its queries are tested on PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import orjson

from services.analysis.alerts.domain import AlertRef
from services.analysis.database.fleet.summaries import ScoredChunk
from services.analysis.domain import AnalysisType, Status
from services.analysis.engine import Levels
from services.analysis.fleet.domain import FleetFilter, FleetMachine, FleetPosition, FleetSort
from services.analysis.results.domain import RealisedRun
from services.analysis.timeline.domain import Bucket, Floats, Mark, RunSegment, RunSummary
from services.analysis.whatif.domain import ResolvedAlert
from tests.unit.analysis.database.fakes.memory import Scoped


class FakeSummaries(Scoped):
    """Acknowledgements are not counted here."""

    async def scored(self, analysis_id: UUID, after: int, limit: int) -> Sequence[ScoredChunk]:
        found = [
            row
            for (owner, order), row in sorted(self._memory.points.items())
            if owner == analysis_id and order > after and self._mine(row)
        ]
        return [
            ScoredChunk(
                row.process_order,
                row.first_sample,
                np.array(row.monitor_values),
                orjson.dumps(list(row.metadata)).decode(),
            )
            for row in found[:limit]
        ]

    async def severities(self, analysis_id: UUID) -> Mapping[int, str]:
        found = [a for a in self._memory.anomalies.values() if self._mine(a)]
        return {a.sample_index: a.severity for a in found if a.analysis_id == analysis_id}

    async def lock(self, machine_id: UUID) -> None:
        """Transactions in memory run one after the other."""

    async def last_times(self, analysis_ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
        found = self._memory.summaries
        return {
            analysis_id: found[analysis_id].last_at for analysis_id in analysis_ids if analysis_id in found
        }

    async def add(self, machine_id: UUID, summary: RunSummary) -> bool:
        if summary.analysis_id in self._memory.summaries:
            return False
        self._memory.summaries[summary.analysis_id] = summary
        return True

    async def count_acknowledgement(
        self, machine_id: UUID, analysis_id: UUID, severity: str, timestamp: datetime
    ) -> None:
        """Nothing reads the count."""

    async def levels(self, machine_id: UUID, baseline_id: UUID, limit: int) -> Sequence[Levels]:
        runs = [a.id for a in self._memory.analyses.values() if a.baseline_id == baseline_id]
        found = [self._memory.summaries[run] for run in runs if run in self._memory.summaries]
        newest = sorted(found, key=lambda summary: summary.last_at, reverse=True)
        return [summary.levels for summary in newest[:limit] if summary.levels is not None]

    async def distances(self, analysis_id: UUID) -> Sequence[Floats]:
        return [chunk.distance for chunk in await self.scored(analysis_id, -1, 10**6)]

    async def outcomes(self, analysis_id: UUID) -> Sequence[ResolvedAlert]:
        return []

    async def realised(self, analysis_id: UUID) -> RealisedRun | None:
        return None

    async def unsummarized(self, limit: int) -> Sequence[tuple[UUID, UUID]]:
        found = [
            (analysis.id, analysis.organization_id)
            for analysis in self._memory.analyses.values()
            if analysis.analysis_type is AnalysisType.MONITORING
            and analysis.status is Status.COMPLETED
            and analysis.id not in self._memory.summaries
        ]
        return sorted(found)[:limit]

    async def merge_alert(self, alert: AlertRef) -> None:
        known, machine = self._memory.alerts.get(alert.id), self._memory.machines.get(alert.machine_id)
        if (machine is None or not machine.deleted) and (known is None or known.version < alert.version):
            self._memory.alerts[alert.id] = alert


@dataclass
class FakeFleet:
    """`counted` runs are in every range; which buckets were asked for is noted in `asked`."""

    newest: datetime | None = None
    counted: int = 0
    asked: tuple[datetime, datetime, timedelta, bool] | None = None
    entries: int = 0

    async def machines(
        self, wanted: FleetFilter, sort: FleetSort, after: FleetPosition | None, limit: int, now: datetime
    ) -> Sequence[FleetMachine]:
        return []

    async def newest_data(self, machine_id: UUID) -> datetime | None:
        return self.newest

    async def count_runs(self, machine_id: UUID, since: datetime, until: datetime, limit: int) -> int:
        return min(self.counted, limit)

    async def buckets(
        self, machine_id: UUID, since: datetime, until: datetime, width: timedelta, *, of_hours: bool
    ) -> Sequence[Bucket]:
        self.asked = (since, until, width, of_hours)
        return []

    async def runs(
        self, machine_id: UUID, since: datetime, until: datetime, limit: int
    ) -> Sequence[RunSegment]:
        return []

    async def alerts(
        self, machine_id: UUID, since: datetime, until: datetime, limit: int
    ) -> Sequence[AlertRef]:
        return []

    async def marks(self, machine_id: UUID, since: datetime, until: datetime, limit: int) -> Sequence[Mark]:
        mark = Mark("baseline", since, machine_id, None)
        return [mark] * min(self.entries, limit)
