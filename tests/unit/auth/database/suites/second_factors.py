"""What every implementation of the repository of second factors does."""

from dataclasses import replace
from uuid import uuid4

from services.auth.database.unit import Units
from services.auth.second_factor.domain import Challenge, Factors, Passkey, Purpose, Totp
from services.auth.sessions.methods import Method
from shared.access import Scope
from tests.unit.auth.database.examples import COST, MINUTE, NOW, a_user


class SecondFactorSuite:
    """Subclasses give the fixture `units`."""

    async def test_second_factors_belong_to_their_user(self, units: Units) -> None:
        async with units(Scope()) as unit:
            ada, eve = a_user(), a_user()
            await unit.users.add(ada, "prehash", COST)
            await unit.users.add(eve, "prehash", COST)
            factors = unit.second_factors
            assert await factors.of(ada.id) == Factors(None, [], 0)
            totp = Totp(ada.id, "key.sealed", NOW)
            await factors.put_totp(totp)
            await factors.put_totp(replace(totp, confirmed_at=NOW, last_step=2**40))
            key = Passkey(uuid4(), ada.id, "Key", uuid4().bytes, b"public", 0, ["nfc", "usb"], NOW)
            assert await factors.add_passkey(key)
            assert not await factors.add_passkey(replace(key, id=uuid4(), user_id=eve.id))
            await factors.used_passkey(replace(key, sign_count=2**32 - 1, last_used_at=NOW, name="not this"))
            used = replace(key, sign_count=2**32 - 1, last_used_at=NOW)
            found = await factors.of(ada.id)
            assert found == Factors(replace(totp, confirmed_at=NOW, last_step=2**40), [used], 0)
            assert await factors.of(eve.id) == Factors(None, [], 0)
            assert not await factors.remove_passkey(eve.id, key.id)
            assert await factors.remove_passkey(ada.id, key.id)
            await factors.remove_totp(ada.id)
            assert await factors.of(ada.id) == Factors(None, [], 0)

    async def test_all_factors_of_a_user_are_removed_together(self, units: Units) -> None:
        async with units(Scope()) as unit:
            ada, eve = a_user(), a_user()
            for user in (ada, eve):
                await unit.users.add(user, "prehash", COST)
                await unit.second_factors.put_totp(Totp(user.id, "key.sealed", NOW, NOW))
                key = Passkey(uuid4(), user.id, "Key", uuid4().bytes, b"public", 0, [], NOW)
                assert await unit.second_factors.add_passkey(key)
                await unit.second_factors.replace_codes(user.id, [uuid4().hex], NOW)
            kept = await unit.second_factors.of(eve.id)
            await unit.second_factors.remove_all(ada.id)
            assert await unit.second_factors.of(ada.id) == Factors(None, [], 0)
            assert await unit.second_factors.of(eve.id) == kept
            assert (kept.any, kept.recovery_codes) == (True, 1)

    async def test_the_challenges_of_a_user_end_together(self, units: Units) -> None:
        async with units(Scope()) as unit:
            ada, eve = a_user(), a_user()
            made: list[Challenge] = []
            for user in (ada, ada, eve):
                await unit.users.add(user, "prehash", COST)
                made.append(Challenge(uuid4().hex, user.id, Purpose.SIGN_IN, [], b"nonce", 0, NOW + MINUTE))
                await unit.second_factors.add_challenge(made[-1])
            await unit.second_factors.end_challenges(ada.id)
            found = [await unit.second_factors.challenge(c.token_hash, c.purpose, NOW) for c in made]
            assert found == [None, None, made[-1]]

    async def test_a_recovery_code_is_used_once_by_its_user(self, units: Units) -> None:
        async with units(Scope()) as unit:
            ada, eve = a_user(), a_user()
            await unit.users.add(ada, "prehash", COST)
            await unit.users.add(eve, "prehash", COST)
            old, first, second = (uuid4().hex for _ in range(3))
            await unit.second_factors.replace_codes(ada.id, [old], NOW)
            await unit.second_factors.replace_codes(ada.id, [first, second], NOW)
            assert not await unit.second_factors.use_code(ada.id, old)
            assert not await unit.second_factors.use_code(eve.id, first)
            assert await unit.second_factors.use_code(ada.id, first)
            assert not await unit.second_factors.use_code(ada.id, first)
            assert (await unit.second_factors.of(ada.id)).recovery_codes == 1

    async def test_a_challenge_has_a_purpose_and_an_end(self, units: Units) -> None:
        async with units(Scope()) as unit:
            ada = a_user()
            await unit.users.add(ada, "prehash", COST)
            token, at, factors = uuid4().hex, NOW + MINUTE, unit.second_factors
            made = Challenge(token, ada.id, Purpose.SIGN_IN, [Method.PASSWORD], b"nonce", 0, at)
            await factors.add_challenge(made)
            assert await factors.challenge(token, Purpose.NEW_PASSKEY, NOW) is None
            assert await factors.challenge(token, Purpose.SIGN_IN, at) is None
            await factors.count_failure(token)
            assert await factors.challenge(token, Purpose.SIGN_IN, NOW) == replace(made, failures=1)
            await factors.end_challenge(token)
            assert await factors.challenge(token, Purpose.SIGN_IN, NOW) is None
            await factors.add_challenge(made)
            await factors.delete_expired(at)
            assert await factors.challenge(token, Purpose.SIGN_IN, NOW) is None
