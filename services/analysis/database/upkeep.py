"""SQL of what runs beside the requests, over all organizations."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from shared.postgres.connection import Connection


class PostgresUpkeep:
    """What runs beside the requests, over all organizations."""

    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def adopt(self, small_bytes: int) -> int:
        """Enqueue analyses that wait without a job, and give their number."""
        return int(await self._queries.adopt_analyses(self._connection, small_bytes=small_bytes))

    async def ensure_partitions(self, first_day: date, months: int) -> None:
        await self._queries.ensure_partitions(self._connection, first_day=first_day, months=months)

    async def refresh_daily(self) -> None:
        await self._queries.refresh_daily(self._connection)

    async def discarded(self, limit: int) -> list[tuple[int, str]]:
        found = self._queries.discarded_objects(self._connection, limit=limit)
        return [(row["id"], row["prefix"]) async for row in found]

    async def forget_discarded(self, discarded_id: int) -> None:
        await self._queries.forget_discarded(self._connection, id=discarded_id)

    async def known_objects(self, upload_ids: Sequence[UUID], model_keys: Sequence[str]) -> set[str]:
        found = self._queries.known_objects(
            self._connection, upload_ids=list(upload_ids), model_keys=list(model_keys)
        )
        return {row["known"] async for row in found}
