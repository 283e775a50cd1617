"""Enqueues the messages about changes of alerts, for the channels of their rules."""

from services.alerting.alerts.changes import AlertChange
from services.alerting.alerts.payloads import changed
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import MESSAGE_JOB, QUEUE, Delivery, DeliveryStatus
from services.alerting.rules.domain import Rule
from shared.clock import Clock, IdGenerator
from shared.jobs.queue import NewJob


class Notifier:
    def __init__(self, clock: Clock, new_id: IdGenerator) -> None:
        self._clock = clock
        self._new_id = new_id

    async def notify(self, unit: Unit, rule: Rule, change: AlertChange) -> None:
        alert, now = change.alert, self._clock.now()
        data = changed(change).model_dump(mode="json")
        message = {"type": f"alert.{change.kind}", "timestamp": now, "data": data}
        for channel in rule.actions.notified(change.kind):
            webhook = rule.actions.webhook(channel)
            delivery = Delivery(
                id=self._new_id(),
                organization_id=alert.organization_id,
                alert_id=alert.id,
                message_id=self._new_id(),
                channel=channel,
                target=webhook.host if webhook else "",
                change=change.kind,
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
