"""What every implementation of the repository of password reset requests does."""

from uuid import uuid4

from services.auth.database.unit import Units
from services.auth.recovery.domain import ResetRequest
from services.auth.sessions.domain import Client
from shared.access import Scope
from tests.unit.auth.database.examples import NOW


class ResetRequestSuite:
    """Subclasses give the fixture `units`."""

    async def test_a_request_can_be_taken_once(self, units: Units) -> None:
        request = ResetRequest(uuid4(), "nobody@example.org", Client("192.0.2.1", "test"), NOW)
        async with units(Scope()) as unit:
            await unit.reset_requests.add(request)
            assert await unit.reset_requests.take(request.id) == request
            assert await unit.reset_requests.take(request.id) is None
