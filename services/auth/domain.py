"""Users, organizations, memberships, sessions and keys, and the rules that need nothing but them."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.access import Role

# An answer lost on the way is asked for again within seconds; a stolen token is used later.
LOST_ANSWER_GRACE = timedelta(seconds=10)
LONGEST_SLUG = 100
# What stands under this name in an organization's settings is sealed, and only its names are shown.
SECRETS = "secrets"
# Everybody who enters the organization reads its row.
MOST_SECRETS = 50
# Typing errors cost nothing; from then on every failure doubles the wait, up to a quarter of an hour.
FREE_FAILURES = 5
LONGEST_WAIT = timedelta(minutes=15)
# Failures are forgotten after a quiet day.
FAILURES_FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class User:
    """An account. The password's hash stays in the database."""

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
class Organization:
    """A tenant. `version` rises with every change and orders the events that tell of it."""

    id: UUID
    name: str
    slug: str
    description: str | None
    industry: str | None
    settings: Mapping[str, Any]
    subscription_tier: str
    is_active: bool
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def public_settings(self) -> dict[str, Any]:
        return {name: value for name, value in self.settings.items() if name != SECRETS}

    @property
    def secret_names(self) -> list[str]:
        return sorted(self.settings.get(SECRETS, {}))

    def changed(self, changes: Mapping[str, Any], now: datetime) -> "Organization":
        """The organization after `changes` (fields by name)."""
        return replace(self, **changes, updated_at=now, version=self.version + 1)


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


@dataclass(frozen=True, slots=True)
class Belonging:
    """An organization with the user's role in it."""

    organization: Organization
    role: Role


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request came from, as far as it is known."""

    address: str | None
    agent: str | None


class TokenState(StrEnum):
    LIVE = "live"
    # Rotated moments ago: its successor may never have reached the client.
    ANSWER_LOST = "answer lost"
    REUSED = "reused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One refresh token, by its hash. Tokens that follow one another are a family, which is the session."""

    id: UUID
    user_id: UUID
    token_hash: str
    family_id: UUID
    signed_in_at: datetime
    created_at: datetime
    expires_at: datetime
    rotated_at: datetime | None
    revoked_at: datetime | None
    ip_address: str | None
    user_agent: str | None

    def state(self, now: datetime) -> TokenState:
        if self.revoked_at is not None or self.expires_at <= now:
            return TokenState.ENDED
        if self.rotated_at is None:
            return TokenState.LIVE
        return TokenState.ANSWER_LOST if now - self.rotated_at <= LOST_ANSWER_GRACE else TokenState.REUSED


@dataclass(frozen=True, slots=True)
class Grant:
    """What a successful sign-in or refresh allows."""

    user: User
    memberships: Sequence[Membership]
    session_id: UUID
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """`expires_in` is the access token's lifetime in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair in JWK form, the private half encrypted. `verifies_until` is None while no successor is."""

    id: str
    public_jwk: Mapping[str, Any]
    private_jwk: str
    created_at: datetime
    signs_from: datetime
    verifies_until: datetime | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    id: UUID
    user_id: UUID | None
    organization_id: UUID | None
    action: str
    resource_type: str | None
    resource_id: UUID | None
    changes: Mapping[str, Any] | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    api_key_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """`since` is included, `until` is not."""

    user_id: UUID | None = None
    action: str | None = None
    resource_type: str | None = None
    resource_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    api_key_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """`cost` is the bcrypt cost of the stored hash."""

    matches: bool
    cost: int


def wait_after(failures: int) -> timedelta:
    """How long the next try must wait after so many failures in a row."""
    if failures < FREE_FAILURES:
        return timedelta()
    # The exponent is bounded so that no count of failures overflows.
    return min(timedelta(seconds=2.0 ** min(failures - FREE_FAILURES, 16)), LONGEST_WAIT)


def slug_of(name: str) -> str:
    """A name for addresses: lower-case ASCII letters, digits and single hyphens; never empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_SLUG].strip("-") or "organization"
