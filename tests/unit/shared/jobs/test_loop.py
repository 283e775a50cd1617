"""A loop survives every error of its step, and logs it."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from shared.errors import Unavailable
from shared.jobs.loop import Loop
from shared.jobs.retry import RetryPolicy

AT_ONCE = RetryPolicy(1, first_delay=timedelta(), max_delay=timedelta())
DEADLOCK = asyncpg.DeadlockDetectedError("deadlock detected")
STANDBY = asyncpg.ReadOnlySQLTransactionError("cannot execute UPDATE in a read-only transaction")


class Steps:
    """A step that raises the given errors, one per call, and then succeeds."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.worked = asyncio.Event()

    async def __call__(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.worked.set()


async def run_until_it_works(steps: Steps) -> Loop:
    loop = Loop("test", steps, every=3600.0, retry=AT_ONCE)
    task = asyncio.create_task(loop.run())
    await asyncio.wait_for(steps.worked.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return loop


@pytest.mark.parametrize(
    "error",
    [
        DEADLOCK,
        STANDBY,
        ValueError("a bug"),
        ExceptionGroup("some", [KeyError("x")]),
        asyncio.CancelledError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_it_survives_every_error_and_says_so(error: BaseException) -> None:
    with capture_logs() as logs:
        await run_until_it_works(Steps(error))
    [failed] = [line for line in logs if line["event"] == "loop failed, trying again"]
    assert failed["loop"] == "test"
    assert failed["error"].startswith(type(error).__name__)
    assert any(line["event"] == "loop recovered" for line in logs)


async def test_being_cancelled_ends_it() -> None:
    begun = asyncio.Event()

    async def step() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(Loop("test", step).run())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_readiness_turns_after_a_while_and_back() -> None:
    now = 0.0
    reached, go = asyncio.Event(), asyncio.Event()
    errors = [DEADLOCK, DEADLOCK]

    async def step() -> None:
        nonlocal now
        if errors:
            now += 20.0
            raise errors.pop()
        reached.set()
        await go.wait()

    loop = Loop("relay", step, every=3600.0, retry=AT_ONCE, unready_after=30.0, monotonic=lambda: now)
    task = asyncio.create_task(loop.run())
    await asyncio.wait_for(reached.wait(), 30)
    await loop.check()  # it has failed for twenty seconds, no longer than a failover takes
    now += 20.0
    with pytest.raises(Unavailable, match="relay has been failing for 40 s: DeadlockDetectedError"):
        await loop.check()
    loop.succeeded()
    await loop.check()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
