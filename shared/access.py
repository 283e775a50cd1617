"""Roles, permissions, and the caller of a request. Only this module grants permissions to roles."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from uuid import UUID

from shared.errors import BadRequest, Forbidden


class Role(IntEnum):
    """Roles in an organization. A role has all permissions of the lower roles."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3
    OWNER = 4

    @classmethod
    def parse(cls, name: str) -> "Role":
        """Parse a stored role; the specification's `member` means viewer. Raises ValueError if unknown."""
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
    ORGANIZATION_DELETE = "organization:delete"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    API_KEYS_WRITE = "api-keys:write"
    AUDIT_READ = "audit:read"
    FEED_WRITE = "feed:write"
    MACHINES_READ = "machines:read"
    MACHINES_WRITE = "machines:write"
    MACHINES_DELETE = "machines:delete"
    SENSITIVE_METADATA_READ = "sensitive-metadata:read"
    MACHINES_HOLD = "machines:hold"
    CONFIGS_READ = "configs:read"
    CONFIGS_WRITE = "configs:write"
    ANALYSES_READ = "analyses:read"
    ANALYSES_WRITE = "analyses:write"
    ANALYSES_DELETE = "analyses:delete"
    ANALYSES_ARCHIVE = "analyses:archive"
    ANOMALIES_READ = "anomalies:read"
    ANOMALIES_ACKNOWLEDGE = "anomalies:acknowledge"
    ALERT_RULES_READ = "alert-rules:read"
    ALERT_RULES_WRITE = "alert-rules:write"
    WEBHOOK_ADDRESSES_READ = "webhook-addresses:read"
    ALERTS_READ = "alerts:read"
    ALERTS_WRITE = "alerts:write"
    STREAM_READ = "stream:read"
    QUOTAS_READ = "quotas:read"


