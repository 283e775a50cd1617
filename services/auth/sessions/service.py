"""Sessions: started by a sign-in, continued with refresh tokens, ended by their user."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.auth.database.unit import Unit
from services.auth.errors import AccountClosed, SessionEnded, SessionNotFound
from services.auth.opaque_tokens import TOKEN_BYTES, token_hash
from services.auth.sessions import succession
from services.auth.sessions.admission import admitted
from services.auth.sessions.domain import MAX_AGENT_LENGTH, Client, Grant, RefreshToken, TokenState
from services.auth.sessions.methods import Method
from services.auth.standing.endings import end_session, end_sessions
from services.auth.users.domain import User
from shared.access import Scope
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.http.pages import PageRequest, Slice


class SessionService:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        *,
        idle_timeout: timedelta,
        max_lifetime: timedelta,
    ) -> None:
        """A session ends when it is unused for `idle_timeout`, and `max_lifetime` after the sign-in."""
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._idle_timeout = idle_timeout
        self._max_lifetime = max_lifetime

    async def start(
        self,
        unit: Unit,
        user: User,
        client: Client,
        methods: Sequence[Method],
        changes: Mapping[str, Any] | None = None,
    ) -> Grant:
        """Start a session of a user authenticated by `methods`; `changes` add to what the trail says.

        Raises AccountClosed, if the account was closed since it was looked up.
        """
        await unit.act_as(Scope(user_id=user.id))
        now = self._clock.now()
        locked = await unit.users.lock(user.id)
        if locked is None or not locked.is_active:
            raise AccountClosed
        user = replace(locked, last_login=now)
        await unit.users.update(user)
        session_id = self._new_id()
        how = {"methods": list(methods), **(changes or {})}
        await self._audit(unit, "user.logged_in", user.id, session_id, how)
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        return await self._grant(unit, user, session_id, now, client, secret, methods)

    async def refresh(self, unit: Unit, refresh_token: str, client: Client) -> Grant | SessionEnded:
        """Exchange a refresh token for a new pair. Repeated within the grace, it gets the same refresh token.

        Later reuse ends the session: either user may be the thief.
        """
        found = await unit.sessions.find(token_hash(refresh_token))
        user = await unit.users.lock(found.user_id) if found else None
        # Read again: before the lock was ours, another request may have used the token.
        token = await unit.sessions.find(token_hash(refresh_token))
        if token is None or user is None:
            return SessionEnded()
        await unit.act_as(Scope(user_id=user.id))
        now = self._clock.now()
        state = token.state(now)
        if state is TokenState.REUSED:
            await end_session(unit, token.family_id, now)
            await self._audit(unit, "session.reuse_detected", user.id, token.family_id)
        if state not in (TokenState.LIVE, TokenState.RESPONSE_LOST) or not user.is_active:
            return SessionEnded()
        if state is TokenState.RESPONSE_LOST:
            successor = await self._successor(unit, token, refresh_token, now)
            if successor is not None:
                return await _granted(unit, user, token, successor)
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        # A token whose successor cannot be told again uses that up: if it is presented later, it was stolen.
        sealed = succession.seal(refresh_token, secret) if state is TokenState.LIVE else None
        await unit.sessions.rotate(token.family_id, now, sealed)
        return await self._grant(
            unit, user, token.family_id, token.signed_in_at, client, secret, token.methods
        )

    async def _successor(self, unit: Unit, token: RefreshToken, secret: str, now: datetime) -> str | None:
        """The family's valid token, from one that was rotated moments ago; None if it cannot be told."""
        while token.sealed_successor is not None:
            successor = succession.unseal(secret, token.sealed_successor)
            found = await unit.sessions.find(token_hash(successor)) if successor else None
            if successor is None or found is None:
                return None
            token, secret = found, successor
            if token.state(now) is TokenState.LIVE:
                return secret
        return None

    async def sign_out(self, unit: Unit, refresh_token: str) -> None:
        """End the token's session, if there is one."""
        found = await unit.sessions.find(token_hash(refresh_token))
        # Locked before anything is ended, as in `refresh`: a successor made meanwhile would not end.
        user = await unit.users.lock(found.user_id) if found else None
        token = await unit.sessions.find(token_hash(refresh_token))
        if token is None or user is None or token.state(self._clock.now()) is TokenState.ENDED:
            return
        await end_session(unit, token.family_id, self._clock.now())
        await self._audit(unit, "user.logged_out", token.user_id, token.family_id)

    async def list(self, unit: Unit, user_id: UUID, page: PageRequest) -> Slice[RefreshToken]:
        return await unit.sessions.live(user_id, self._clock.now(), page)

    async def end(self, unit: Unit, user_id: UUID, session_id: UUID) -> None:
        """Raises SessionNotFound."""
        await unit.users.lock(user_id)
        now = self._clock.now()
        if await unit.sessions.live_one(user_id, session_id, now) is None:
            raise SessionNotFound(session_id)
        await end_session(unit, session_id, now)
        await self._audit(unit, "session.ended", user_id, session_id)

    async def end_others(self, unit: Unit, user_id: UUID, kept: UUID | None) -> None:
        await unit.users.lock(user_id)
        await end_sessions(unit, user_id, self._clock.now(), kept=kept)
        await self._audit(unit, "session.others_ended", user_id, kept)

    async def _grant(
        self,
        unit: Unit,
        user: User,
        family_id: UUID,
        signed_in_at: datetime,
        client: Client,
        secret: str,
        methods: Sequence[Method],
    ) -> Grant:
        now = self._clock.now()
        token = RefreshToken(
            id=self._new_id(),
            user_id=user.id,
            token_hash=token_hash(secret),
            family_id=family_id,
            signed_in_at=signed_in_at,
            created_at=now,
            expires_at=min(now + self._idle_timeout, signed_in_at + self._max_lifetime),
            rotated_at=None,
            revoked_at=None,
            ip_address=client.address,
            user_agent=client.agent[:MAX_AGENT_LENGTH] if client.agent else None,
            methods=tuple(methods),
        )
        await unit.sessions.add(token)
        return await _granted(unit, user, token, secret)

    async def _audit(
        self,
        unit: Unit,
        action: str,
        user_id: UUID,
        session_id: UUID | None,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        await self._auditor.record(
            unit.outbox,
            action,
            user_id=user_id,
            organization_id=None,
            resource_type="session",
            resource_id=session_id,
            changes=changes,
        )


async def _granted(unit: Unit, user: User, token: RefreshToken, secret: str) -> Grant:
    memberships, barred = await admitted(unit, user.id, token.methods)
    return Grant(user, memberships, token.family_id, secret, token.methods, barred)
