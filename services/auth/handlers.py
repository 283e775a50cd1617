"""Events that the auth service consumes."""

from collections.abc import Sequence

from services.auth.database.unit import Unit
from services.auth.trail.service import TrailService
from shared.events.auth import AUDIT_RECORDED, AuditRecorded
from shared.events.base import Event
from shared.kafka.consumer import Consumer


def subscribe(consumer: Consumer[Unit], trail: TrailService) -> None:
    async def on_audit_recorded(event: Event[AuditRecorded], unit: Unit) -> None:
        await trail.append(unit, event)

    async def before_audit_recorded(events: Sequence[Event[AuditRecorded]]) -> None:
        await trail.prepare(events)

    consumer.on(AUDIT_RECORDED, on_audit_recorded, prepare=before_audit_recorded)
