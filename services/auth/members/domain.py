"""Memberships."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.access import Role


@dataclass(frozen=True, slots=True)
class Membership:
    """A user's place in an organization. `version` rises over all memberships, ended ones included."""

    id: UUID
    user_id: UUID
    organization_id: UUID
    role: Role
    joined_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Member:
    """A membership with what the organization may know about the user."""

    membership: Membership
    email: str
    full_name: str
    is_active: bool
