"""Audit trail: every write publishes `audit.recorded`, in its own transaction."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
import structlog

from shared.access import Caller
from shared.clock import Clock
from shared.events.auth import AUDIT_RECORDED, AuditRecorded
from shared.kafka.outbox import Outbox

SECRET_FIELDS = frozenset(
    {
        "password",
        "new_password",
        "secret",
        "secrets",
        "token",
        "api_key",
        "key",
        "access_token",
        "refresh_token",
    }
)
HIDDEN = "[hidden]"


class Auditor:
    """Records writes. The client's address and user agent come from the logging context of the request."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def wrote(
        self,
        outbox: Outbox,
        caller: Caller,
        action: str,
        resource_type: str,
        resource_id: UUID | None,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Record what `caller` did. The values of secret fields are hidden."""
        changes: dict[str, Any] = {}
        if before is not None:
            changes["before"] = before
        if after is not None:
            changes["after"] = after
        await self.record(
            outbox,
            action,
            user_id=caller.user_id,
            organization_id=caller.organization_id,
            resource_type=resource_type,
            resource_id=resource_id,
            changes=changes or None,
            api_key_id=caller.api_key_id,
        )

    async def record(
        self,
        outbox: Outbox,
        action: str,
        *,
        user_id: UUID | None,
        organization_id: UUID | None,
        resource_type: str | None = None,
        resource_id: UUID | None = None,
        changes: Mapping[str, Any] | None = None,
        api_key_id: UUID | None = None,
    ) -> None:
        context = structlog.contextvars.get_contextvars()
        payload = AuditRecorded(
            user_id=user_id,
            action=action,
            resource_type=resource_type,
            resource_id=resource_id,
            changes=None if changes is None else _plain(without_secrets(changes)),
            ip_address=context.get("client_address"),
            user_agent=context.get("user_agent"),
            occurred_at=self._clock.now(),
            api_key_id=api_key_id,
        )
        key = organization_id or user_id or "installation"
        await outbox.add(AUDIT_RECORDED, key, payload, organization_id=organization_id)


def without_secrets(value: Any) -> Any:
    """A copy of the structure with the values of secret fields hidden."""
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if str(name).lower() in SECRET_FIELDS else without_secrets(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value, default=str))
