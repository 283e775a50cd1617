"""The audit trail: filled from `audit.recorded`, read by administrators."""

from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_address

from services.auth.database.unit import Unit
from services.auth.trail.domain import AuditEntry, AuditFilter
from shared.clock import Clock
from shared.events.auth import AuditRecorded
from shared.events.base import Event
from shared.http.pages import PageRequest, Slice
from shared.months import plausible
from shared.postgres.partitions import Partitions

TABLE = "audit_logs"


class TrailService:
    def __init__(self, clock: Clock, partitions: Partitions) -> None:
        self._clock = clock
        self._partitions = partitions

    async def prepare(self, events: Sequence[Event[AuditRecorded]]) -> None:
        """Make the partitions of the entries' months. To be called before the transaction of `append`."""
        await self._partitions.ensure(TABLE, [self._time(event) for event in events])

    async def append(self, unit: Unit, event: Event[AuditRecorded]) -> None:
        """Store the event under its id, with the time at which it happened.

        If a clock was so wrong that it cannot have happened then, the entry gets the time at which it came,
        and keeps the stated one in `changes`.
        """
        payload, created_at = event.payload, self._time(event)
        changes = payload.changes
        if created_at != payload.occurred_at:
            changes = {**(changes or {}), "stated_time": payload.occurred_at.isoformat()}
        entry = AuditEntry(
            id=event.id,
            user_id=payload.user_id,
            organization_id=event.organization_id,
            action=payload.action,
            resource_type=payload.resource_type,
            resource_id=payload.resource_id,
            changes=changes,
            ip_address=normalized_address(payload.ip_address),
            user_agent=payload.user_agent,
            created_at=created_at,
            api_key_id=payload.api_key_id,
        )
        await unit.trail.add(entry)

    def _time(self, event: Event[AuditRecorded]) -> datetime:
        now, stated = self._clock.now(), event.payload.occurred_at
        return stated if plausible(stated, now) else now

    async def list(self, unit: Unit, wanted: AuditFilter, page: PageRequest) -> Slice[AuditEntry]:
        return await unit.trail.list(wanted, page)


def normalized_address(text: str | None) -> str | None:
    """Normalize an address; None if it is invalid, so that a malformed header does not lose the entry."""
    try:
        return str(ip_address(text)) if text else None
    except ValueError:
        return None
