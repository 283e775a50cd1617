"""Handlers of the events that the analysis service consumes."""

from typing import Any

from services.analysis.alerts.follower import follow
from services.analysis.database.unit import Unit
from services.analysis.machines.directory import MachineDirectory
from services.analysis.organizations.service import OrganizationFollower
from shared.erasure import eraser
from shared.events.alerting import ALERT_CHANGED, ALERT_RAISED, AlertChanged, AlertRaised, AlertState
from shared.events.auth import ORGANIZATION_CHANGED, OrganizationChanged
from shared.events.base import Event
from shared.events.deletions import DELETION_REQUESTED, DeletionRequested
from shared.events.machines import MACHINE_CHANGED, MachineChanged
from shared.kafka.consumer import Consumer


def subscribe(
    consumer: Consumer[Unit], directory: MachineDirectory, organizations: OrganizationFollower
) -> None:
    """Replicas are kept by versions, so their handlers may run again for an event."""

    async def on_machine_changed(event: Event[MachineChanged], unit: Unit) -> None:
        if event.organization_id is not None:
            await directory.follow(unit, event.organization_id, event.payload)

    async def on_organization_changed(event: Event[OrganizationChanged], unit: Unit) -> None:
        await organizations.follow(unit, event.payload)

    async def keep_alert(unit: Unit, event: Event[Any], state: AlertState) -> None:
        if event.organization_id is not None:
            await follow(unit, event.organization_id, event.time, state)

    async def on_alert_raised(event: Event[AlertRaised], unit: Unit) -> None:
        await keep_alert(unit, event, event.payload)

    async def on_alert_changed(event: Event[AlertChanged], unit: Unit) -> None:
        await keep_alert(unit, event, event.payload)

    async def on_deletion_requested(event: Event[DeletionRequested], unit: Unit) -> None:
        await eraser.accept(unit.jobs, event)

    consumer.on(MACHINE_CHANGED, on_machine_changed, repeatable=True)
    consumer.on(ORGANIZATION_CHANGED, on_organization_changed, repeatable=True)
    consumer.on(ALERT_RAISED, on_alert_raised, repeatable=True)
    consumer.on(ALERT_CHANGED, on_alert_changed, repeatable=True)
    consumer.on(DELETION_REQUESTED, on_deletion_requested)
