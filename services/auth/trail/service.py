"""The audit trail: filled from `audit.recorded`, read by administrators."""

from ipaddress import ip_address

from services.auth.database.unit import Unit
from services.auth.trail.domain import AuditEntry, AuditFilter
from shared.events.auth import AuditRecorded
from shared.events.base import Event
from shared.http.pages import PageRequest, Slice


class TrailService:
    async def append(self, unit: Unit, event: Event[AuditRecorded]) -> None:
        """Store the event under its id, with the time at which it happened."""
        payload = event.payload
        entry = AuditEntry(
            id=event.id,
            user_id=payload.user_id,
            organization_id=event.organization_id,
            action=payload.action,
            resource_type=payload.resource_type,
            resource_id=payload.resource_id,
            changes=payload.changes,
            ip_address=normalized_address(payload.ip_address),
            user_agent=payload.user_agent,
            created_at=payload.occurred_at,
            api_key_id=payload.api_key_id,
        )
        await unit.trail.add(entry)

    async def list(self, unit: Unit, wanted: AuditFilter, page: PageRequest) -> Slice[AuditEntry]:
        return await unit.trail.list(wanted, page)


def normalized_address(text: str | None) -> str | None:
    """Normalize an address; None if it is invalid, so that a malformed header does not lose the entry."""
    try:
        return str(ip_address(text)) if text else None
    except ValueError:
        return None
