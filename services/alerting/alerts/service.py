"""Use cases of alerts: what people do with them. Callers open the transaction and commit it.

Every transaction locks in this order: rules, alerts, members.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.alerting.alerts.announcer import Announcer
from services.alerting.alerts.changes import AlertChange
from services.alerting.alerts.domain import Alert, AlertFilter, AlertStatus, Change, Resolution
from services.alerting.alerts.errors import (
    AlertIsAcknowledged,
    AlertIsOpen,
    AlertIsPending,
    AlertIsResolved,
    AlertNotFound,
    AnotherIsOpen,
    EmptyPeriod,
    ExpiresInThePast,
    MemberNotFound,
)
from services.alerting.alerts.summary import AlertCounts, AlertSummary
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import Delivery
from services.alerting.replicas.service import ReplicaService
from services.alerting.timer.kinds import ACKNOWLEDGEMENT_EXPIRY
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock
from shared.http.pages import PageRequest, Slice

SHIFT = timedelta(hours=8)
EXPIRED, EXPIRED_CODE = "The acknowledgement expired.", "acknowledgement_expired"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Who has the alert; without a user, whoever used a link. It ends at `expires_at`, if it has one."""

    by: UUID | None
    note: str | None = None
    expires_at: datetime | None = None


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

    async def count(self, unit: Unit, wanted: AlertFilter) -> AlertCounts:
        return await unit.alerts.count(wanted)

    async def summary(self, unit: Unit, since: datetime | None, until: datetime | None) -> AlertSummary:
        """Raises EmptyPeriod. By default, the period is the last shift."""
        end = until or self._clock.now()
        start = since or end - SHIFT
        if start >= end:
            raise EmptyPeriod
        return await unit.alerts.summary(start, end)

    async def acknowledge(
        self, unit: Unit, caller: Caller, alert_id: UUID, note: str | None, expires_at: datetime | None = None
    ) -> Alert:
        """Raises AlertNotFound, AlertIsPending, AlertIsResolved, AlertIsAcknowledged, ExpiresInThePast."""
        await self._lock_raised(unit, alert_id)
        await self._replicas.ensure_member(unit, caller)
        wanted = Acknowledgement(caller.user_id, note, expires_at)
        alert, change = await self.acknowledge_as(unit, wanted, alert_id)
        if change is not None:
            await self._audit(unit, caller, change, {"note": note, "expires_at": expires_at})
        return alert

    async def acknowledge_as(
        self, unit: Unit, wanted: Acknowledgement, alert_id: UUID
    ) -> tuple[Alert, AlertChange | None]:
        """The alert, acknowledged, and the change, unless it is acknowledged like this already.

        Raises like `acknowledge`. Nobody takes an alert from somebody else without ending that first; one's
        own acknowledgement can be given another note and another end.
        """
        alert = await self._lock_raised(unit, alert_id)
        if alert.status is AlertStatus.RESOLVED:
            raise AlertIsResolved(alert_id, "acknowledged")
        now = self._clock.now()
        if wanted.expires_at is not None and wanted.expires_at <= now:
            raise ExpiresInThePast
        if alert.acknowledged_at is not None:
            if alert.acknowledged_by != wanted.by:
                raise AlertIsAcknowledged(alert, await self._name(unit, alert.acknowledged_by))
            present = Acknowledgement(
                alert.acknowledged_by, alert.acknowledge_note, alert.acknowledge_expires_at
            )
            if wanted in (present, Acknowledgement(wanted.by)):
                return alert, None
        acknowledged = alert.acknowledged(wanted.by, wanted.note, now, wanted.expires_at)
        if wanted.expires_at is not None:
            await unit.timers.schedule(ACKNOWLEDGEMENT_EXPIRY, alert_id, wanted.expires_at)
        change = AlertChange(acknowledged, Change.ACKNOWLEDGED, now, wanted.note, wanted.by)
        await self._store(unit, change)
        return acknowledged, change

    async def unacknowledge(self, unit: Unit, caller: Caller, alert_id: UUID, note: str | None) -> Alert:
        """End the acknowledgement, whoever has it, if there is one. Raises AlertNotFound, AlertIsResolved."""
        alert = await self._lock_raised(unit, alert_id)
        if alert.status is AlertStatus.RESOLVED:
            raise AlertIsResolved(alert_id, "unacknowledged")
        if alert.acknowledged_at is None:
            return alert
        return await self._change(
            unit, caller, alert.unacknowledged(self._clock.now()), Change.UNACKNOWLEDGED, note
        )

    async def expire_acknowledgement(self, unit: Unit, alert_id: UUID) -> None:
        """End the acknowledgement if its time has come: the handler of its timer."""
        alert, now = await unit.alerts.lock(alert_id), self._clock.now()
        if alert is None or not alert.is_open or alert.acknowledge_expires_at is None:
            return
        if alert.acknowledge_expires_at > now:
            await unit.timers.schedule(ACKNOWLEDGEMENT_EXPIRY, alert_id, alert.acknowledge_expires_at)
            return
        ended = alert.unacknowledged(now)
        await self._store(unit, AlertChange(ended, Change.UNACKNOWLEDGED, now, EXPIRED, code=EXPIRED_CODE))

    async def assign(
        self, unit: Unit, caller: Caller, alert_id: UUID, user_id: UUID | None, note: str | None
    ) -> Alert:
        """Assign the alert, or end that. Raises AlertNotFound, AlertIsPending, MemberNotFound."""
        alert = await self._lock_raised(unit, alert_id)
        await self._replicas.ensure_member(unit, caller)
        if user_id is not None:
            await self.check_member(unit, user_id)
        if alert.assigned_to == user_id:
            return alert
        assigned = alert.assigned(user_id, self._clock.now())
        return await self._change(unit, caller, assigned, Change.ASSIGNED, note, assigned_to=user_id)

    async def comment(self, unit: Unit, caller: Caller, alert_id: UUID, note: str) -> Alert:
        """Add a comment, also after the end. Raises AlertNotFound, AlertIsPending."""
        alert = await self._lock_raised(unit, alert_id)
        return await self._change(unit, caller, alert.commented(self._clock.now()), Change.COMMENTED, note)

    async def resolve(self, unit: Unit, caller: Caller, alert_id: UUID, how: Resolution) -> Alert:
        """Resolve the alert; a resolved one gets the outcome that is known now.

        Raises AlertNotFound, AlertIsPending.
        """
        alert = await self._lock_raised(unit, alert_id)
        now = self._clock.now()
        if alert.is_open:
            resolved = alert.resolved(caller.user_id, how, now)
        else:
            resolved = alert.learned(how, now)
            if resolved is alert:
                return alert
        values = {"outcome": resolved.outcome, "fault_code": resolved.fault_code}
        return await self._change(unit, caller, resolved, Change.RESOLVED, how.note, **values)

    async def reopen(self, unit: Unit, caller: Caller, alert_id: UUID, note: str | None) -> Alert:
        """Open a resolved alert again. Raises AlertNotFound, AlertIsOpen, AnotherIsOpen."""
        known = await unit.alerts.get(alert_id)
        # Before the alert: who deletes the rule meanwhile would not find this alert open and resolve it.
        rule = await unit.rules.lock(known.alert_rule_id) if known else None
        alert = await self._lock_raised(unit, alert_id)
        if alert.is_open:
            raise AlertIsOpen(alert_id)
        if rule is None:
            raise AlertIsResolved(alert_id, "reopened", "Its rule was deleted.")
        await self._replicas.ensure_member(unit, caller)
        reopened = alert.reopened(self._clock.now())
        if not await unit.alerts.reopen(reopened):
            other = await unit.alerts.lock_open(alert.organization_id, alert.dedupe_key)
            raise AnotherIsOpen(alert_id, other.id if other else None)
        change = AlertChange(reopened, Change.REOPENED, reopened.updated_at, note, caller.user_id)
        await self._announcer.announce(unit, rule, change)
        await self._audit(unit, caller, change, {"note": note})
        return reopened

    @staticmethod
    async def check_member(unit: Unit, user_id: UUID) -> None:
        """Raises MemberNotFound."""
        member = await unit.replicas.member(user_id)
        if member is None or member.deleted or not member.is_active:
            raise MemberNotFound(user_id)

    @staticmethod
    async def _lock_raised(unit: Unit, alert_id: UUID) -> Alert:
        alert = await unit.alerts.lock(alert_id)
        if alert is None:
            raise AlertNotFound(alert_id)
        if alert.status is AlertStatus.PENDING:
            raise AlertIsPending(alert_id)
        return alert

    @staticmethod
    async def _name(unit: Unit, user_id: UUID | None) -> str | None:
        if user_id is None:
            return None
        member = await unit.replicas.member(user_id)
        return member.full_name or member.email if member else None

    async def _change(
        self, unit: Unit, caller: Caller, alert: Alert, kind: Change, note: str | None, **audited: Any
    ) -> Alert:
        await self._replicas.ensure_member(unit, caller)
        change = AlertChange(alert, kind, alert.updated_at, note, caller.user_id)
        await self._store(unit, change)
        await self._audit(unit, caller, change, {"note": note, **audited})
        return alert

    async def _store(self, unit: Unit, change: AlertChange) -> None:
        await unit.alerts.update(change.alert)
        rule = await unit.rules.get(change.alert.alert_rule_id)
        await self._announcer.announce(unit, rule, change)

    async def _audit(self, unit: Unit, caller: Caller, change: AlertChange, after: dict[str, Any]) -> None:
        await self._auditor.wrote(
            unit.outbox, caller, f"alert.{change.kind}", "alert", change.alert.id, after=after
        )
