"""The machines this service knows: a replica kept by events, and by asking their owner on a miss."""

from uuid import UUID

from services.analysis.database.unit import PostgresUnits, Unit
from services.analysis.machines.domain import MachineRef
from services.analysis.machines.errors import MachineNotFound
from shared.access import Caller
from shared.clock import Clock
from shared.errors import NotFound
from shared.events.machines import MachineChanged
from shared.http.peers import Peer

# Asked for over HTTP: any event is newer.
ASKED_VERSION = 0


class MachineDirectory:
    def __init__(self, units: PostgresUnits, machines: Peer, clock: Clock) -> None:
        self._units = units
        self._machines = machines
        self._clock = clock

    async def find(self, caller: Caller, machine_id: UUID) -> MachineRef:
        """The machine, also one made a moment ago. Raises MachineNotFound for unknown and foreign ones."""
        async with self._units(caller.scope) as unit:
            known = await unit.machines.get(machine_id)
        if known is None:
            known = await self._ask(caller, machine_id)
            async with self._units(caller.scope) as unit:
                await unit.machines.keep(known)
        if known.deleted:
            raise MachineNotFound(machine_id)
        return known

    async def _ask(self, caller: Caller, machine_id: UUID) -> MachineRef:
        try:
            told = await self._machines.get(f"/api/v1/machines/{machine_id}", caller=caller)
        except NotFound:
            raise MachineNotFound(machine_id) from None
        return MachineRef(
            id=machine_id,
            organization_id=caller.organization_id,
            name=told["name"],
            status=told["status"],
            version=ASKED_VERSION,
            deleted=False,
            changed_at=self._clock.now(),
        )

    async def follow(self, unit: Unit, organization_id: UUID, machine: MachineChanged) -> None:
        """Take over a change. A deleted machine leaves a tombstone, and everything about it goes."""
        stored = await unit.machines.keep(
            MachineRef(
                id=machine.machine_id,
                organization_id=organization_id,
                name=machine.name,
                status=machine.status,
                version=machine.version,
                deleted=machine.deleted,
                changed_at=machine.changed_at,
            )
        )
        if stored and machine.deleted:
            await unit.machines.forget(machine.machine_id)
