"""Signing in with e-mail address and password."""

from typing import Protocol
from uuid import UUID

from services.auth.database.unit import Unit
from services.auth.errors import EmailNotVerified, WrongCredentials
from services.auth.mail.messages import MessageWriter
from services.auth.passwords.hashing import PasswordHasher
from services.auth.second_factor.entrance import Entrance
from services.auth.second_factor.errors import SecondFactorNeeded
from services.auth.sessions.domain import Client, Grant
from services.auth.sessions.methods import Method
from services.auth.sign_in.policy import SignInPolicy
from services.auth.sign_in.throttle import Throttle
from services.auth.users.domain import PasswordCheck, User
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
        entrance: Entrance,
        messages: MessageWriter,
        policy: SignInPolicy,
        reminder: Reminder | None = None,
    ) -> None:
        """With a `reminder`, users must verify their address before they can sign in; it reminds them."""
        self._clock = clock
        self._auditor = auditor
        self._hasher = hasher
        self._throttle = throttle
        self._entrance = entrance
        self._messages = messages
        self._policy = policy
        self._reminder = reminder

    async def admit(self, unit: Unit, email: str, client: Client, device: str | None) -> None:
        """Count the attempt before it is made, in a transaction of its own.

        Raises PasswordSignInDisabled, TooManyAttempts.
        """
        self._policy.require_password_sign_in()
        if await self._throttle.admit_sign_in(unit, email, client, device):
            await self._warn(unit, email)

    async def sign_in(
        self, unit: Unit, email: str, password: str, client: Client, device: str | None
    ) -> Grant | SecondFactorNeeded | WrongCredentials | EmailNotVerified:
        """Start a session, or ask for the second factor.

        An unknown address takes as long and gets the same answer as a wrong password.
        """
        prehash = self._hasher.prehash(password)
        user, check = await self._checked(unit, email, prehash)
        if user is None or not user.is_active or not check.matches:
            await self._auditor.record(
                unit.outbox, "user.login_failed", user_id=user.id if user else None, organization_id=None
            )
            return WrongCredentials()
        if check.cost < self._hasher.cost:
            await unit.users.set_password(user.id, prehash, self._hasher.cost, self._clock.now())
        await self._throttle.signed_in(unit, email, client, device)
        if self._reminder is not None and not user.email_verified:
            await unit.act_as(Scope(user_id=user.id))
            await self._reminder.remind(unit, user)
            await self._auditor.record(
                unit.outbox, "user.login_unverified", user_id=user.id, organization_id=None
            )
            return EmailNotVerified()
        return await self._entrance.enter(unit, user, client, [Method.PASSWORD])

    async def _checked(self, unit: Unit, email: str, prehash: str) -> tuple[User | None, PasswordCheck]:
        """The account and whether the password is right; if so, the account is locked.

        Comparing takes long and is done before that. If the account was changed meanwhile, it is repeated.
        """
        cost = self._hasher.cost
        found = await unit.users.by_email(email)
        check = await unit.users.check_password(found.id if found else None, prehash, cost)
        if found is None or not check.matches:
            return found, check
        locked = await unit.users.lock(found.id)
        if locked is not None and locked.updated_at != found.updated_at:
            check = await unit.users.check_password(locked.id, prehash, cost)
        return locked, check

    async def _warn(self, unit: Unit, email: str) -> None:
        """Tell the owner that somebody guesses. Without an account the same work is done and undone."""
        user = await unit.users.by_email(email)
        owner = user if user is not None and user.is_active else None
        async with unit.savepoint(owner is None):
            await self._messages.guessed(unit, owner.id if owner else UUID(int=0), email)
            await self._auditor.record(
                unit.outbox,
                "user.guessing_noticed",
                user_id=owner.id if owner else None,
                organization_id=None,
            )
