"""Signing in with e-mail address and password."""

from typing import Protocol

from services.auth.database.unit import Unit
from services.auth.errors import EmailNotVerified, WrongCredentials
from services.auth.passwords.hashing import PasswordHasher
from services.auth.sessions.domain import Client, Grant
from services.auth.sessions.service import SessionService
from services.auth.sign_in.throttle import Throttle
from services.auth.users.domain import User
from shared.access import Scope
from shared.audit import Auditor
from shared.clock import Clock


class Reminder(Protocol):
    async def remind(self, unit: Unit, user: User, /) -> None:
        """Send a link to verify the address, unless one has just been sent."""
        ...


class SignInService:
    def __init__(
        self,
        clock: Clock,
        auditor: Auditor,
        hasher: PasswordHasher,
        throttle: Throttle,
        sessions: SessionService,
        reminder: Reminder | None = None,
    ) -> None:
        """With a `reminder`, users must verify their address before they can sign in; it reminds them."""
        self._clock = clock
        self._auditor = auditor
        self._hasher = hasher
        self._throttle = throttle
        self._sessions = sessions
        self._reminder = reminder

    async def admit(self, unit: Unit, email: str, client: Client) -> None:
        """Count the attempt before it is made, in a transaction of its own. Raises TooManyAttempts."""
        await self._throttle.admit(unit, email, client)

    async def sign_in(
        self, unit: Unit, email: str, password: str, client: Client
    ) -> Grant | WrongCredentials | EmailNotVerified:
        """Start a session. An unknown address takes as long and gets the same answer as a wrong password."""
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
        return await self._sessions.start(unit, user, client)
