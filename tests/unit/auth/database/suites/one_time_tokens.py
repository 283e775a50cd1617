"""What every implementation of the repository of one-time tokens does."""

from dataclasses import replace

from services.auth.database.unit import Units
from services.auth.one_time_tokens.domain import Purpose
from shared.access import Scope
from tests.unit.auth.database.examples import (
    COST,
    LONG_AGO,
    MINUTE,
    NOW,
    a_one_time_token,
    a_user,
)


class OneTimeTokenSuite:
    """Subclasses give the fixture `units`."""

    async def test_a_one_time_token_can_be_used_once_for_its_purpose_until_it_expires(
        self, units: Units
    ) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            await unit.users.add(user, "prehash", COST)
            token, other = a_one_time_token(user), a_one_time_token(user)
            for one in (token, other):
                await unit.one_time.add(one)
            assert await unit.one_time.redeem(token.token_hash, Purpose.RESET_PASSWORD, NOW) is None
            assert await unit.one_time.redeem(token.token_hash, token.purpose, NOW + MINUTE) is None
            assert await unit.one_time.redeem(token.token_hash, token.purpose, NOW) == user.id
            assert await unit.one_time.redeem(token.token_hash, token.purpose, NOW) is None
            await unit.one_time.revoke(user.id, Purpose.RESET_PASSWORD)
            assert await unit.one_time.count_since(user.id, token.purpose, NOW - MINUTE) == 1
            assert await unit.one_time.count_since(user.id, token.purpose, NOW) == 0
            await unit.one_time.revoke(user.id, token.purpose)
            assert await unit.one_time.redeem(other.token_hash, other.purpose, NOW) is None

    async def test_expired_tokens_are_deleted(self, units: Units) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            await unit.users.add(user, "prehash", COST)
            old = replace(a_one_time_token(user), expires_at=LONG_AGO)
            kept = a_one_time_token(user)
            for one in (old, kept):
                await unit.one_time.add(one)
            await unit.one_time.delete_expired(LONG_AGO + MINUTE)
            assert await unit.one_time.count_since(user.id, old.purpose, NOW - MINUTE) == 1
