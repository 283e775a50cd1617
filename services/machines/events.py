"""The states of machines that are published."""

from datetime import datetime
from uuid import UUID

from services.machines.domain import Machine
from shared.events.machines import MachineChanged


def state(machine: Machine) -> MachineChanged:
    return MachineChanged(
        machine_id=machine.id,
        name=machine.name,
        model=machine.model,
        serial_number=machine.serial_number,
        location=machine.location,
        status=machine.status,
        metadata=dict(machine.metadata),
        tags=machine.tags,
        legal_hold=machine.legal_hold,
        version=machine.version,
        changed_at=machine.updated_at,
    )


def tombstone(
    machine_id: UUID, status: str, version: int, now: datetime, deletion_id: UUID
) -> MachineChanged:
    """What stays of a deleted machine on the topic: nothing that describes it."""
    return MachineChanged(
        machine_id=machine_id,
        name="",
        model=None,
        serial_number=None,
        location=None,
        status=status,
        metadata={},
        deleted=True,
        version=version,
        changed_at=now,
        deletion_id=deletion_id,
    )
