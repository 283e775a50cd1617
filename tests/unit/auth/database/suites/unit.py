"""What every implementation of the unit of work does."""

from services.auth.database.unit import Units
from shared.access import Scope
from tests.unit.auth.database.examples import COST, a_user


class UnitSuite:
    """Subclasses give the fixture `units`."""

    async def test_work_at_a_savepoint_can_be_rolled_back(self, units: Units) -> None:
        async with units(Scope()) as unit:
            kept, undone = a_user(), a_user()
            async with unit.savepoint(False):
                await unit.users.add(kept, "prehash", COST)
            async with unit.savepoint(True):
                await unit.users.add(undone, "prehash", COST)
                assert await unit.users.get(undone.id) == undone
            assert await unit.users.get(kept.id) == kept
            assert await unit.users.get(undone.id) is None
