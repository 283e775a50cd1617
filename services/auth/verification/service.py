"""Showing that an address is one's own."""

from dataclasses import replace

from services.auth.database.unit import Unit
from services.auth.errors import AccountClosed, EmailVerified
from services.auth.mail.letters import LetterWriter
from services.auth.one_time_tokens.domain import Purpose
from services.auth.one_time_tokens.service import OneTimeTokens
from services.auth.users.domain import User
from services.auth.verification.domain import VERIFICATION_LIFETIME, VERIFICATION_PAUSE
from shared.audit import Auditor
from shared.clock import Clock
from shared.tokens import Identity


class VerificationService:
    def __init__(self, clock: Clock, auditor: Auditor, tokens: OneTimeTokens, letters: LetterWriter) -> None:
        self._clock = clock
        self._auditor = auditor
        self._tokens = tokens
        self._letters = letters

    async def issue(self, unit: Unit, user: User) -> str:
        """A token to be sent with `tell`."""
        return await self._tokens.issue(unit, user, Purpose.VERIFY_EMAIL, VERIFICATION_LIFETIME)

    async def tell(self, unit: Unit, user: User, token: str) -> None:
        await self._letters.verification(unit, user, token)
        await self._audit(unit, "user.verification_sent", user)

    async def remind(self, unit: Unit, user: User) -> None:
        """Send another link, unless one has just been sent."""
        if not await self._tokens.lately(unit, user, Purpose.VERIFY_EMAIL, VERIFICATION_PAUSE):
            await self.tell(unit, user, await self.issue(unit, user))

    async def send_again(self, unit: Unit, identity: Identity) -> None:
        """The same for somebody who is signed in. Raises EmailVerified."""
        user = await unit.users.lock(identity.user_id)
        if user is None or not user.is_active:
            raise AccountClosed
        if user.email_verified:
            raise EmailVerified
        await self.remind(unit, user)

    async def verify(self, unit: Unit, token: str) -> None:
        """Raises InvalidLink."""
        user = await self._tokens.redeem(unit, token, Purpose.VERIFY_EMAIL)
        await self.verified(unit, user)

    async def verified(self, unit: Unit, user: User) -> User:
        """Note that a letter to the address was read: by this link or by another one that was sent there."""
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
