"""Second factors of the caller's account: added, shown and removed."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from services.auth.database.unit import Unit
from services.auth.errors import AccountClosed, EmailNotVerified
from services.auth.mail.messages import MessageWriter
from services.auth.opaque_tokens import TOKEN_BYTES, token_hash
from services.auth.second_factor import codes, totp
from services.auth.second_factor.domain import (
    CHALLENGE_LIFETIME,
    MAX_PASSKEYS,
    Challenge,
    Factors,
    Passkey,
    Purpose,
    Totp,
)
from services.auth.second_factor.errors import (
    NoSecondFactor,
    PasskeyKnown,
    PasskeyNotFound,
    PasskeyRefused,
    TooManyPasskeys,
    TotpExists,
    TotpNotFound,
    WrongCode,
)
from services.auth.second_factor.passkeys import Passkeys
from services.auth.sessions.methods import Method
from services.auth.sessions.recent import require_recent_sign_in
from services.auth.standing.endings import end_sessions
from services.auth.users.domain import User
from shared.access import Identity
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.crypto import Encryptor


@dataclass(frozen=True, slots=True)
class Begun:
    """A passkey that the browser is to make: `challenge` comes back with it."""

    challenge: str = field(repr=False)
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewSecret:
    """The secret for an authenticator app, shown once; `address` is what its QR code says."""

    secret: str = field(repr=False)
    address: str = field(repr=False)


class SecondFactorService:
    """Every change needs a recent sign-in. The first factor ends the user's other sessions."""

    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        encryptor: Encryptor,
        passkeys: Passkeys,
        messages: MessageWriter,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._encryptor = encryptor
        self._passkeys = passkeys
        self._messages = messages

    async def show(self, unit: Unit, identity: Identity) -> Factors:
        return await unit.second_factors.of(identity.user_id)

    async def begin_totp(self, unit: Unit, identity: Identity) -> NewSecret:
        """Make a secret, which counts once it is confirmed.

        Raises EmailNotVerified, SignInTooOld, TotpExists.
        """
        user, factors = await self._adding(unit, identity)
        if factors.has_totp:
            raise TotpExists
        secret = totp.new_secret()
        sealed = totp.seal(self._encryptor, user.id, secret)
        await unit.second_factors.put_totp(Totp(user.id, sealed, self._clock.now()))
        return NewSecret(secret, totp.address(secret, user.email))

    async def confirm_totp(self, unit: Unit, identity: Identity, code: str) -> Sequence[str]:
        """Turn the app on with a first code. Returns recovery codes if it is the first factor.

        Raises SignInTooOld, TotpExists, TotpNotFound, WrongCode.
        """
        user, factors = await self._changing(unit, identity)
        if factors.totp is None:
            raise TotpNotFound
        if factors.has_totp:
            raise TotpExists
        secret = totp.unseal(self._encryptor, factors.totp)
        now = self._clock.now()
        step = totp.step_of(secret, code, now, factors.totp.last_step)
        if step is None:
            raise WrongCode
        await unit.second_factors.put_totp(replace(factors.totp, confirmed_at=now, last_step=step))
        return await self._added(unit, identity, user, factors, Method.TOTP)

    async def remove_totp(self, unit: Unit, identity: Identity) -> None:
        """Raises SignInTooOld, TotpNotFound."""
        user, factors = await self._changing(unit, identity)
        if factors.totp is None:
            raise TotpNotFound
        await unit.second_factors.remove_totp(user.id)
        if factors.has_totp:
            await self._removed(unit, user, Method.TOTP)

    async def begin_passkey(self, unit: Unit, identity: Identity) -> Begun:
        """Raises EmailNotVerified, SignInTooOld, TooManyPasskeys."""
        user, factors = await self._adding(unit, identity)
        if len(factors.passkeys) >= MAX_PASSKEYS:
            raise TooManyPasskeys(MAX_PASSKEYS)
        token, nonce = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_bytes(TOKEN_BYTES)
        expires_at = self._clock.now() + CHALLENGE_LIFETIME
        await unit.second_factors.add_challenge(
            Challenge(token_hash(token), user.id, Purpose.NEW_PASSKEY, (), nonce, 0, expires_at)
        )
        return Begun(token, self._passkeys.creation_options(user, factors.passkeys, nonce))

    async def add_passkey(
        self, unit: Unit, identity: Identity, challenge: str, name: str, credential: Mapping[str, Any]
    ) -> tuple[Passkey, Sequence[str]]:
        """Store what the browser has made. Returns it, and recovery codes if it is the first factor.

        Raises SignInTooOld, TooManyPasskeys, PasskeyRefused, PasskeyKnown.
        """
        user, factors = await self._changing(unit, identity)
        now = self._clock.now()
        found = await unit.second_factors.challenge(token_hash(challenge), Purpose.NEW_PASSKEY, now)
        if found is None or found.user_id != user.id:
            raise PasskeyRefused
        if len(factors.passkeys) >= MAX_PASSKEYS:
            raise TooManyPasskeys(MAX_PASSKEYS)
        await unit.second_factors.end_challenge(found.token_hash)
        passkey = self._passkeys.registered(found, credential, passkey_id=self._new_id(), name=name, now=now)
        if not await unit.second_factors.add_passkey(passkey):
            raise PasskeyKnown
        return passkey, await self._added(unit, identity, user, factors, Method.PASSKEY)

    async def remove_passkey(self, unit: Unit, identity: Identity, passkey_id: UUID) -> None:
        """Raises SignInTooOld, PasskeyNotFound."""
        user, _ = await self._changing(unit, identity)
        if not await unit.second_factors.remove_passkey(user.id, passkey_id):
            raise PasskeyNotFound(passkey_id)
        await self._removed(unit, user, Method.PASSKEY)

    async def renew_codes(self, unit: Unit, identity: Identity) -> Sequence[str]:
        """Replace all recovery codes. Raises SignInTooOld, NoSecondFactor."""
        user, factors = await self._changing(unit, identity)
        if not factors.any:
            raise NoSecondFactor
        made = await self._new_codes(unit, user)
        await self._messages.second_factor_changed(unit, user)
        await self._audit(unit, "user.recovery_codes_renewed", user, None)
        return made

    async def _adding(self, unit: Unit, identity: Identity) -> tuple[User, Factors]:
        """A stranger who registered the address of somebody else would lock its owner out."""
        user, factors = await self._changing(unit, identity)
        if not user.email_verified:
            raise EmailNotVerified
        return user, factors

    async def _changing(self, unit: Unit, identity: Identity) -> tuple[User, Factors]:
        """The caller, locked, so that changes of the account's factors follow each other."""
        user = await unit.users.lock(identity.user_id)
        if user is None or not user.is_active:
            raise AccountClosed
        await require_recent_sign_in(unit, identity, self._clock.now())
        return user, await unit.second_factors.of(user.id)

    async def _added(
        self, unit: Unit, identity: Identity, user: User, before: Factors, method: Method
    ) -> Sequence[str]:
        # The caller has just proved the factor, so this session counts as signed in with it.
        if identity.session_id is not None:
            await unit.sessions.strengthen(identity.session_id, method)
        await self._messages.second_factor_changed(unit, user)
        await self._audit(unit, "user.second_factor_added", user, method)
        if before.any:
            return ()
        await end_sessions(unit, user.id, self._clock.now(), kept=identity.session_id)
        return await self._new_codes(unit, user)

    async def _removed(self, unit: Unit, user: User, method: Method) -> None:
        if not (await unit.second_factors.of(user.id)).any:
            await unit.second_factors.replace_codes(user.id, (), self._clock.now())
        await self._messages.second_factor_changed(unit, user)
        await self._audit(unit, "user.second_factor_removed", user, method)

    async def _new_codes(self, unit: Unit, user: User) -> Sequence[str]:
        made = codes.new_codes()
        hashes = [codes.hashed(code) for code in made]
        await unit.second_factors.replace_codes(user.id, hashes, self._clock.now())
        return made

    async def _audit(self, unit: Unit, action: str, user: User, method: Method | None) -> None:
        await self._auditor.record(
            unit.outbox,
            action,
            user_id=user.id,
            organization_id=None,
            resource_type="user",
            resource_id=user.id,
            changes={"method": str(method)} if method else None,
        )
