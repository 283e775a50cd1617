"""What the replica of the machines must offer."""

from typing import Protocol
from uuid import UUID

from services.analysis.machines.domain import MachineRef


class MachineRefs(Protocol):
    async def get(self, machine_id: UUID) -> MachineRef | None:
        """The replica, which may be a tombstone."""
        ...

    async def hold(self, machine_id: UUID) -> MachineRef | None:
        """The same, and it is not deleted before the transaction ends."""
        ...

    async def keep(self, machine: MachineRef) -> bool:
        """Store it unless something newer is known; tell whether it was stored."""
        ...

    async def forget(self, machine_id: UUID) -> None:
        """Delete everything that belongs to the machine; its objects are noted for deletion."""
        ...
