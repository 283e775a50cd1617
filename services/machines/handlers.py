"""Handlers of the events that the machines service consumes."""

from services.machines.repository import Unit
from services.machines.service import MachineService
from shared.erasure import eraser
from shared.events.analysis import ANALYSIS_COMPLETED, AnalysisCompleted
from shared.events.base import Event
from shared.events.deletions import DELETION_REQUESTED, DeletionRequested
from shared.kafka.consumer import Consumer


def subscribe(consumer: Consumer[Unit], service: MachineService) -> None:
    async def on_analysis_completed(event: Event[AnalysisCompleted], unit: Unit) -> None:
        await service.note_analysis(unit, event.payload.machine_id, event.payload.completed_at)

    async def on_deletion_requested(event: Event[DeletionRequested], unit: Unit) -> None:
        await eraser.accept(unit.jobs, event)

    consumer.on(ANALYSIS_COMPLETED, on_analysis_completed)
    consumer.on(DELETION_REQUESTED, on_deletion_requested)
