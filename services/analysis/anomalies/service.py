"""Lists, counts and acknowledges anomalies."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from services.analysis.anomalies.domain import Anomaly, AnomalyFilter, DailyAnomalies
from services.analysis.anomalies.errors import AnomalyNotFound
from services.analysis.archives.errors import AnalysisArchived
from services.analysis.database.unit import Unit
from services.analysis.domain import Status
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock
from shared.events.analysis import ANOMALY_ACKNOWLEDGED, AnomalyAcknowledged
from shared.http.pages import PageRequest, Slice

# Enough for a year of a machine in four severities.
MAX_DAILY_COUNTS = 2000


class AnomalyService:
    def __init__(self, clock: Clock, auditor: Auditor) -> None:
        self._clock = clock
        self._auditor = auditor

    async def get(self, unit: Unit, anomaly_id: UUID) -> Anomaly:
        anomaly = await unit.anomalies.get(anomaly_id)
        if anomaly is None:
            raise AnomalyNotFound(anomaly_id)
        return anomaly

    async def daily(
        self, unit: Unit, machine_id: UUID | None, since: date | None, until: date | None
    ) -> Sequence[DailyAnomalies]:
        return await unit.anomalies.daily(machine_id, since, until, MAX_DAILY_COUNTS)

    async def list(self, unit: Unit, wanted: AnomalyFilter, page: PageRequest) -> Slice[Anomaly]:
        """Raises AnalysisArchived if those of an archived analysis are wanted."""
        found = await unit.anomalies.list(wanted, page)
        if wanted.analysis_id is not None:
            analysis = await unit.analyses.get(wanted.analysis_id)
            if analysis is not None and analysis.status is Status.ARCHIVED:
                raise AnalysisArchived(analysis.id)
        return found

    async def acknowledge(self, unit: Unit, caller: Caller, anomaly_id: UUID) -> Anomaly:
        """Record who acknowledged the anomaly. Only the first acknowledgement counts."""
        anomaly = await unit.anomalies.lock(anomaly_id)
        if anomaly is None:
            raise AnomalyNotFound(anomaly_id)
        if anomaly.acknowledged:
            return anomaly
        now = self._clock.now()
        await unit.anomalies.acknowledge(anomaly, caller.user_id, now)
        await unit.summaries.count_acknowledgement(
            anomaly.machine_id, anomaly.analysis_id, anomaly.severity, anomaly.timestamp
        )
        payload = AnomalyAcknowledged(
            anomaly_id=anomaly.id,
            analysis_id=anomaly.analysis_id,
            machine_id=anomaly.machine_id,
            acknowledged_by=caller.user_id,
            acknowledged_at=now,
        )
        await unit.outbox.add(
            ANOMALY_ACKNOWLEDGED, anomaly.machine_id, payload, organization_id=anomaly.organization_id
        )
        await self._auditor.wrote(unit.outbox, caller, "anomaly.acknowledged", "anomaly", anomaly.id)
        return await self.get(unit, anomaly_id)
