"""Keeps what analysis says of machines, and has them judged. Callers open and commit the transaction."""

from datetime import datetime
from uuid import UUID

from services.alerting.database.unit import Unit
from services.alerting.series.domain import Kind, NewRecord, moment, packed
from shared.clock import Clock, IdGenerator
from shared.events.analysis import (
    AnalysisCompleted,
    AnalysisFailed,
    AnomalyDetected,
    SamplesScored,
    SourceFailed,
)
from shared.events.base import Payload
from shared.jobs.queue import NewJob

FromAnalysis = SamplesScored | AnomalyDetected | AnalysisCompleted | AnalysisFailed

QUEUE = "judging"
JUDGE_JOB = "judge"


class SeriesService:
    def __init__(self, clock: Clock, new_id: IdGenerator) -> None:
        self._clock = clock
        self._new_id = new_id

    async def scored(self, unit: Unit, organization_id: UUID, payload: SamplesScored) -> None:
        now = self._clock.now()
        times = payload.times
        first = moment(min(times)) if times else now
        last = moment(max(times)) if times else now
        await self._keep(unit, organization_id, Kind.SCORED, payload, first, last, len(times))

    async def detected(self, unit: Unit, organization_id: UUID, payload: AnomalyDetected) -> None:
        """Of a version of analysis that publishes no samples."""
        if not payload.scored:
            at = payload.timestamp
            await self._keep(unit, organization_id, Kind.ANOMALY, payload, at, at, 1)

    async def completed(self, unit: Unit, organization_id: UUID, payload: AnalysisCompleted) -> None:
        """Of a version of analysis that publishes no samples. A baseline says nothing about the machine."""
        if not payload.scored and payload.analysis_type == "monitoring":
            at = payload.completed_at
            await self._keep(unit, organization_id, Kind.COMPLETED, payload, at, at, 0)

    async def failed(self, unit: Unit, organization_id: UUID, payload: AnalysisFailed) -> None:
        at = payload.failed_at
        await self._keep(unit, organization_id, Kind.FAILED, payload, at, at, 0)

    async def source_failed(self, unit: Unit, organization_id: UUID, payload: SourceFailed) -> None:
        at = payload.failed_at
        await self._keep(unit, organization_id, Kind.SOURCE_FAILED, payload, at, at, 0)

    async def time_passed(self, unit: Unit, machine_id: UUID) -> None:
        """Have the machine judged although no data came. The handler of its timer."""
        machine = await unit.replicas.machine(machine_id)
        if machine is not None and await unit.series.queue_judgement(machine.organization_id, machine_id):
            await self._enqueue(unit, machine.organization_id, machine_id)

    async def _keep(
        self,
        unit: Unit,
        organization_id: UUID,
        kind: Kind,
        payload: FromAnalysis | SourceFailed,
        first: datetime,
        last: datetime,
        samples: int,
    ) -> None:
        origin = payload.source_id if isinstance(payload, SourceFailed) else payload.analysis_id
        now = self._clock.now()
        record = NewRecord(
            organization_id,
            payload.machine_id,
            origin,
            kind,
            min(first, now),
            min(last, now),
            samples,
            now,
            packed(_json(payload)),
        )
        if await unit.series.append(record):
            await self._enqueue(unit, organization_id, payload.machine_id)

    async def _enqueue(self, unit: Unit, organization_id: UUID, machine_id: UUID) -> None:
        await unit.jobs.enqueue([NewJob(self._new_id(), QUEUE, JUDGE_JOB, machine_id, organization_id)])


def _json(payload: Payload) -> bytes:
    return payload.model_dump_json().encode()
