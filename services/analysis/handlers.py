"""Handlers of the events that the analysis service consumes."""

from typing import Any

from services.analysis.alerts.follower import follow
from services.analysis.database.unit import Unit
from services.analysis.machines.directory import MachineDirectory
from shared.events.alerting import ALERT_CHANGED, ALERT_RAISED, AlertChanged, AlertRaised, AlertState
from shared.events.base import Event
from shared.events.machines import MACHINE_CHANGED, MachineChanged
from shared.kafka.consumer import Consumer


def subscribe(consumer: Consumer[Unit], directory: MachineDirectory) -> None:
    """Every handler keeps a replica by versions, so it may run again for an event."""

    async def on_machine_changed(event: Event[MachineChanged], unit: Unit) -> None:
        if event.organization_id is not None:
            await directory.follow(unit, event.organization_id, event.payload)

    async def keep_alert(unit: Unit, event: Event[Any], state: AlertState) -> None:
        if event.organization_id is not None:
            await follow(unit, event.organization_id, event.time, state)

    async def on_alert_raised(event: Event[AlertRaised], unit: Unit) -> None:
        await keep_alert(unit, event, event.payload)

    async def on_alert_changed(event: Event[AlertChanged], unit: Unit) -> None:
        await keep_alert(unit, event, event.payload)

    consumer.on(MACHINE_CHANGED, on_machine_changed, repeatable=True)
    consumer.on(ALERT_RAISED, on_alert_raised, repeatable=True)
    consumer.on(ALERT_CHANGED, on_alert_changed, repeatable=True)
