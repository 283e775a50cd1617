"""What every implementation of the repository of requests for a new password does."""

from uuid import uuid4

from services.auth.database.unit import Units
from services.auth.recovery.domain import ResetRequest
from services.auth.sign_in.domain import Client
from shared.access import Scope
from tests.unit.auth.database.examples import LONG_AGO, MINUTE


class ResetRequestSuite:
    """Subclasses give the fixture `units`."""

    async def test_requests_are_taken_once_the_oldest_first(self, units: Units) -> None:
        client = Client("192.0.2.1", "test")
        made = [
            ResetRequest(uuid4(), "nobody@example.org", client, LONG_AGO + minute * MINUTE)
            for minute in (2, 0, 1)
        ]
        async with units(Scope()) as unit:
            for request in made:
                await unit.reset_requests.add(request)
            assert set(await unit.reset_requests.take(2)) == {made[1], made[2]}
            assert await unit.reset_requests.take(1) == [made[0]]
