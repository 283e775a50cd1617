"""The events of an import, written to the services' outboxes in the import's transaction."""

from collections.abc import Mapping
from uuid import UUID

import asyncpg

from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.events.auth import (
    MEMBERSHIP_CHANGED,
    ORGANIZATION_CHANGED,
    MembershipChanged,
    OrganizationChanged,
)
from shared.events.machines import MACHINE_CHANGED, MachineChanged
from shared.kafka.outbox import PostgresOutbox
from shared.postgres.connection import Connection


class Announcer:
    """The connection's search path names the schema whose outbox is written to."""

    def __init__(self, clock: Clock, new_id: IdGenerator) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = Auditor(clock)

    async def organization(self, target: Connection, organization_id: UUID, name: str, slug: str) -> None:
        payload = OrganizationChanged(
            organization_id=organization_id,
            name=name,
            slug=slug,
            is_active=True,
            version=1,
            changed_at=self._clock.now(),
        )
        await self._outbox(target).add(
            ORGANIZATION_CHANGED, organization_id, payload, organization_id=organization_id
        )

    async def owner(
        self, target: Connection, organization_id: UUID, user: asyncpg.Record, version: int
    ) -> None:
        payload = MembershipChanged(
            organization_id=organization_id,
            user_id=user["id"],
            email=user["email"],
            full_name=user["full_name"],
            role="owner",
            is_active=user["is_active"],
            version=version,
            changed_at=self._clock.now(),
        )
        key = f"{organization_id}:{user['id']}"
        await self._outbox(target).add(MEMBERSHIP_CHANGED, key, payload, organization_id=organization_id)

    async def machine(self, target: Connection, organization_id: UUID, row: asyncpg.Record) -> None:
        payload = MachineChanged(
            machine_id=row["id"],
            name=row["name"],
            model=row["model"],
            serial_number=row["serial_number"],
            location=row["location"],
            status=row["status"],
            metadata=row["metadata"],
            tags=tuple(row["tags"]),
            legal_hold=row["legal_hold"],
            version=row["version"],
            changed_at=row["updated_at"],
        )
        await self._outbox(target).add(MACHINE_CHANGED, row["id"], payload, organization_id=organization_id)

    async def imported(
        self, target: Connection, organization_id: UUID, user_id: UUID, added: Mapping[str, int]
    ) -> None:
        """The audit trail's entry of the whole import."""
        await self._auditor.record(
            self._outbox(target),
            "legacy.imported",
            user_id=user_id,
            organization_id=organization_id,
            resource_type="organization",
            resource_id=organization_id,
            changes={"after": dict(added)},
        )

    def _outbox(self, target: Connection) -> PostgresOutbox:
        return PostgresOutbox(target, self._clock, self._new_id)
