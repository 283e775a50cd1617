"""What every implementation of the repository of sessions does."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from services.auth.database.unit import Units
from services.auth.sessions.methods import Method
from shared.access import Scope
from shared.http.pages import PageRequest
from tests.unit.auth.database.examples import COST, MINUTE, NOW, a_refresh_token, a_user


class SessionSuite:
    """Subclasses give the fixture `units`."""

    async def test_rotation_leaves_one_valid_token_and_revocation_none(self, units: Units) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            await unit.users.add(user, "prehash", COST)
            first = a_refresh_token(user)
            await unit.sessions.add(first)
            assert await unit.sessions.find(first.token_hash) == first
            await unit.sessions.rotate(first.family_id, NOW + MINUTE, b"sealed")
            second = a_refresh_token(user, first.family_id)
            await unit.sessions.add(second)
            assert (await unit.sessions.live(user.id, NOW, PageRequest())).items == [second]
            rotated = await unit.sessions.find(first.token_hash)
            assert rotated == replace(first, rotated_at=NOW + MINUTE, sealed_successor=b"sealed")
            await unit.sessions.rotate(first.family_id, NOW + MINUTE + MINUTE, b"next")
            assert await unit.sessions.find(first.token_hash) == replace(first, rotated_at=NOW + MINUTE)
            third = a_refresh_token(user, first.family_id)
            await unit.sessions.add(third)
            assert (await unit.sessions.live(user.id, NOW, PageRequest())).items == [third]
            await unit.sessions.revoke(first.family_id, NOW + MINUTE)
            assert (await unit.sessions.live(user.id, NOW, PageRequest())).items == []
            assert await unit.sessions.find("unknown") is None

    async def test_a_session_keeps_how_it_was_signed_in(self, units: Units) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            await unit.users.add(user, "prehash", COST)
            token = a_refresh_token(user, methods=(Method.PASSWORD,))
            await unit.sessions.add(token)
            for _ in range(2):
                await unit.sessions.strengthen(token.family_id, Method.TOTP)
            found = await unit.sessions.find(token.token_hash)
            assert found == replace(token, methods=(Method.PASSWORD, Method.TOTP))

    async def test_active_sessions_are_listed_latest_first_and_all_but_one_can_be_ended(
        self, units: Units
    ) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            await unit.users.add(user, "prehash", COST)
            tokens = [a_refresh_token(user, signed_in_at=NOW + step * MINUTE) for step in range(3)]
            for token in tokens:
                await unit.sessions.add(token)
            await unit.sessions.add(a_refresh_token(user, expires_at=NOW))
            page = await unit.sessions.live(user.id, NOW, PageRequest(limit=2))
            assert page.items == [tokens[2], tokens[1]]
            rest = await unit.sessions.live(user.id, NOW, PageRequest(limit=2, after=page.next_cursor))
            assert (rest.items, rest.next_cursor) == ([tokens[0]], None)
            one = tokens[1].family_id
            assert await unit.sessions.live_one(user.id, one, NOW) == tokens[1]
            assert await unit.sessions.live_one(uuid4(), one, NOW) is None
            assert await unit.sessions.live_one(user.id, one, tokens[1].expires_at) is None
            ended = await unit.sessions.revoke_all(user.id, NOW, kept=tokens[1].family_id)
            assert {tokens[0].family_id, tokens[2].family_id} <= set(ended)
            assert tokens[1].family_id not in ended
            assert (await unit.sessions.live(user.id, NOW, PageRequest())).items == [tokens[1]]
            assert set(await unit.sessions.revoke_all(user.id, NOW, kept=None)) == {tokens[1].family_id}
            assert (await unit.sessions.live(user.id, NOW, PageRequest())).items == []
            assert await unit.sessions.live_one(user.id, one, NOW) is None
            await unit.sessions.delete_expired(NOW + timedelta(days=2))
            assert await unit.sessions.find(tokens[0].token_hash) is None
