"""Upkeep beside the requests, over all organizations."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from shared.postgres.connection import Connection


class Upkeep(Protocol):
    async def adopt(self, max_small_bytes: int) -> int:
        """Enqueue pending analyses that have no job, and return their number."""
        ...

    async def discard(self, name: str) -> None:
        """Note an object for deletion, or, if the name ends in a slash, all objects below it."""
        ...

    async def discarded(self, limit: int) -> Sequence[tuple[int, str]]:
        """Ids and names of discarded objects, oldest first."""
        ...

    async def forget_discarded(self, discarded_id: int) -> None: ...

    async def known_objects(self, upload_ids: Sequence[UUID], model_keys: Sequence[str]) -> set[str]:
        """Those of the uploads and models that are in use."""
        ...

    async def known_archives(self, prefixes: Sequence[str]) -> set[str]:
        """Those of the prefixes that an archive has."""
        ...


class PostgresUpkeep:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def adopt(self, max_small_bytes: int) -> int:
        return int(await self._queries.adopt_analyses(self._connection, max_small_bytes=max_small_bytes))

    async def discard(self, name: str) -> None:
        await self._queries.discard_objects(self._connection, prefix=name)

    async def discarded(self, limit: int) -> Sequence[tuple[int, str]]:
        found = self._queries.discarded_objects(self._connection, limit=limit)
        return [(row["id"], row["prefix"]) async for row in found]

    async def forget_discarded(self, discarded_id: int) -> None:
        await self._queries.forget_discarded(self._connection, id=discarded_id)

    async def known_objects(self, upload_ids: Sequence[UUID], model_keys: Sequence[str]) -> set[str]:
        found = self._queries.known_objects(
            self._connection, upload_ids=list(upload_ids), model_keys=list(model_keys)
        )
        return {row["known"] async for row in found}

    async def known_archives(self, prefixes: Sequence[str]) -> set[str]:
        found = self._queries.known_archives(self._connection, prefixes=list(prefixes))
        return {row["known"] async for row in found}
