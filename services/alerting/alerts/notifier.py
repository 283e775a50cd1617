"""Announces changes of alerts: an event for everyone, and messages for the channels of the rule."""

from typing import Any
from uuid import UUID

from services.alerting.alerts.domain import Alert, Change
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import MESSAGE_JOB, QUEUE, Delivery, DeliveryStatus
from services.alerting.rules.domain import Rule
from shared.clock import Clock, IdGenerator
from shared.events.alerting import ALERT_CHANGED, ALERT_RAISED, AlertChanged, AlertRaised
from shared.jobs.queue import NewJob


class Notifier:
    def __init__(self, clock: Clock, new_id: IdGenerator) -> None:
        self._clock = clock
        self._new_id = new_id

    async def notify(
        self,
        unit: Unit,
        rule: Rule | None,
        alert: Alert,
        change: Change,
        *,
        by: UUID | None = None,
        note: str | None = None,
    ) -> None:
        """Publish the change, and enqueue its messages; without a `rule` there are none."""
        changed = AlertChanged(**_state(alert), change=change, changed_by=by, note=note)
        organization_id = alert.organization_id
        if change is Change.RAISED:
            raised = AlertRaised(**_state(alert))
            await unit.outbox.add(ALERT_RAISED, alert.machine_id, raised, organization_id=organization_id)
        else:
            await unit.outbox.add(ALERT_CHANGED, alert.machine_id, changed, organization_id=organization_id)
        if rule is not None:
            await self._enqueue(unit, rule, alert, change, changed.model_dump(mode="json"))

    async def _enqueue(
        self, unit: Unit, rule: Rule, alert: Alert, change: Change, data: dict[str, Any]
    ) -> None:
        now = self._clock.now()
        message = {"type": f"alert.{change}", "timestamp": now, "data": data}
        for channel in rule.actions.notified(change):
            webhook = rule.actions.webhook(channel)
            delivery = Delivery(
                id=self._new_id(),
                organization_id=alert.organization_id,
                alert_id=alert.id,
                message_id=self._new_id(),
                channel=channel,
                target=webhook.host if webhook else "",
                change=change,
                message=message,
                attempt=1,
                status=DeliveryStatus.PENDING,
                next_attempt_at=now,
                response_status=None,
                latency_ms=None,
                error=None,
                created_at=now,
                finished_at=None,
            )
            await unit.deliveries.add(delivery)
            await unit.jobs.enqueue(
                [NewJob(delivery.message_id, QUEUE, MESSAGE_JOB, alert.id, alert.organization_id)]
            )


def _state(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.id,
        "alert_rule_id": alert.alert_rule_id,
        "rule_name": alert.rule_name,
        "machine_id": alert.machine_id,
        "anomaly_id": alert.anomaly_id,
        "status": alert.status.value,
        "severity": alert.severity.label,
        "count": alert.count,
        "first_seen_at": alert.first_seen_at,
        "last_seen_at": alert.last_seen_at,
        "worst_distance_ratio": alert.worst_distance_ratio,
        "summary": alert.summary,
        "raised_at": alert.created_at,
        "acknowledged_at": alert.acknowledged_at,
        "resolved_at": alert.resolved_at,
        "version": alert.version,
    }
