"""Keeps replicas of machines, members and organizations, which other services own."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol
from uuid import UUID

from services.alerting.database.unit import Unit
from services.alerting.errors import MachineNotFound
from services.alerting.replicas.domain import MachineRef, MemberRef, OrganizationRef
from shared.access import Caller, Scope
from shared.errors import NotFound
from shared.events.auth import MembershipChanged, OrganizationChanged
from shared.events.machines import MachineChanged

# Data fetched over HTTP or read from a token is replaced by any event.
FETCHED_VERSION = 0
Units = Callable[[Scope], AbstractAsyncContextManager[Unit]]


class MachinesService(Protocol):
    async def get(self, path: str, *, caller: Caller | None = None) -> Any: ...


class MachineDirectory:
    """Finds machines as soon as they exist: asks the machines service until their first event has arrived."""

    def __init__(self, units: Units, machines: MachinesService) -> None:
        self._units = units
        self._machines = machines

    async def ensure(self, caller: Caller, machine_id: UUID) -> None:
        """Ensure that there is a replica. Raises MachineNotFound, or Unavailable without an answer."""
        async with self._units(caller.scope) as unit:
            known = await unit.replicas.machine(machine_id)
        if known is not None:
            return
        try:
            answer = await self._machines.get(f"/api/v1/machines/{machine_id}", caller=caller)
        except NotFound:
            raise MachineNotFound(machine_id) from None
        machine = MachineRef(
            machine_id,
            caller.organization_id,
            answer["name"],
            answer["status"],
            False,
            FETCHED_VERSION,
            # A machines service of the previous version answers without them.
            tuple(answer.get("tags", ())),
            answer.get("legal_hold", False),
            answer.get("location"),
            answer.get("model"),
        )
        async with self._units(caller.scope) as unit:
            await unit.replicas.merge_machine(machine)


class ReplicaService:
    """Applies events of other services. Callers open the transaction and commit it."""

    async def machine_changed(self, unit: Unit, organization_id: UUID, payload: MachineChanged) -> None:
        """Apply the event; a deleted machine leaves a tombstone."""
        machine = MachineRef(
            payload.machine_id,
            organization_id,
            "" if payload.deleted else payload.name,
            payload.status,
            payload.deleted,
            payload.version,
            () if payload.deleted else payload.tags,
            payload.legal_hold,
            None if payload.deleted else payload.location,
            None if payload.deleted else payload.model,
        )
        # The tombstone first: it waits for rules that are being created, and prevents new ones.
        await unit.replicas.merge_machine(machine)
        # Without a deletion, the machine was deleted by a version that knew none.
        if payload.deleted and payload.deletion_id is None:
            await unit.rules.delete_of_machine(payload.machine_id)

    async def membership_changed(self, unit: Unit, payload: MembershipChanged) -> None:
        member = MemberRef(
            organization_id=payload.organization_id,
            user_id=payload.user_id,
            email=None if payload.deleted else payload.email,
            full_name=None if payload.deleted else payload.full_name,
            role=payload.role,
            is_active=payload.is_active,
            deleted=payload.deleted,
            version=payload.version,
        )
        await unit.replicas.merge_member(member)

    async def organization_changed(self, unit: Unit, payload: OrganizationChanged) -> None:
        organization = OrganizationRef(
            organization_id=payload.organization_id,
            retention=payload.retention.model_dump(exclude_defaults=True),
            version=payload.version,
            deleted=payload.deleted,
            changed_at=payload.changed_at,
            name=None if payload.deleted else payload.name,
        )
        await unit.replicas.merge_organization(organization)

    async def ensure_member(self, unit: Unit, caller: Caller) -> None:
        """Ensure that rows can refer to the caller, even before the event of auth has arrived."""
        member = MemberRef(
            organization_id=caller.organization_id,
            user_id=caller.user_id,
            email=caller.email,
            full_name=caller.full_name,
            role=caller.role.label,
            is_active=True,
            deleted=False,
            version=FETCHED_VERSION,
        )
        await unit.replicas.merge_member(member)