MIN_ROLE: Mapping[Permission, Role] = {
    Permission.ORGANIZATION_READ: Role.VIEWER,
    Permission.ORGANIZATION_WRITE: Role.ADMIN,
    Permission.ORGANIZATION_DELETE: Role.OWNER,
    Permission.MEMBERS_READ: Role.VIEWER,
    Permission.MEMBERS_WRITE: Role.ADMIN,
    Permission.API_KEYS_WRITE: Role.ADMIN,
    Permission.AUDIT_READ: Role.ADMIN,
    Permission.FEED_WRITE: Role.ADMIN,
    Permission.MACHINES_READ: Role.VIEWER,
    Permission.MACHINES_WRITE: Role.OPERATOR,
    Permission.MACHINES_DELETE: Role.ADMIN,
    # Such as the password of a controller. Lower roles see only the names.
    Permission.SENSITIVE_METADATA_READ: Role.ADMIN,
    Permission.MACHINES_HOLD: Role.ADMIN,
    Permission.CONFIGS_READ: Role.VIEWER,
    Permission.CONFIGS_WRITE: Role.ADMIN,
    Permission.ANALYSES_READ: Role.VIEWER,
    Permission.ANALYSES_WRITE: Role.OPERATOR,
    Permission.ANALYSES_DELETE: Role.ADMIN,
    Permission.ANALYSES_ARCHIVE: Role.OPERATOR,
    Permission.ANOMALIES_READ: Role.VIEWER,
    Permission.ANOMALIES_ACKNOWLEDGE: Role.OPERATOR,
    Permission.ALERT_RULES_READ: Role.VIEWER,
    Permission.ALERT_RULES_WRITE: Role.ADMIN,
    # The path or query of a webhook address often contains a key. Lower roles see only the host.
    Permission.WEBHOOK_ADDRESSES_READ: Role.ADMIN,
    Permission.ALERTS_READ: Role.VIEWER,
    Permission.ALERTS_WRITE: Role.OPERATOR,
    Permission.STREAM_READ: Role.VIEWER,
    Permission.QUOTAS_READ: Role.ADMIN,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a database transaction may see. Row-level security reads both ids from transaction settings."""

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
    # The caller's token, forwarded when a service calls another one on the caller's behalf.
    token: str = field(repr=False)
    # Memberships claimed by the token, for services that need more than the active organization.
    memberships: Mapping[UUID, Role] = field(default_factory=dict)
    # The API key of the request, if it has one. `user_id` is then the user who created the key.
    api_key_id: UUID | None = None
    session_id: UUID | None = None
    # Of the token, in seconds since the epoch.
    expires_at: float = float("inf")
    # Of the memberships in the token.
    versions: Mapping[UUID, int] = field(default_factory=dict)
    # What the sign-in did not have, of all that organizations may demand of one.
    lacks: frozenset[str] = frozenset()

    @property
    def scope(self) -> Scope:
        return Scope(organization_id=self.organization_id, user_id=self.user_id)

    def may(self, permission: Permission) -> bool:
        """Whether the role has `permission`. The answer may then hold what others must not see."""
        if self.role < MIN_ROLE[permission]:
            return False
        if (noted := _used.get(None)) is not None:
            noted.append((self.organization_id, permission))
        return True

    def require(self, permission: Permission) -> None:
        """Raise Forbidden when the caller's role lacks `permission`."""
        if not self.may(permission):
            minimum = MIN_ROLE[permission]
            raise Forbidden(
                f"This needs the role {minimum.label} or higher; your role here is {self.role.label}."
                " Ask an administrator of the organization."
            )


class SignInTooWeak(Forbidden):
    """`demand` is what the organization asks of sign-ins: single-sign-on or second-factor."""

    code = "sign-in-too-weak"

    def __init__(self, demand: str) -> None:
        how = (
            "Sign in through the sign-in provider."
            if demand == "single-sign-on"
            else "Add a second factor to your account and sign in with it."
        )
        super().__init__(f"The organization requires a stronger sign-in than yours. {how}")


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified user, before an organization is chosen."""

    user_id: UUID
    email: str
    full_name: str
    memberships: Mapping[UUID, Role]
    session_id: UUID | None
    token: str = field(repr=False)
    # Seconds since the epoch. A connection that outlives its request, such as an event stream, ends then.
    expires_at: float = float("inf")
    # Set if the caller uses an API key. The user is then the one who created the key.
    api_key_id: UUID | None = None
    # What this sign-in did not have, of all that organizations may demand of one.
    lacks: frozenset[str] = frozenset()
    # Organizations of the user that demand more of a sign-in than this one had, and what it lacks.
    barred: Mapping[UUID, str] = field(default_factory=dict)
    # Of each membership, when the token was issued: an older change than that is part of the token.
    versions: Mapping[UUID, int] = field(default_factory=dict)

    def in_organization(self, requested: UUID | None) -> Caller:
        """The caller in the requested organization, or in the only organization of the user."""
        if requested is not None and requested in self.barred:
            raise SignInTooWeak(self.barred[requested])
        if requested is None:
            if not self.memberships and self.barred:
                raise SignInTooWeak(next(iter(self.barred.values())))
            if len(self.memberships) != 1:
                raise BadRequest(
                    "You belong to several organizations: choose one with the header X-Organization-Id."
                    if self.memberships
                    else "You belong to no organization: create one, or accept an invitation."
                )
            requested = next(iter(self.memberships))
        if requested not in self.memberships:
            raise Forbidden(
                "You are not a member of the organization in X-Organization-Id. If you have just joined it,"
                " refresh your token."
            )
        return Caller(
            user_id=self.user_id,
            email=self.email,
            full_name=self.full_name,
            organization_id=requested,
            role=self.memberships[requested],
            token=self.token,
            memberships=self.memberships,
            api_key_id=self.api_key_id,
            session_id=self.session_id,
            expires_at=self.expires_at,
            versions=self.versions,
            lacks=self.lacks,
        )


_used: ContextVar[list[tuple[UUID, Permission]]] = ContextVar("used")


@contextmanager
def noting_used() -> Iterator[list[tuple[UUID, Permission]]]:
    """Yield a list that collects the permissions used within the block, with their organization."""
    noted: list[tuple[UUID, Permission]] = []
    token = _used.set(noted)
    try:
        yield noted
    finally:
        _used.reset(token)
