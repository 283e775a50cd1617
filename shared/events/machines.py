"""Events of the machines service."""

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.events.base import Payload, Topic


class MachineChanged(Payload):
    """`deletion_id` names the deletion that a deleted machine went with; versions before it have none."""

    machine_id: UUID
    name: str
    model: str | None
    serial_number: str | None
    location: str | None
    status: str
    metadata: dict[str, Any]
    tags: tuple[str, ...] = ()
    legal_hold: bool = False
    deleted: bool = False
    version: int
    changed_at: datetime
    deletion_id: UUID | None = None


MACHINE_CHANGED = Topic(
    "machine.changed",
    MachineChanged,
    producer="machines",
    key="machine_id",
    description="The latest state of a machine. `deleted` is a tombstone, without name and other details.",
    compacted=True,
    signed_by=lambda _: ("machines",),
)
