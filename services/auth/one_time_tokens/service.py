"""Tokens that are sent by mail and can be used once."""

import secrets
from datetime import timedelta

from services.auth.database.unit import Unit
from services.auth.errors import InvalidLink
from services.auth.one_time_tokens.domain import OneTimeToken, Purpose
from services.auth.opaque_tokens import TOKEN_BYTES, token_hash
from services.auth.users.domain import User
from shared.clock import Clock, IdGenerator


class OneTimeTokens:
    """A new token does not invalidate older ones: otherwise anyone could invalidate the links of others."""

    def __init__(self, clock: Clock, new_id: IdGenerator) -> None:
        self._clock = clock
        self._new_id = new_id

    async def issue(self, unit: Unit, user: User, purpose: Purpose, lifetime: timedelta) -> str:
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._clock.now()
        await unit.one_time.add(
            OneTimeToken(self._new_id(), user.id, purpose, token_hash(token), now, now + lifetime)
        )
        return token

    async def redeem(self, unit: Unit, token: str, purpose: Purpose) -> User:
        """Use the token, and revoke the user's others for the same purpose. Returns the user, locked.

        Raises InvalidLink, also for a closed account.
        """
        user_id = await unit.one_time.redeem(token_hash(token), purpose, self._clock.now())
        user = await unit.users.lock(user_id) if user_id else None
        if user is None or not user.is_active:
            raise InvalidLink
        await unit.one_time.revoke(user.id, purpose)
        return user

    async def count_recent(self, unit: Unit, user: User, purpose: Purpose, within: timedelta) -> int:
        """How many were issued within that time and have not been used."""
        return await unit.one_time.count_since(user.id, purpose, self._clock.now() - within)
