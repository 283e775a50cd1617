"""Verification of e-mail addresses."""

from dataclasses import replace

from services.auth.database.unit import Unit
from services.auth.errors import AccountClosed, EmailAlreadyVerified
from services.auth.mail.messages import MessageWriter
from services.auth.one_time_tokens.domain import Purpose
from services.auth.one_time_tokens.service import OneTimeTokens
from services.auth.users.domain import User
from services.auth.verification.domain import MIN_VERIFICATION_INTERVAL, VERIFICATION_LIFETIME
from shared.access import Identity
from shared.audit import Auditor
from shared.clock import Clock


class VerificationService:
    def __init__(
        self, clock: Clock, auditor: Auditor, tokens: OneTimeTokens, messages: MessageWriter
    ) -> None:
        self._clock = clock
        self._auditor = auditor
        self._tokens = tokens
        self._messages = messages

    async def issue(self, unit: Unit, user: User) -> str:
        """Create a token, to be sent with `send`."""
        return await self._tokens.issue(unit, user, Purpose.VERIFY_EMAIL, VERIFICATION_LIFETIME)

    async def send(self, unit: Unit, user: User, token: str) -> None:
        await self._messages.verification(unit, user, token)
        await self._audit(unit, "user.verification_sent", user)

    async def remind(self, unit: Unit, user: User) -> None:
        """Send a new link, unless one has just been sent."""
        if not await self._tokens.count_recent(unit, user, Purpose.VERIFY_EMAIL, MIN_VERIFICATION_INTERVAL):
            await self.send(unit, user, await self.issue(unit, user))

    async def resend(self, unit: Unit, identity: Identity) -> None:
        """The same for a user who is signed in. Raises AccountClosed, EmailAlreadyVerified."""
        user = await unit.users.lock(identity.user_id)
        if user is None or not user.is_active:
            raise AccountClosed
        if user.email_verified:
            raise EmailAlreadyVerified
        await self.remind(unit, user)

    async def verify(self, unit: Unit, token: str) -> None:
        """Raises InvalidLink."""
        user = await self._tokens.redeem(unit, token, Purpose.VERIFY_EMAIL)
        await self.mark_verified(unit, user)

    async def mark_verified(self, unit: Unit, user: User) -> User:
        """Note that mail to the address is read: the user followed a link that was sent to it."""
        if user.email_verified:
            return user
        user = replace(user, email_verified=True, updated_at=self._clock.now())
        await unit.users.update(user)
        await unit.one_time.revoke(user.id, Purpose.VERIFY_EMAIL)
        await self._audit(unit, "user.email_verified", user)
        return user

    async def _audit(self, unit: Unit, action: str, user: User) -> None:
        await self._auditor.record(
            unit.outbox,
            action,
            user_id=user.id,
            organization_id=None,
            resource_type="user",
            resource_id=user.id,
        )
