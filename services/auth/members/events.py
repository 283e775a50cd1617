"""Publishes the state of memberships."""

from datetime import datetime
from uuid import UUID

from services.auth.members.domain import Member
from services.auth.members.domain import Membership as MembershipState
from services.auth.users.domain import User
from shared.access import Role
from shared.events.auth import MEMBERSHIP_CHANGED, MembershipChanged
from shared.kafka.outbox import Outbox


def as_member(user: User, membership: MembershipState) -> Member:
    return Member(membership, user.email, user.full_name, user.is_active and membership.is_active)


async def publish_member(outbox: Outbox, member: Member, at: datetime, *, deleted: bool = False) -> None:
    membership = member.membership
    payload = MembershipChanged(
        organization_id=membership.organization_id,
        user_id=membership.user_id,
        email=member.email,
        full_name=member.full_name,
        role=membership.role.label,
        is_active=member.is_active,
        deleted=deleted,
        version=membership.version,
        changed_at=at,
    )
    key = f"{membership.organization_id}:{membership.user_id}"
    await outbox.add(MEMBERSHIP_CHANGED, key, payload, organization_id=membership.organization_id)


def tombstone(organization_id: UUID, user_id: UUID, version: int, now: datetime) -> MembershipChanged:
    """What stays on the topic of a membership whose organization or user was deleted."""
    return MembershipChanged(
        organization_id=organization_id,
        user_id=user_id,
        email="",
        full_name="",
        role=Role.VIEWER.label,
        is_active=False,
        deleted=True,
        version=version,
        changed_at=now,
    )
