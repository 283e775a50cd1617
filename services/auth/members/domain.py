"""Memberships."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.access import Role


@dataclass(frozen=True, slots=True)
class Membership:
    """A user's role in an organization. `version` increases over all memberships, also after one ended.

    One that is not active gives no access; an administrator of the organization has taken it away.
    """

    id: UUID
    user_id: UUID
    organization_id: UUID
    role: Role
    joined_at: datetime
    version: int
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Member:
    """A membership, with what the organization may see of the user.

    `is_active` is false as well while the account is closed.
    """

    membership: Membership
    email: str
    full_name: str
    is_active: bool
