"""What alerting knows of machines and members, which other services own."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class MachineRef:
    """What alerting knows of a machine. Version 0 was asked for, higher ones came by event."""

    id: UUID
    organization_id: UUID
    name: str
    status: str
    deleted: bool
    version: int


@dataclass(frozen=True, slots=True)
class MemberRef:
    """What alerting knows of a user in an organization; nothing personal of one who left."""

    organization_id: UUID
    user_id: UUID
    email: str | None
    full_name: str | None
    role: str
    is_active: bool
    deleted: bool
    version: int
