"""What every implementation of the repository of signing keys does."""

from datetime import UTC, datetime
from uuid import uuid4

from services.auth.database.unit import Units
from services.auth.keys.domain import SigningKey
from shared.access import Scope
from tests.unit.auth.database.examples import MINUTE


class KeySuite:
    """Subclasses give the fixture `units`."""

    async def test_keys_retire_when_their_successor_signs(self, units: Units) -> None:
        # Far in the past and deleted at the end, so that the keys of a running service do not interfere.
        start = datetime(2001, 1, 1, tzinfo=UTC)
        old = SigningKey(uuid4().hex, {"x": "1"}, "sealed", start, start, start + MINUTE)
        new = SigningKey(uuid4().hex, {"x": "2"}, "sealed", start, start + MINUTE, start + 9 * MINUTE)
        async with units(Scope()) as unit:
            await unit.keys.lock()
            await unit.keys.add(old)
            await unit.keys.add(new)
            mine = {old.id, new.id}
            assert [k for k in await unit.keys.usable(start) if k.id in mine] == [new, old]
            assert [k for k in await unit.keys.usable(start + MINUTE) if k.id in mine] == [new]
            await unit.keys.delete_retired(start + 10 * MINUTE)
            assert [k for k in await unit.keys.usable(start) if k.id in mine] == []
