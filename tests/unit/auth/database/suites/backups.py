"""What every implementation of the repository of the last backup does."""

from services.auth.database.unit import Units
from shared.access import Scope
from tests.unit.auth.database.examples import MINUTE, NOW


class BackupSuite:
    """Subclasses give the fixture `units`."""

    async def test_without_backups_nobody_takes_the_turn_to_remind(self, units: Units) -> None:
        async with units(Scope()) as unit:
            assert await unit.backups.claim_reminder(NOW, NOW, NOW + MINUTE) is None
