"""Replicas of machines, members and organizations, which other services own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
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
    location: str | None = None
    model: str | None = None


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


@dataclass(frozen=True, slots=True)
class OrganizationRef:
    """The replica of an organization. `retention` holds its own limits."""

    organization_id: UUID
    retention: Mapping[str, Any]
    version: int
    deleted: bool
    changed_at: datetime
    name: str | None = None
