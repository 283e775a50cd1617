"""The feeds of organizations."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.auth.feeds.domain import Feed
from shared.postgres.connection import Connection


class FeedRepository(Protocol):
    async def get(self, organization_id: UUID) -> Feed | None: ...

    async def put(self, organization_id: UUID, created_by: UUID, sealed_password: str, now: datetime) -> Feed:
        """Add the feed, or replace its password."""
        ...

    async def made(self, organization_id: UUID, version: int, now: datetime) -> None:
        """Forget the password: the broker knows it. Nothing happens to a feed of another version."""
        ...

    async def delete(self, organization_id: UUID) -> bool:
        """Whether there was a feed."""
        ...


class PostgresFeedRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def get(self, organization_id: UUID) -> Feed | None:
        row = await self._queries.get_feed(self._connection, organization_id=organization_id)
        return None if row is None else Feed(**row)

    async def put(self, organization_id: UUID, created_by: UUID, sealed_password: str, now: datetime) -> Feed:
        row = await self._queries.put_feed(
            self._connection,
            organization_id=organization_id,
            created_by=created_by,
            sealed_password=sealed_password,
            now=now,
        )
        return Feed(**row)

    async def made(self, organization_id: UUID, version: int, now: datetime) -> None:
        await self._queries.feed_made(
            self._connection, organization_id=organization_id, version=version, now=now
        )

    async def delete(self, organization_id: UUID) -> bool:
        deleted = await self._queries.delete_feed(self._connection, organization_id=organization_id)
        return deleted is not None
