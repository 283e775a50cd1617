"""What every implementation of the repository of feeds does."""

from services.auth.database.unit import Units
from shared.access import Scope
from tests.unit.auth.database.examples import COST, MINUTE, NOW, a_user, an_organization


class FeedSuite:
    """Subclasses give the fixture `units`."""

    async def test_a_feed_forgets_its_password_when_the_broker_knows_it(self, units: Units) -> None:
        user, organization, other = a_user(), an_organization(), an_organization()
        async with units(Scope(organization_id=organization.id)) as unit:
            await unit.users.add(user, "prehash", COST)
            await unit.organizations.add(organization)
            first = await unit.feeds.put(organization.id, user.id, "key1.sealed", NOW)
            assert (first.sealed_password, first.ready_at, first.version) == ("key1.sealed", None, 1)
            second = await unit.feeds.put(organization.id, user.id, "key1.other", NOW + MINUTE)
            assert (second.sealed_password, second.created_at, second.version) == ("key1.other", NOW, 2)
            # The first password reached the broker after the second was asked for.
            await unit.feeds.made(organization.id, first.version, NOW + MINUTE)
            assert await unit.feeds.get(organization.id) == second
            await unit.feeds.made(organization.id, second.version, NOW + 2 * MINUTE)
            made = await unit.feeds.get(organization.id)
            assert made is not None
            assert (made.sealed_password, made.ready_at) == (None, NOW + 2 * MINUTE)
            assert await unit.feeds.get(other.id) is None
            assert await unit.feeds.delete(other.id) is False
            assert await unit.feeds.delete(organization.id) is True
            assert await unit.feeds.get(organization.id) is None
