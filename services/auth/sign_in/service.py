"""Signing in, staying signed in, signing out."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from services.auth.database.unit import Unit
from services.auth.errors import EmailNotVerified, SessionEnded, SessionNotFound, WrongCredentials
from services.auth.opaque_tokens import TOKEN_BYTES, token_hash
from services.auth.passwords.hashing import PasswordHasher
from services.auth.sessions.domain import RefreshToken, TokenState
from services.auth.sign_in.domain import LONGEST_AGENT, Client, Grant
from services.auth.sign_in.throttle import Throttle
from services.auth.users.domain import User
from shared.access import Scope
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.http.pages import PageRequest, Slice


class Reminder(Protocol):
    async def remind(self, unit: Unit, user: User, /) -> None:
        """Send a link to verify the address with, unless one has just been sent."""
        ...


class SignInService:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        hasher: PasswordHasher,
        throttle: Throttle,
        *,
        idle: timedelta,
        longest: timedelta,
        reminder: Reminder | None = None,
    ) -> None:
        """A session ends when it is not used for `idle`, and `longest` after the sign-in at the latest.

        With a `reminder` only those sign in whose address is verified; it tells the others.
        """
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._hasher = hasher
        self._throttle = throttle
        self._idle = idle
        self._longest = longest
        self._reminder = reminder

    async def admit(self, unit: Unit, email: str, client: Client) -> None:
        """Count the attempt before it is made, in a transaction of its own. Raises TooManyAttempts."""
        await self._throttle.admit(unit, email, client)

    async def sign_in(
        self, unit: Unit, email: str, password: str, client: Client
    ) -> Grant | WrongCredentials | EmailNotVerified:
        """Begin a session. Unknown addresses take as long and get the same answer as wrong passwords."""
        user = await unit.users.by_email(email)
        prehash = self._hasher.prehash(password)
        check = await unit.users.check_password(user.id if user else None, prehash, self._hasher.cost)
        if user is None or not user.is_active or not check.matches:
            await self._auditor.record(
                unit.outbox, "user.login_failed", user_id=user.id if user else None, organization_id=None
            )
            return WrongCredentials()
        if check.cost < self._hasher.cost:
            await unit.users.set_password(user.id, prehash, self._hasher.cost, self._clock.now())
        await self._throttle.succeeded(unit, email, client)
        if self._reminder is not None and not user.email_verified:
            await unit.act_as(Scope(user_id=user.id))
            await self._reminder.remind(unit, user)
            await self._auditor.record(
                unit.outbox, "user.login_unverified", user_id=user.id, organization_id=None
            )
            return EmailNotVerified()
        return await self.begin(unit, user, client)

    async def begin(
        self, unit: Unit, user: User, client: Client, changes: Mapping[str, Any] | None = None
    ) -> Grant:
        """Begin a session for somebody who has shown to be this user; `changes` tell the trail how."""
        await unit.act_as(Scope(user_id=user.id))
        now = self._clock.now()
        user = replace(await unit.users.lock(user.id) or user, last_login=now)
        await unit.users.update(user)
        session_id = self._new_id()
        await self._audit(unit, "user.logged_in", user.id, session_id, changes)
        return await self._grant(unit, user, session_id, now, client)

    async def refresh(self, unit: Unit, refresh_token: str, client: Client) -> Grant | SessionEnded:
        """Exchange a refresh token for a new pair. One used twice ends its session, for either user may be
        the thief."""
        found = await unit.sessions.find(token_hash(refresh_token))
        user = await unit.users.lock(found.user_id) if found else None
        # Read again: until the lock was ours, another request may have used the token.
        token = await unit.sessions.find(token_hash(refresh_token))
        if token is None or user is None:
            return SessionEnded()
        await unit.act_as(Scope(user_id=user.id))
        now = self._clock.now()
        state = token.state(now)
        if state is TokenState.REUSED:
            await unit.sessions.revoke(token.family_id, now)
            await self._audit(unit, "session.reuse_detected", user.id, token.family_id)
        if state not in (TokenState.LIVE, TokenState.ANSWER_LOST) or not user.is_active:
            return SessionEnded()
        # Also the successor whose answer was lost is used up: should it turn up later, it was stolen.
        await unit.sessions.rotate(token.family_id, now)
        return await self._grant(unit, user, token.family_id, token.signed_in_at, client)

    async def sign_out(self, unit: Unit, refresh_token: str) -> None:
        """End the token's session; a token that is not known has none."""
        token = await unit.sessions.find(token_hash(refresh_token))
        if token is None or token.state(self._clock.now()) is TokenState.ENDED:
            return
        await unit.sessions.revoke(token.family_id, self._clock.now())
        await self._audit(unit, "user.logged_out", token.user_id, token.family_id)

    async def sessions(self, unit: Unit, user_id: UUID, page: PageRequest) -> Slice[RefreshToken]:
        return await unit.sessions.live(user_id, self._clock.now(), page)

    async def end_session(self, unit: Unit, user_id: UUID, session_id: UUID) -> None:
        now = self._clock.now()
        found = await unit.sessions.live(user_id, now, PageRequest(limit=1), family_id=session_id)
        if not found.items:
            raise SessionNotFound(session_id)
        await unit.sessions.revoke(session_id, now)
        await self._audit(unit, "session.ended", user_id, session_id)

    async def end_other_sessions(self, unit: Unit, user_id: UUID, kept: UUID | None) -> None:
        await unit.sessions.revoke_all(user_id, self._clock.now(), kept=kept)
        await self._audit(unit, "session.others_ended", user_id, kept)

    async def _grant(
        self, unit: Unit, user: User, family_id: UUID, signed_in_at: datetime, client: Client
    ) -> Grant:
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        now = self._clock.now()
        token = RefreshToken(
            id=self._new_id(),
            user_id=user.id,
            token_hash=token_hash(secret),
            family_id=family_id,
            signed_in_at=signed_in_at,
            created_at=now,
            expires_at=min(now + self._idle, signed_in_at + self._longest),
            rotated_at=None,
            revoked_at=None,
            ip_address=client.address,
            user_agent=client.agent[:LONGEST_AGENT] if client.agent else None,
        )
        await unit.sessions.add(token)
        return Grant(user, await unit.memberships.active_of(user.id), family_id, secret)

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
