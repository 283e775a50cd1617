"""Publishes the state of memberships."""

from datetime import datetime

from services.auth.members.domain import Member
from services.auth.members.domain import Membership as MembershipState
from services.auth.users.domain import User
from shared.events.auth import MEMBERSHIP_CHANGED, MembershipChanged
from shared.kafka.outbox import Outbox


def as_member(user: User, membership: MembershipState) -> Member:
    return Member(membership, user.email, user.full_name, user.is_active)


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
