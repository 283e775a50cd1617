"""DDL that waits for a lock only briefly, and tries again: what waits makes everybody else wait behind it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import asyncpg
import structlog

from shared.jobs.retry import RetryPolicy

# A statement that waits for an exclusive lock stops all that come after it, so it may wait this long only.
LOCK_TIMEOUT = timedelta(seconds=1)
RETRY = RetryPolicy(10, first_delay=timedelta(seconds=0.2), max_delay=timedelta(seconds=5))
# The lock was not free in time, or two who waited for each other were parted.
BLOCKED = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)

T = TypeVar("T")
logger = structlog.get_logger(__name__)


def milliseconds(time: timedelta) -> str:
    """As PostgreSQL's settings want it."""
    return f"{round(time.total_seconds() * 1000)}ms"


async def patiently(
    work: Callable[[], Awaitable[T]],
    *,
    what: str,
    retry: RetryPolicy = RETRY,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Repeat `work`, which sets `lock_timeout`, until it gets its locks.

    Raises the last attempt's error (one of BLOCKED) after `retry.max_attempts`.
    """
    for attempt in range(1, retry.max_attempts):
        try:
            return await work()
        except BLOCKED as error:
            logger.info("waiting for a lock", what=what, attempt=attempt, error=str(error))
            await pause(retry.delay(attempt).total_seconds())
    return await work()
