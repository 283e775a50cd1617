"""Values for the tests of repositories."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from services.auth.database.unit import Unit
from services.auth.invitations.domain import Invitation
from services.auth.mail.domain import StoredMessage
from services.auth.members.domain import Membership
from services.auth.one_time_tokens.domain import OneTimeToken, Purpose
from services.auth.organizations.domain import Organization
from services.auth.sessions.domain import RefreshToken
from services.auth.users.domain import User
from shared.access import Role

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COST = 4
# Before anything that a running service may have stored.
LONG_AGO = NOW - timedelta(days=3650)


def a_user() -> User:
    return User(uuid4(), f"{uuid4().hex}@example.org", "Ada", "user", True, False, None, NOW, NOW)


def an_organization() -> Organization:
    slug = f"plant-{uuid4().hex}"
    return Organization(uuid4(), "Plant", slug, None, None, {}, "free", True, NOW, NOW, 1)


def a_refresh_token(user: User, family_id: UUID | None = None, **changes: object) -> RefreshToken:
    token = RefreshToken(
        id=uuid4(),
        user_id=user.id,
        token_hash=uuid4().hex,
        family_id=family_id or uuid4(),
        signed_in_at=NOW,
        created_at=NOW,
        expires_at=NOW + timedelta(days=1),
        rotated_at=None,
        revoked_at=None,
        ip_address="192.0.2.1",
        user_agent="test",
    )
    return replace(token, **changes)  # type: ignore[arg-type]


def a_message() -> StoredMessage:
    return StoredMessage(uuid4(), "test", "key.sealed", NOW + MINUTE, NOW)


def a_one_time_token(user: User, purpose: Purpose = Purpose.VERIFY_EMAIL) -> OneTimeToken:
    return OneTimeToken(uuid4(), user.id, purpose, uuid4().hex, NOW, NOW + MINUTE)


def an_invitation(organization: Organization, inviter: User) -> Invitation:
    return Invitation(
        id=uuid4(),
        organization_id=organization.id,
        email=f"{uuid4().hex}@example.org",
        role=Role.OPERATOR,
        token_hash=uuid4().hex,
        invited_by=inviter.id,
        created_at=NOW,
        expires_at=NOW + MINUTE,
    )


async def an_owned_organization(unit: Unit, user: User, organization: Organization) -> Membership:
    """Store both, and the user as owner."""
    await unit.users.add(user, "prehash", COST)
    await unit.organizations.add(organization)
    return await unit.memberships.add(
        Membership(uuid4(), user.id, organization.id, Role.OWNER, NOW, version=0)
    )
