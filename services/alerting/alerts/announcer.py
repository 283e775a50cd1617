"""Announces changes of alerts: recorded for the timeline, published for everyone, told to those concerned."""

from services.alerting.alerts.changes import AlertChange
from services.alerting.alerts.domain import Change
from services.alerting.alerts.payloads import changed, raised
from services.alerting.database.unit import Unit
from services.alerting.deliveries.notifier import Notifier
from services.alerting.rules.domain import Rule
from shared.events.alerting import ALERT_CHANGED, ALERT_RAISED


class Announcer:
    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    async def announce(self, unit: Unit, rule: Rule | None, change: AlertChange) -> None:
        """Announce the change in the transaction that made it. Without a `rule`, nobody is notified."""
        alert = change.alert
        if change.kind is not Change.UPDATED:
            # Continuing is shown by the alert itself: an alert of a month would have 40,000 of these.
            await unit.alerts.record(change)
        of = alert.organization_id
        if change.kind is Change.RAISED:
            await unit.outbox.add(ALERT_RAISED, alert.machine_id, raised(change), organization_id=of)
        else:
            await unit.outbox.add(ALERT_CHANGED, alert.machine_id, changed(change), organization_id=of)
        # A resolution reaches those who were notified before the alert rose unseen, and nobody else.
        is_told = not alert.untold or change.kind is Change.RESOLVED
        if rule is not None and is_told and not change.quiet:
            await self._notifier.notify(unit, rule, change)
