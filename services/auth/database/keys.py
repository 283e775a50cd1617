"""Signing keys."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Protocol

from services.auth.keys.domain import SigningKey
from shared.postgres.connection import Connection

COLUMNS = tuple(field.name for field in fields(SigningKey))


class KeyRepository(Protocol):
    async def lock(self) -> None:
        """Wait for other replicas that create keys; held until the transaction ends."""
        ...

    async def usable(self, now: datetime) -> Sequence[SigningKey]:
        """Keys that sign or still verify, newest first."""
        ...

    async def add(self, key: SigningKey) -> None: ...

    async def retire_others(self, successor: str, verifies_until: datetime) -> None: ...

    async def delete_retired(self, now: datetime) -> None: ...


class PostgresKeyRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def lock(self) -> None:
        await self._queries.lock_signing_keys(self._connection)

    async def usable(self, now: datetime) -> Sequence[SigningKey]:
        rows = self._queries.list_signing_keys(self._connection, now=now)
        return [SigningKey(**{name: row[name] for name in COLUMNS}) async for row in rows]

    async def add(self, key: SigningKey) -> None:
        await self._queries.insert_signing_key(self._connection, **asdict(key))

    async def retire_others(self, successor: str, verifies_until: datetime) -> None:
        await self._queries.retire_signing_keys(
            self._connection, successor=successor, verifies_until=verifies_until
        )

    async def delete_retired(self, now: datetime) -> None:
        await self._queries.delete_retired_keys(self._connection, now=now)
