"""Use cases of alerts. Callers open the transaction and commit it."""

from collections.abc import Sequence
from uuid import UUID

from services.alerting.alerts.announcer import Announcer
from services.alerting.alerts.changes import AlertChange
from services.alerting.alerts.domain import Alert, AlertFilter, AlertStatus, Change, Resolution
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import Delivery
from services.alerting.errors import AlertIsResolved, AlertNotFound
from services.alerting.replicas.service import ReplicaService
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock
from shared.http.pages import PageRequest, Slice


class AlertService:
    def __init__(
        self, clock: Clock, auditor: Auditor, replicas: ReplicaService, announcer: Announcer
    ) -> None:
        self._clock = clock
        self._auditor = auditor
        self._replicas = replicas
        self._announcer = announcer

    async def list(self, unit: Unit, wanted: AlertFilter, page: PageRequest) -> Slice[Alert]:
        return await unit.alerts.list(wanted, page)

    async def get(self, unit: Unit, alert_id: UUID) -> tuple[Alert, Sequence[Delivery]]:
        """The alert with its deliveries. Raises AlertNotFound."""
        alert = await unit.alerts.get(alert_id)
        if alert is None:
            raise AlertNotFound(alert_id)
        return alert, await unit.deliveries.of_alert(alert_id)

    async def acknowledge(self, unit: Unit, caller: Caller, alert_id: UUID, note: str | None) -> Alert:
        """Acknowledge the alert, unless that was done before. Raises AlertNotFound, AlertIsResolved."""
        alert = await self._lock(unit, alert_id)
        if alert.status is AlertStatus.RESOLVED:
            raise AlertIsResolved(alert_id)
        if alert.acknowledged_at is not None:
            return alert
        changed = alert.acknowledged(caller.user_id, note, self._clock.now())
        await self._write(unit, caller, changed, Change.ACKNOWLEDGED, note)
        return changed

    async def resolve(self, unit: Unit, caller: Caller, alert_id: UUID, note: str | None) -> Alert:
        """Resolve the alert, unless that was done before. Raises AlertNotFound."""
        alert = await self._lock(unit, alert_id)
        if alert.status is AlertStatus.RESOLVED:
            return alert
        changed = alert.resolved(caller.user_id, Resolution(note), self._clock.now())
        await self._write(unit, caller, changed, Change.RESOLVED, note)
        return changed

    @staticmethod
    async def _lock(unit: Unit, alert_id: UUID) -> Alert:
        alert = await unit.alerts.lock(alert_id)
        if alert is None:
            raise AlertNotFound(alert_id)
        return alert

    async def _write(
        self, unit: Unit, caller: Caller, alert: Alert, change: Change, note: str | None
    ) -> None:
        await self._replicas.ensure_member(unit, caller)
        await unit.alerts.update(alert)
        rule = await unit.rules.get(alert.alert_rule_id)
        await self._announcer.announce(
            unit, rule, AlertChange(alert, change, alert.updated_at, note, caller.user_id)
        )
        await self._auditor.wrote(
            unit.outbox, caller, f"alert.{change}", "alert", alert.id, after={"note": note}
        )
