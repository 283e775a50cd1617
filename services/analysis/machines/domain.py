"""The replica of a machine."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class MachineRef:
    """The replica of a machine. Version 0 was fetched over HTTP; any event is newer."""

    id: UUID
    organization_id: UUID
    name: str
    status: str
    version: int
    deleted: bool
    changed_at: datetime
    model: str | None = None
    location: str | None = None
    tags: tuple[str, ...] = ()
    legal_hold: bool = False
