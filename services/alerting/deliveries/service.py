"""Use cases of deliveries. Callers open the transaction and commit it."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from services.alerting.alerts.changes import AlertChange, RecordedChange
from services.alerting.alerts.domain import Change
from services.alerting.alerts.errors import AlertNotFound
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import (
    GIVEN_UP_CHANGE,
    Delivery,
    DeliveryFilter,
    DeliveryStatus,
    lane_of,
)
from services.alerting.deliveries.messages import message_of
from services.alerting.deliveries.notifier import Notifier, enqueue
from shared.access import Caller
from shared.audit import Auditor
from shared.errors import Conflict, NotFound
from shared.http.pages import PageRequest, Slice

# Of one alert, the newest.
MAX_SHOWN = 1000
# What a person may want to have sent again: it ended, and nothing about it is under way.
ENDED = (
    DeliveryStatus.DELIVERED,
    DeliveryStatus.GIVEN_UP,
    DeliveryStatus.CANCELLED,
    DeliveryStatus.SUPPRESSED,
)


class DeliveryNotFound(NotFound):
    def __init__(self, delivery_id: UUID) -> None:
        super().__init__(
            f"Delivery {delivery_id} does not exist in your organization. List them with GET /deliveries."
        )


class CannotRedeliver(Conflict):
    def __init__(self, reason: str) -> None:
        super().__init__(f"The message cannot be sent again: {reason}.")


class DeliveryService:
    def __init__(self, notifier: Notifier, auditor: Auditor) -> None:
        self._notifier = notifier
        self._auditor = auditor

    async def list(self, unit: Unit, wanted: DeliveryFilter, page: PageRequest) -> Slice[Delivery]:
        return await unit.deliveries.list(wanted, page)

    async def of_alert(self, unit: Unit, alert_id: UUID) -> Sequence[Delivery]:
        """The attempts to tell of an alert, oldest first. Raises AlertNotFound."""
        if await unit.alerts.get(alert_id) is None:
            raise AlertNotFound(alert_id)
        return (await unit.deliveries.of_alert(alert_id))[-MAX_SHOWN:]

    async def timeline(
        self, unit: Unit, alert_id: UUID
    ) -> tuple[Sequence[RecordedChange], Sequence[Delivery]]:
        """What happened to an alert, and who was told. Raises AlertNotFound."""
        deliveries = await self.of_alert(unit, alert_id)
        return (await unit.alerts.changes_of(alert_id))[-MAX_SHOWN:], deliveries

    async def redeliver(self, unit: Unit, caller: Caller, delivery_id: UUID) -> Delivery:
        """Tell the same target how the alert stands. Raises DeliveryNotFound, CannotRedeliver."""
        found = await unit.deliveries.get(delivery_id)
        if found is None:
            raise DeliveryNotFound(delivery_id)
        alert = await unit.alerts.lock(found.alert_id)
        rule = await unit.rules.get(alert.alert_rule_id) if alert else None
        if alert is None or rule is None:
            raise CannotRedeliver("the rule or the machine of the alert was deleted")
        if found.status not in ENDED or not found.target_key or found.change == GIVEN_UP_CHANGE:
            raise CannotRedeliver("it is under way, or another one has replaced it")
        now = self._notifier.clock.now()
        kind = found.change if alert.is_open else Change.RESOLVED.value
        message = message_of(
            AlertChange(alert, Change.UPDATED, now),
            rule,
            kind,
            now,
            public_url=self._notifier.public_url,
            organization=await unit.ledger.organization_name(),
        )
        again = replace(
            found,
            id=self._notifier.new_id(),
            message_id=self._notifier.new_id(),
            lane_id=lane_of(alert.id, found.target_key),
            change=kind,
            message=message,
            attempt=1,
            status=DeliveryStatus.PENDING,
            next_attempt_at=now,
            response_status=None,
            latency_ms=None,
            error=None,
            created_at=now,
            finished_at=None,
            group_key=None,
            grouped_into=None,
        )
        await unit.deliveries.add(again)
        await enqueue(unit, again)
        await self._auditor.wrote(
            unit.outbox, caller, "delivery.repeated", "delivery", again.id, after={"of": found.id}
        )
        return again
