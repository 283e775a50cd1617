"""Use cases of machines. The caller of each method opens the transaction and commits it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.machines.domain import Machine, MachineFilter, MachineStatus
from services.machines.errors import MachineNotFound, OnLegalHold, TooManyMachines
from services.machines.events import state, tombstone
from services.machines.repository import Unit
from services.machines.sealing import MetadataSealer
from shared.access import Caller, Permission
from shared.audit import HIDDEN, Auditor
from shared.clock import Clock, IdGenerator
from shared.erasure.requests import DeletionRequests
from shared.events.deletions import DeletionRequested
from shared.events.machines import MACHINE_CHANGED
from shared.http.pages import PageRequest, Slice


class MachineService:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        sealer: MetadataSealer,
        maximum: int,
    ) -> None:
        """`maximum`: the number of machines that an organization may have."""
        self._maximum = maximum
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._sealer = sealer
        self._deletions = DeletionRequests(clock, new_id)

    async def register(self, unit: Unit, caller: Caller, values: Mapping[str, Any]) -> Machine:
        """Add a machine to the caller's organization. `values` are validated fields by name.

        Raises TooManyMachines.
        """
        if values.get("legal_hold"):
            caller.require(Permission.MACHINES_HOLD)
        if await unit.machines.is_full(caller.organization_id, self._maximum):
            raise TooManyMachines(self._maximum)
        machine_id, now = self._new_id(), self._clock.now()
        metadata, sealed = self._sealer.split(machine_id, {}, {}, values)
        stored = {name: value for name, value in values.items() if name != "sensitive_metadata"}
        machine = Machine(
            id=machine_id,
            organization_id=caller.organization_id,
            last_analysis_at=None,
            created_at=now,
            updated_at=now,
            version=1,
            **{
                "model": None,
                "serial_number": None,
                "location": None,
                "metadata": {},
                "tags": (),
                "legal_hold": False,
                "status": MachineStatus.ACTIVE,
            }
            | stored
            | {"metadata": metadata, "sealed_metadata": sealed},
        )
        await unit.machines.add(machine)
        await self._publish(unit, machine)
        await self._auditor.wrote(
            unit.outbox, caller, "machine.created", "machine", machine.id, after=_audited(machine, values)
        )
        return machine

    async def get(self, unit: Unit, machine_id: UUID) -> Machine:
        machine = await unit.machines.get(machine_id)
        if machine is None:
            raise MachineNotFound(machine_id)
        return machine

    def shown_metadata(self, caller: Caller, machine: Machine) -> Mapping[str, Any]:
        """The metadata as `caller` may see it: sensitive values are shown to administrators only."""
        if not caller.may(Permission.SENSITIVE_METADATA_READ):
            return machine.metadata
        # Asked for once more, so that an answer kept for its Idempotency-Key needs the right, too.
        caller.require(Permission.SENSITIVE_METADATA_READ)
        return self._sealer.opened(machine)

    async def list(self, unit: Unit, filters: MachineFilter, page: PageRequest) -> Slice[Machine]:
        return await unit.machines.list(filters, page)

    async def change(
        self, unit: Unit, caller: Caller, machine_id: UUID, changes: Mapping[str, Any]
    ) -> Machine:
        """Change only the given fields."""
        before = await unit.machines.lock(machine_id)
        if before is None:
            raise MachineNotFound(machine_id)
        if not changes:
            return before
        if changes.get("legal_hold", before.legal_hold) != before.legal_hold:
            caller.require(Permission.MACHINES_HOLD)
        # Whoever may not see a value must not make the next one visible to everybody.
        if set(before.sealed_metadata) - set(changes.get("sensitive_metadata", before.sealed_metadata)):
            caller.require(Permission.SENSITIVE_METADATA_READ)
        metadata, sealed = self._sealer.split(machine_id, before.metadata, before.sealed_metadata, changes)
        stored = {name: value for name, value in changes.items() if name != "sensitive_metadata"}
        stored |= {"metadata": metadata, "sealed_metadata": sealed}
        machine = before.changed(stored, self._clock.now())
        await unit.machines.update(machine)
        await self._publish(unit, machine)
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "machine.updated",
            "machine",
            machine.id,
            before=_audited(before, changes, also_hidden=machine.sealed_metadata),
            after=_audited(machine, changes),
        )
        return machine

    async def remove(self, unit: Unit, caller: Caller, machine_id: UUID) -> DeletionRequested:
        """Delete the machine, and request the deletion of everything that other services have of it.

        Raises MachineNotFound, OnLegalHold.
        """
        machine = await unit.machines.lock(machine_id)
        if machine is None:
            raise MachineNotFound(machine_id)
        if machine.legal_hold:
            raise OnLegalHold(machine_id)
        await unit.machines.delete(machine_id)
        deletion = await self._deletions.add(
            unit.outbox,
            "machine",
            machine_id,
            organization_id=caller.organization_id,
            requested_by=caller.user_id,
        )
        gone = tombstone(
            machine_id, machine.status, machine.version + 1, self._clock.now(), deletion.deletion_id
        )
        await unit.outbox.add(MACHINE_CHANGED, machine_id, gone, organization_id=machine.organization_id)
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "machine.deleted",
            "machine",
            machine_id,
            before={"name": machine.name},
            after={"deletion_id": deletion.deletion_id},
        )
        return deletion

    async def note_analysis(self, unit: Unit, machine_id: UUID, at: datetime) -> None:
        await unit.machines.note_analysis(machine_id, at)

    @staticmethod
    async def _publish(unit: Unit, machine: Machine) -> None:
        await unit.outbox.add(
            MACHINE_CHANGED, machine.id, state(machine), organization_id=machine.organization_id
        )


def _audited(
    machine: Machine, fields: Collection[str], *, also_hidden: Collection[str] = ()
) -> dict[str, Any]:
    """The given fields of the machine as the audit trail shows them: without sensitive values."""
    audited = {name: getattr(machine, name) for name in fields if name != "sensitive_metadata"}
    if "metadata" in fields or "sensitive_metadata" in fields:
        hidden = {*machine.sealed_metadata, *(name for name in also_hidden if name in machine.metadata)}
        audited["metadata"] = {**machine.metadata, **dict.fromkeys(hidden, HIDDEN)}
    return audited
