"""Events of the auth service, and `audit.recorded`, which every service sends to it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from shared.events.base import EVERY_SERVICE, Payload, Topic
from shared.retention import OwnRetention


class OrganizationChanged(Payload):
    """`retention` holds the organization's own limits; null is the installation's limit.

    `demands` are what members' sign-ins need to act in the organization: single-sign-on, second-factor.
    """

    organization_id: UUID
    name: str
    slug: str
    is_active: bool
    deleted: bool = False
    version: int
    changed_at: datetime
    retention: OwnRetention = Field(default_factory=OwnRetention)
    demands: list[str] = Field(default_factory=list)


class MembershipChanged(Payload):
    organization_id: UUID
    user_id: UUID
    email: str
    full_name: str
    role: str
    is_active: bool
    deleted: bool = False
    version: int
    changed_at: datetime


class AccessEnded(Payload):
    """A session or an API key has ended: access tokens that came from it are refused from now on.

    One of the two ids is set.
    """

    session_id: UUID | None = None
    api_key_id: UUID | None = None
    ended_at: datetime


class AuditRecorded(Payload):
    """One entry of the audit trail. `changes` holds the values before and after, without secrets.

    `api_key_id` is the key that a program acted with, `user_id` then the user who made that key.
    """

    user_id: UUID | None
    action: str
    resource_type: str | None = None
    resource_id: UUID | None = None
    changes: dict[str, Any] | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    occurred_at: datetime
    api_key_id: UUID | None = None


ORGANIZATION_CHANGED = Topic(
    "organization.changed",
    OrganizationChanged,
    producer="auth",
    key="organization_id",
    description="The latest state of an organization.",
    partitions=3,
    compacted=True,
    signed_by=lambda _: ("auth",),
)
MEMBERSHIP_CHANGED = Topic(
    "membership.changed",
    MembershipChanged,
    producer="auth",
    key="organization_id:user_id",
    description="The latest state of a user's membership in an organization.",
    partitions=3,
    compacted=True,
    signed_by=lambda _: ("auth",),
)
ACCESS_ENDED = Topic(
    "access.ended",
    AccessEnded,
    producer="auth",
    key="session_id or api_key_id",
    description="A session or an API key has ended before its time.",
    partitions=3,
    signed_by=lambda _: ("auth",),
)
AUDIT_RECORDED = Topic(
    "audit.recorded",
    AuditRecorded,
    producer="every service",
    key="organization_id, or the user's id when there is none",
    description="Somebody signed in or changed something; auth appends it to the audit trail.",
    partitions=3,
    signed_by=lambda _: EVERY_SERVICE,
)
