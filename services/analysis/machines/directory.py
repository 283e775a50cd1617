"""Finds machines in the replica, which events keep up to date, or else asks the machines service."""

from uuid import UUID

from services.analysis.database.unit import Unit, Units
from services.analysis.machines.domain import MachineRef
from services.analysis.machines.errors import MachineNotFound
from shared.access import Caller
from shared.clock import Clock
from shared.errors import NotFound
from shared.events.machines import MachineChanged
from shared.http.peers import Peer

# A machine fetched over HTTP: any event is newer.
FETCHED_VERSION = 0


class MachineDirectory:
    def __init__(self, units: Units, machines: Peer, clock: Clock) -> None:
        self._units = units
        self._machines = machines
        self._clock = clock

    async def find(self, caller: Caller, machine_id: UUID) -> MachineRef:
        """Return the machine, even if it was created a moment ago. Raises MachineNotFound."""
        async with self._units(caller.scope) as unit:
            known = await unit.machines.get(machine_id)
        if known is None:
            known = await self._fetch(caller, machine_id)
            async with self._units(caller.scope) as unit:
                await unit.machines.merge(known)
        if known.deleted:
            raise MachineNotFound(machine_id)
        return known

    async def is_on_hold(self, caller: Caller, machine_id: UUID) -> bool:
        """Whether the machines service has it on legal hold by now: the replica may be behind."""
        try:
            return (await self._fetch(caller, machine_id)).legal_hold
        except MachineNotFound:
            return False

    async def _fetch(self, caller: Caller, machine_id: UUID) -> MachineRef:
        try:
            fetched = await self._machines.get(f"/api/v1/machines/{machine_id}", caller=caller)
        except NotFound:
            raise MachineNotFound(machine_id) from None
        return MachineRef(
            id=machine_id,
            organization_id=caller.organization_id,
            name=fetched["name"],
            status=fetched["status"],
            version=FETCHED_VERSION,
            deleted=False,
            changed_at=self._clock.now(),
            model=fetched.get("model"),
            location=fetched.get("location"),
            # A machines service of the previous version answers without them.
            tags=tuple(fetched.get("tags", ())),
            legal_hold=fetched.get("legal_hold", False),
        )

    async def follow(self, unit: Unit, organization_id: UUID, machine: MachineChanged) -> None:
        """Apply a change. A deleted machine becomes a tombstone; the job of its deletion deletes its data."""
        is_newer = await unit.machines.merge(
            MachineRef(
                id=machine.machine_id,
                organization_id=organization_id,
                name=machine.name,
                status=machine.status,
                version=machine.version,
                deleted=machine.deleted,
                changed_at=machine.changed_at,
                model=machine.model,
                location=machine.location,
                tags=machine.tags,
                legal_hold=machine.legal_hold,
            )
        )
        # Without a deletion, the machine was deleted by a version that knew none.
        if is_newer and machine.deleted and machine.deletion_id is None:
            await unit.machines.purge(machine.machine_id)
