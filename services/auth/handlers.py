"""Events that the auth service consumes."""

from collections.abc import Sequence

from services.auth.database.unit import Unit
from services.auth.deletions.service import DeletionService
from services.auth.trail.service import TrailService
from shared.erasure import eraser
from shared.events.auth import AUDIT_RECORDED, AuditRecorded
from shared.events.base import Event
from shared.events.deletions import (
    DELETION_REPORTED,
    DELETION_REQUESTED,
    DeletionReported,
    DeletionRequested,
)
from shared.kafka.consumer import Consumer


def subscribe(consumer: Consumer[Unit], trail: TrailService, deletions: DeletionService) -> None:
    async def on_audit_recorded(event: Event[AuditRecorded], unit: Unit) -> None:
        await trail.append(unit, event)

    async def before_audit_recorded(events: Sequence[Event[AuditRecorded]]) -> None:
        await trail.prepare(events)

    async def on_deletion_requested(event: Event[DeletionRequested], unit: Unit) -> None:
        await deletions.certify(unit, event.organization_id, event.payload)
        await eraser.accept(unit.jobs, event)

    async def on_deletion_reported(event: Event[DeletionReported], unit: Unit) -> None:
        await deletions.certify(unit, event.organization_id, event.payload)

    consumer.on(AUDIT_RECORDED, on_audit_recorded, prepare=before_audit_recorded)
    consumer.on(DELETION_REQUESTED, on_deletion_requested)
    consumer.on(DELETION_REPORTED, on_deletion_reported)
