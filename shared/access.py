"""Who may do what: roles, permissions, the caller of a request. Only here does a role get a right."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from uuid import UUID

from shared.errors import Forbidden


class Role(IntEnum):
    """Roles in an organization; a higher one has every right of those below."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3
    OWNER = 4

    @classmethod
    def parse(cls, name: str) -> "Role":
        """Read a stored role; the specification's `member` reads as viewer. Raises ValueError on others."""
        if name == "member":
            return cls.VIEWER
        try:
            return cls[name.upper()]
        except KeyError:
            raise ValueError(f"unknown role {name!r}: use owner, admin, operator or viewer") from None

    @property
    def label(self) -> str:
        return self.name.lower()


class Permission(StrEnum):
    ORGANIZATION_READ = "organization:read"
    ORGANIZATION_WRITE = "organization:write"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    API_KEYS_WRITE = "api-keys:write"
    AUDIT_READ = "audit:read"
    MACHINES_READ = "machines:read"
    MACHINES_WRITE = "machines:write"
    MACHINES_DELETE = "machines:delete"
    CONFIGS_READ = "configs:read"
    CONFIGS_WRITE = "configs:write"
    ANALYSES_READ = "analyses:read"
    ANALYSES_WRITE = "analyses:write"
    ANOMALIES_READ = "anomalies:read"
    ANOMALIES_ACKNOWLEDGE = "anomalies:acknowledge"
    ALERT_RULES_READ = "alert-rules:read"
    ALERT_RULES_WRITE = "alert-rules:write"
    WEBHOOK_ADDRESSES_READ = "webhook-addresses:read"
    ALERTS_READ = "alerts:read"
    ALERTS_WRITE = "alerts:write"
    STREAM_READ = "stream:read"


MIN_ROLE: Mapping[Permission, Role] = {
    Permission.ORGANIZATION_READ: Role.VIEWER,
    Permission.ORGANIZATION_WRITE: Role.ADMIN,
    Permission.MEMBERS_READ: Role.VIEWER,
    Permission.MEMBERS_WRITE: Role.ADMIN,
    Permission.API_KEYS_WRITE: Role.ADMIN,
    Permission.AUDIT_READ: Role.ADMIN,
    Permission.MACHINES_READ: Role.VIEWER,
    Permission.MACHINES_WRITE: Role.OPERATOR,
    Permission.MACHINES_DELETE: Role.ADMIN,
    Permission.CONFIGS_READ: Role.VIEWER,
    Permission.CONFIGS_WRITE: Role.ADMIN,
    Permission.ANALYSES_READ: Role.VIEWER,
    Permission.ANALYSES_WRITE: Role.OPERATOR,
    Permission.ANOMALIES_READ: Role.VIEWER,
    Permission.ANOMALIES_ACKNOWLEDGE: Role.OPERATOR,
    Permission.ALERT_RULES_READ: Role.VIEWER,
    Permission.ALERT_RULES_WRITE: Role.ADMIN,
    # The path or query of a webhook's address often holds a key; others see its host.
    Permission.WEBHOOK_ADDRESSES_READ: Role.ADMIN,
    Permission.ALERTS_READ: Role.VIEWER,
    Permission.ALERTS_WRITE: Role.OPERATOR,
    Permission.STREAM_READ: Role.VIEWER,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a database transaction may see: row-level security reads both from the transaction's settings."""

    organization_id: UUID | None = None
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified user acting in one organization."""

    user_id: UUID
    email: str
    full_name: str
    organization_id: UUID
    role: Role
    # The caller's own token, handed on when a service must ask another one on the caller's behalf.
    token: str = field(repr=False)
    # Claims of the token, for the services that need more than the above (sessions, memberships).
    memberships: Mapping[UUID, Role] = field(default_factory=dict)
    # The API key that the request came with; `user_id` is then the user who made it.
    api_key_id: UUID | None = None

    @property
    def scope(self) -> Scope:
        return Scope(organization_id=self.organization_id, user_id=self.user_id)

    def may(self, permission: Permission) -> bool:
        return self.role >= MIN_ROLE[permission]

    def require(self, permission: Permission) -> None:
        """Raise Forbidden when the caller's role lacks `permission`."""
        least = MIN_ROLE[permission]
        if not self.may(permission):
            raise Forbidden(
                f"This needs the role {least.label} or higher; your role here is {self.role.label}."
                " Ask an administrator of the organization."
            )
        if (noted := _required.get(None)) is not None:
            noted.append((self.organization_id, permission))


_required: ContextVar[list[tuple[UUID, Permission]]] = ContextVar("required")


@contextmanager
def noting_required() -> Iterator[list[tuple[UUID, Permission]]]:
    """Gives the list that fills with what is required of callers within the block, by organization."""
    noted: list[tuple[UUID, Permission]] = []
    token = _required.set(noted)
    try:
        yield noted
    finally:
        _required.reset(token)
