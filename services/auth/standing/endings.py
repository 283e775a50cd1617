"""Ends sessions and API keys, and tells every service, where tokens that came from them are refused then."""

from datetime import datetime
from uuid import UUID

from services.auth.api_keys.domain import ApiKey
from services.auth.database.unit import Unit
from services.auth.members.events import as_member, publish_member
from services.auth.users.domain import User
from shared.access import Scope
from shared.events.auth import ACCESS_ENDED, AccessEnded


async def end_session(unit: Unit, session_id: UUID, now: datetime) -> None:
    await unit.sessions.revoke(session_id, now)
    await _session_ended(unit, session_id, now)


async def end_sessions(unit: Unit, user_id: UUID, now: datetime, *, kept: UUID | None = None) -> None:
    """End the sessions of a user, except the one that is kept, and sign-ins that wait for a second factor.

    Lock the user first, so that no session starts or goes on meanwhile.
    """
    await unit.second_factors.end_challenges(user_id)
    for session_id in await unit.sessions.revoke_all(user_id, now, kept=kept):
        await _session_ended(unit, session_id, now)


async def key_ended(unit: Unit, key: ApiKey, now: datetime) -> None:
    """Tell that an API key was deleted."""
    payload = AccessEnded(api_key_id=key.id, ended_at=now)
    await unit.outbox.add(ACCESS_ENDED, key.id, payload, organization_id=key.organization_id)


async def account_changed(unit: Unit, user: User, now: datetime) -> None:
    """Tell the user's organizations what the account is like now; a closed one ends its API keys, too."""
    await unit.act_as(Scope(user_id=user.id))
    for membership in await unit.memberships.renew(user.id):
        await publish_member(unit.outbox, as_member(user, membership), now)


async def _session_ended(unit: Unit, session_id: UUID, now: datetime) -> None:
    payload = AccessEnded(session_id=session_id, ended_at=now)
    await unit.outbox.add(ACCESS_ENDED, session_id, payload, organization_id=None)
