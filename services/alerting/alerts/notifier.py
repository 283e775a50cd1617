"""Announces changes of alerts: an event for everyone, and messages for whom the rule names."""

from uuid import UUID

from services.alerting.alerts.domain import Alert, Change
from services.alerting.alerts.events import state_of
from services.alerting.database.unit import Unit
from services.alerting.deliveries.messenger import Messenger
from services.alerting.rules.domain import Rule
from shared.clock import Clock, IdGenerator
from shared.events.alerting import ALERT_CHANGED, ALERT_RAISED, AlertChanged, AlertRaised


class Notifier:
    def __init__(self, clock: Clock, new_id: IdGenerator, public_url: str = "") -> None:
        """`public_url` begins the links in messages."""
        self.messenger = Messenger(clock, new_id, public_url)

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
        organization_id = alert.organization_id
        if change is Change.RAISED:
            raised = AlertRaised(**state_of(alert))
            await unit.outbox.add(ALERT_RAISED, alert.machine_id, raised, organization_id=organization_id)
        else:
            changed = AlertChanged(**state_of(alert), change=change, changed_by=by, note=note)
            await unit.outbox.add(ALERT_CHANGED, alert.machine_id, changed, organization_id=organization_id)
        await self.messenger.announce(unit, rule, alert, change.value, by=by, reason=note)
