"""The last step of every sign-in: ask for the second factor if there is one, and start the session."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.auth.database.unit import Unit
from services.auth.errors import AccountClosed
from services.auth.mail.messages import MessageWriter
from services.auth.opaque_tokens import TOKEN_BYTES, token_hash
from services.auth.second_factor import codes, totp
from services.auth.second_factor.domain import (
    CHALLENGE_LIFETIME,
    MAX_FAILURES,
    Answer,
    Challenge,
    Factors,
    Purpose,
)
from services.auth.second_factor.errors import ChallengeEnded, SecondFactorNeeded, WrongSecondFactor
from services.auth.second_factor.passkeys import Passkeys
from services.auth.sessions.domain import Client, Grant
from services.auth.sessions.methods import Method, is_multi_factor
from services.auth.sessions.service import SessionService
from services.auth.sign_in.throttle import Throttle
from services.auth.users.domain import User
from shared.access import Scope
from shared.audit import Auditor
from shared.clock import Clock
from shared.crypto import Encryptor


class Entrance:
    def __init__(
        self,
        clock: Clock,
        auditor: Auditor,
        encryptor: Encryptor,
        passkeys: Passkeys,
        throttle: Throttle,
        sessions: SessionService,
        messages: MessageWriter,
    ) -> None:
        self._clock = clock
        self._auditor = auditor
        self._encryptor = encryptor
        self._passkeys = passkeys
        self._throttle = throttle
        self._sessions = sessions
        self._messages = messages

    async def enter(
        self,
        unit: Unit,
        user: User,
        client: Client,
        methods: Sequence[Method],
        changes: Mapping[str, Any] | None = None,
    ) -> Grant | SecondFactorNeeded:
        """Let a user in who was authenticated by `methods`, or ask for what is missing.

        Raises AccountClosed.
        """
        # Locked, so that a factor that is being added is asked for, and what ends access ends this sign-in.
        locked = await unit.users.lock(user.id)
        if locked is None or not locked.is_active:
            raise AccountClosed
        factors = await unit.second_factors.of(user.id)
        if not factors.any or is_multi_factor(methods):
            return await self._sessions.start(unit, user, client, methods, changes)
        token, nonce = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_bytes(TOKEN_BYTES)
        expires_at = self._clock.now() + CHALLENGE_LIFETIME
        await unit.second_factors.add_challenge(
            Challenge(token_hash(token), user.id, Purpose.SIGN_IN, tuple(methods), nonce, 0, expires_at)
        )
        options = self._passkeys.request_options(factors.passkeys, nonce) if factors.passkeys else None
        return SecondFactorNeeded(token, factors.methods, CHALLENGE_LIFETIME, options)

    async def admit(
        self, unit: Unit, challenge: str, method: Method, client: Client, device: str | None
    ) -> None:
        """Count a code before it is checked, over all sign-ins of the account. Raises TooManyAttempts.

        Only six digits can be guessed: signatures and recovery codes are not counted.
        """
        found = await unit.second_factors.challenge(token_hash(challenge), Purpose.SIGN_IN, self._clock.now())
        user = await unit.users.get(found.user_id) if found else None
        if user is not None and method is Method.TOTP:
            await self._throttle.admit_code(unit, user.email, client, device)

    async def answer(
        self, unit: Unit, challenge: str, answer: Answer, client: Client, device: str | None
    ) -> Grant | ChallengeEnded | WrongSecondFactor:
        """Finish the sign-in. Too many wrong answers end it."""
        now = self._clock.now()
        key = token_hash(challenge)
        found = await unit.second_factors.challenge(key, Purpose.SIGN_IN, now)
        user = await unit.users.lock(found.user_id) if found else None
        # Read again: before the lock was ours, another request may have answered or ended it.
        found = await unit.second_factors.challenge(key, Purpose.SIGN_IN, now)
        if found is None or user is None or not user.is_active:
            return ChallengeEnded()
        await unit.act_as(Scope(user_id=user.id))
        if not await self._is_right(unit, user, found, answer):
            return await self._failed(unit, user, found, answer)
        await unit.second_factors.end_challenge(found.token_hash)
        if answer.method is Method.TOTP:
            await self._throttle.code_succeeded(unit, user.email, client, device)
        if answer.method is Method.RECOVERY_CODE:
            await self._messages.recovery_code_used(unit, user)
        return await self._sessions.start(unit, user, client, [*found.methods, answer.method])

    async def _is_right(self, unit: Unit, user: User, challenge: Challenge, answer: Answer) -> bool:
        """Check the answer, and see that it cannot be given again."""
        factors = await unit.second_factors.of(user.id)
        match answer.method:
            case Method.TOTP:
                return await self._is_current_code(unit, user, factors, str(answer.value))
            case Method.RECOVERY_CODE:
                return factors.any and await unit.second_factors.use_code(
                    user.id, codes.hashed(str(answer.value))
                )
            case Method.PASSKEY:
                signed = self._passkeys.signed(challenge, factors.passkeys, answer.value, self._clock.now())
                if signed is not None:
                    await unit.second_factors.used_passkey(signed)
                return signed is not None
        return False

    async def _is_current_code(self, unit: Unit, user: User, factors: Factors, code: str) -> bool:
        known = factors.totp
        if known is None or known.confirmed_at is None:
            return False
        secret = totp.unseal(self._encryptor, known)
        step = totp.step_of(secret, code, self._clock.now(), known.last_step)
        if step is not None:
            await unit.second_factors.put_totp(replace(known, last_step=step))
        return step is not None

    async def _failed(
        self, unit: Unit, user: User, challenge: Challenge, answer: Answer
    ) -> ChallengeEnded | WrongSecondFactor:
        await self._auditor.record(
            unit.outbox,
            "user.second_factor_failed",
            user_id=user.id,
            organization_id=None,
            resource_type="user",
            resource_id=user.id,
            changes={"method": str(answer.method)},
        )
        await unit.second_factors.count_failure(challenge.token_hash)
        if challenge.failures + 1 < MAX_FAILURES:
            return WrongSecondFactor()
        # Whoever answers knows the password.
        await unit.second_factors.end_challenge(challenge.token_hash)
        if await self._throttle.first_today(unit, f"second-factor-failed|{user.id}"):
            await self._messages.second_factor_failed(unit, user)
        return ChallengeEnded()
