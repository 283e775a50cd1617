"""Failed attempts to sign in or reset a password."""

from datetime import datetime
from typing import Any, Protocol

from shared.postgres.connection import Connection


class AttemptRepository(Protocol):
    """Failed attempts by subject: a hash of the account and the network of the client."""

    async def count(self, subject: str, now: datetime, forgotten: datetime) -> int | None:
        """Count an attempt in advance, and return the failures so far; None if the subject must wait.

        Failures before `forgotten` do not count.
        """
        ...

    async def delay(self, subject: str, free_at: datetime) -> None: ...

    async def free_at(self, subject: str) -> datetime | None: ...

    async def reset(self, subject: str) -> None: ...

    async def delete_old(self, before: datetime) -> None: ...


class PostgresAttemptRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def count(self, subject: str, now: datetime, forgotten: datetime) -> int | None:
        row = await self._queries.count_attempt(
            self._connection, subject=subject, now=now, forgotten=forgotten
        )
        return None if row is None else int(row["failures"])

    async def delay(self, subject: str, free_at: datetime) -> None:
        await self._queries.delay_attempts(self._connection, subject=subject, free_at=free_at)

    async def free_at(self, subject: str) -> datetime | None:
        free_at: datetime | None = await self._queries.attempts_free_at(self._connection, subject=subject)
        return free_at

    async def reset(self, subject: str) -> None:
        await self._queries.reset_attempts(self._connection, subject=subject)

    async def delete_old(self, before: datetime) -> None:
        await self._queries.delete_old_attempts(self._connection, before=before)
