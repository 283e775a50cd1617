"""Handlers of the events that the analysis service consumes."""

from services.analysis.database.unit import Unit
from services.analysis.machines.directory import MachineDirectory
from services.analysis.organizations.service import OrganizationFollower
from shared.erasure import eraser
from shared.events.auth import ORGANIZATION_CHANGED, OrganizationChanged
from shared.events.base import Event
from shared.events.deletions import DELETION_REQUESTED, DeletionRequested
from shared.events.machines import MACHINE_CHANGED, MachineChanged
from shared.kafka.consumer import Consumer


def subscribe(
    consumer: Consumer[Unit], directory: MachineDirectory, organizations: OrganizationFollower
) -> None:
    async def on_machine_changed(event: Event[MachineChanged], unit: Unit) -> None:
        if event.organization_id is not None:
            await directory.follow(unit, event.organization_id, event.payload)

    async def on_organization_changed(event: Event[OrganizationChanged], unit: Unit) -> None:
        await organizations.follow(unit, event.payload)

    async def on_deletion_requested(event: Event[DeletionRequested], unit: Unit) -> None:
        await eraser.accept(unit.jobs, event)

    consumer.on(MACHINE_CHANGED, on_machine_changed)
    consumer.on(ORGANIZATION_CHANGED, on_organization_changed)
    consumer.on(DELETION_REQUESTED, on_deletion_requested)
