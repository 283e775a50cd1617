"""What every implementation of the repository of accounts does."""

from dataclasses import replace
from uuid import uuid4

from services.auth.database.unit import Units
from shared.access import Scope
from tests.unit.auth.database.examples import (
    COST,
    NOW,
    a_user,
)


class UserSuite:
    """Subclasses give the fixture `units`."""

    async def test_addresses_are_unique(self, units: Units) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            assert await unit.users.add(user, "prehash", COST)
            assert not await unit.users.add(replace(a_user(), email=user.email), "prehash", COST)
            assert await unit.users.by_email(user.email) == user
            assert await unit.users.get(user.id) == await unit.users.lock(user.id) == user
            assert await unit.users.get(uuid4()) is None

    async def test_a_password_matches_only_its_own_prehash(self, units: Units) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            await unit.users.add(user, "first", COST)
            first = await unit.users.check_password(user.id, "first", COST)
            assert (first.matches, first.cost) == (True, COST)
            await unit.users.set_password(user.id, "second", COST + 1, NOW)
            assert not (await unit.users.check_password(user.id, "first", COST)).matches
            second = await unit.users.check_password(user.id, "second", COST)
            assert (second.matches, second.cost) == (True, COST + 1)
            assert not (await unit.users.check_password(None, "first", COST)).matches
