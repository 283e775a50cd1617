"""Accounts."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

# The role of the installation's administrators, which the command line grants.
ADMINISTRATOR = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """An account. The password hash stays in the database."""

    id: UUID
    email: str
    full_name: str
    role: str
    is_active: bool
    email_verified: bool
    last_login: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """`cost` is the bcrypt cost of the stored hash."""

    matches: bool
    cost: int
