"""What every implementation of the repository of failed attempts does."""

from datetime import timedelta
from uuid import uuid4

from services.auth.database.unit import Units
from shared.access import Scope
from tests.unit.auth.database.examples import MINUTE, NOW


class AttemptSuite:
    """Subclasses give the fixture `units`."""

    async def test_attempts_are_counted_delayed_and_reset(self, units: Units) -> None:
        subject, long_ago = uuid4().hex, NOW - timedelta(days=1)
        async with units(Scope()) as unit:
            assert await unit.attempts.free_at(subject) is None
            assert [await unit.attempts.count(subject, NOW, long_ago) for _ in range(3)] == [1, 2, 3]
            await unit.attempts.delay(subject, NOW + MINUTE)
            assert await unit.attempts.count(subject, NOW, long_ago) is None
            assert await unit.attempts.free_at(subject) == NOW + MINUTE
            assert await unit.attempts.count(subject, NOW + MINUTE, long_ago) == 4
            later = NOW + timedelta(days=2)
            assert await unit.attempts.count(subject, later, later - timedelta(days=1)) == 1
            await unit.attempts.reset(subject)
            assert await unit.attempts.count(subject, NOW, long_ago) == 1
            await unit.attempts.delete_old(NOW + MINUTE)
            assert await unit.attempts.free_at(subject) is None

    async def test_an_attempt_that_read_its_clock_before_another_need_not_wait(self, units: Units) -> None:
        subject, long_ago = uuid4().hex, NOW - timedelta(days=1)
        async with units(Scope()) as unit:
            assert await unit.attempts.count(subject, NOW, long_ago) == 1
            assert await unit.attempts.free_at(subject) is None
            assert await unit.attempts.count(subject, NOW - timedelta(milliseconds=5), long_ago) == 2
