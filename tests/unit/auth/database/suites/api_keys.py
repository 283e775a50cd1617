"""What every implementation of the repository of API keys does."""

from uuid import uuid4

from services.auth.api_keys.domain import ApiKey
from services.auth.database.unit import Units
from shared.access import Role, Scope
from shared.http.pages import PageRequest
from tests.unit.auth.database.examples import COST, MINUTE, NOW, a_user, an_organization


class ApiKeySuite:
    """Subclasses give the fixture `units`."""

    async def test_api_keys_are_listed_found_by_their_secret_and_deleted(self, units: Units) -> None:
        user, organization = a_user(), an_organization()
        keys = [
            ApiKey(uuid4(), organization.id, "k", Role.VIEWER, user.id, NOW + step * MINUTE, None, None)
            for step in range(3)
        ]
        async with units(Scope(organization_id=organization.id)) as unit:
            await unit.users.add(user, "prehash", COST)
            await unit.organizations.add(organization)
            for key in keys:
                await unit.api_keys.add(key, f"hash of {key.id.hex}"[:64])
            page = await unit.api_keys.list(organization.id, PageRequest(limit=2))
            assert page.items == [keys[2], keys[1]]
            rest = await unit.api_keys.list(organization.id, PageRequest(limit=2, after=page.next_cursor))
            assert (rest.items, rest.next_cursor) == ([keys[0]], None)
            assert await unit.api_keys.delete(uuid4(), keys[0].id) is None
            assert await unit.api_keys.delete(organization.id, keys[0].id) == keys[0]
            assert await unit.api_keys.get(keys[0].id) is None
            assert await unit.api_keys.delete_created_by(organization.id, uuid4()) == []
        async with units(Scope()) as unit:
            # Without a scope, only the holder of the secret learns the organization of the key.
            secret_hash = f"hash of {keys[1].id.hex}"[:64]
            assert await unit.api_keys.organization_of(keys[1].id, secret_hash) == organization.id
            assert await unit.api_keys.organization_of(keys[1].id, "another") is None
            assert await unit.api_keys.organization_of(keys[2].id, secret_hash) is None
            assert await unit.api_keys.organization_of(keys[0].id, f"hash of {keys[0].id.hex}"[:64]) is None

    async def test_the_last_use_of_a_key_is_recorded_every_few_minutes(self, units: Units) -> None:
        user, organization = a_user(), an_organization()
        key = ApiKey(uuid4(), organization.id, "k", Role.VIEWER, user.id, NOW, None, None)
        async with units(Scope(organization_id=organization.id)) as unit:
            await unit.users.add(user, "prehash", COST)
            await unit.organizations.add(organization)
            await unit.api_keys.add(key, "hash")
            seen = []
            for minute in (1, 3, 7):
                now = NOW + minute * MINUTE
                await unit.api_keys.record_use(key.id, now, now - 5 * MINUTE)
                found = await unit.api_keys.get(key.id)
                seen.append(found.last_used_at if found else None)
            assert seen == [NOW + MINUTE, NOW + MINUTE, NOW + 7 * MINUTE]
            [deleted] = await unit.api_keys.delete_created_by(organization.id, user.id)
            assert deleted.id == key.id
            assert await unit.api_keys.get(key.id) is None
