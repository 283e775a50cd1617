"""Replicas of machines and members, which other services own."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class MachineRef:
    """The replica of a machine. Version 0 was fetched over HTTP; higher versions came with events."""

    id: UUID
    organization_id: UUID
    name: str
    status: str
    deleted: bool
    version: int
    tags: tuple[str, ...] = ()
    legal_hold: bool = False


@dataclass(frozen=True, slots=True)
class MemberRef:
    """The replica of a member. Personal data is erased when the member leaves."""

    organization_id: UUID
    user_id: UUID
    email: str | None
    full_name: str | None
    role: str
    is_active: bool
    deleted: bool
    version: int
