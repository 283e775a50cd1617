"""Finds out who holds the lock that a migration waits for."""

import asyncio
from contextlib import suppress
from typing import Self

import asyncpg

from dinsight.administrator import connected

LOOK_EVERY_SECONDS = 0.2
# A service's session shows its queries to administrators only, whose connection this is.
BLOCKING = """
SELECT DISTINCT format(
    'process %s (%s of %s, in a transaction since %s UTC, %s): %s', pid,
    coalesce(nullif(application_name, ''), backend_type), coalesce(usename, 'nobody'),
    coalesce(to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), '?'),
    coalesce(state, 'no state'), left(regexp_replace(query, '\\s+', ' ', 'g'), 200))
FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids($1)) ORDER BY 1
"""


class Watch:
    """Looks at another session while the block runs, and keeps in `found` who was last in its way."""

    def __init__(self, dsn: str, pid: int, found: list[str]) -> None:
        self._dsn = dsn
        self._pid = pid
        self._found = found

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._task.cancel()
        # Without the answer, a migration that waits is only harder to explain.
        with suppress(asyncio.CancelledError, asyncpg.PostgresError, OSError):
            await self._task

    async def _look(self) -> None:
        async with connected(self._dsn) as connection:
            while True:
                blocking = [row[0] for row in await connection.fetch(BLOCKING, self._pid)]
                if blocking:
                    self._found[:] = blocking
                await asyncio.sleep(LOOK_EVERY_SECONDS)
