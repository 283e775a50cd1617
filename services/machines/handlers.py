"""Handlers of the events that the machines service consumes."""

from services.machines.repository import Unit
from services.machines.service import MachineService
from shared.events.analysis import ANALYSIS_COMPLETED, AnalysisCompleted
from shared.events.auth import ORGANIZATION_CHANGED, OrganizationChanged
from shared.events.base import Event
from shared.kafka.consumer import Consumer


def subscribe(consumer: Consumer[Unit], service: MachineService) -> None:
    async def on_analysis_completed(event: Event[AnalysisCompleted], unit: Unit) -> None:
        await service.note_analysis(unit, event.payload.machine_id, event.payload.completed_at)

    async def on_organization_changed(event: Event[OrganizationChanged], unit: Unit) -> None:
        if event.payload.deleted:
            await service.remove_all(unit, event.payload.organization_id)

    consumer.on(ANALYSIS_COMPLETED, on_analysis_completed)
    consumer.on(ORGANIZATION_CHANGED, on_organization_changed)
