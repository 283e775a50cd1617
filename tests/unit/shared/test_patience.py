"""What waits for a lock waits briefly, and tries again."""

from datetime import timedelta

import asyncpg
import pytest

from shared.jobs.retry import RetryPolicy
from shared.postgres.patience import patiently

THREE = RetryPolicy(3, first_delay=timedelta(seconds=1), max_delay=timedelta(seconds=8))


class Work:
    """Fails as often as it is told, and keeps the pauses between its attempts."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.attempts = 0
        self.pauses: list[float] = []

    async def attempt(self) -> str:
        self.attempts += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def run(self) -> str:
        return await patiently(self.attempt, what="work", retry=THREE, pause=self.pause)


async def test_a_lock_that_becomes_free_is_waited_for() -> None:
    work = Work(asyncpg.LockNotAvailableError("busy"), asyncpg.DeadlockDetectedError("parted"))
    assert await work.run() == "done"
    assert work.attempts == 3
    assert [0 <= pause <= bound for pause, bound in zip(work.pauses, (1, 2), strict=True)] == [True, True]


async def test_the_last_attempts_error_is_told() -> None:
    work = Work(*(asyncpg.LockNotAvailableError(f"busy {number}") for number in range(4)))
    with pytest.raises(asyncpg.LockNotAvailableError, match="busy 2"):
        await work.run()
    assert work.attempts == 3


async def test_other_errors_are_not_repeated() -> None:
    work = Work(asyncpg.UndefinedTableError("no such table"))
    with pytest.raises(asyncpg.UndefinedTableError):
        await work.run()
    assert work.attempts == 1
